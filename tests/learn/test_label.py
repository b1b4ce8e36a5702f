"""`outthink label` from end to end, on the scripted engine."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from writers import Evasive

from outthink.answer import extract_answer
from outthink.cli import main
from outthink.engines.scripted import Scripted
from outthink.errors import ProblemError, RecipeError, StoreError
from outthink.learn.label import LABELS, LabelRecipe, label, load_label_recipe
from outthink.learn.labels import Labelled, read_labels
from outthink.runs.runner import Progress
from outthink.runs.store import Store
from outthink.terminal.progress import Pace
from outthink.tree import Tree

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "split": "train", "limit": 8},
    "engine": {"kind": "scripted", "steps": 3, "success": 0.7},
    "label": {"kind": "rollouts", "solutions": 3, "rollouts": 4},
    "seeds": [0, 1],
}
FIRST_ERROR = {"kind": "first-error", "solutions": 3, "rollouts": 4, "searches": 2}
FAULTY = {"kind": "scripted", "steps": 3, "success": 0.7, "fault_rate": 0.03}


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., LabelRecipe]:
    """The recipe above with changes, through a file as a user gives it."""

    def load(**changes: Any) -> LabelRecipe:
        return load_label_recipe(write_recipe(tmp_path / "recipe.yaml", **changes))

    return load


def write_recipe(path: Path, **changes: Any) -> Path:
    given = {name: value for name, value in {**RECIPE, **changes}.items() if value is not None}
    path.write_text(yaml.safe_dump(given))
    return path


Recipes = Callable[..., LabelRecipe]


def trees(folder: Path) -> dict[tuple[str, int], Tree]:
    with Store.read(folder) as store:
        return {
            (result.unit.problem, result.unit.seed): store.tree(result.unit)
            for result in store.results()
            if result.error is None
        }


def by_problem(folder: Path) -> dict[str, list[Labelled]]:
    found: dict[str, list[Labelled]] = {}
    for each in read_labels(folder / LABELS):
        found.setdefault(each.problem, []).append(each)
    return found


# What comes out


async def test_labels_are_what_the_stored_trees_say(tmp_path: Path, recipe: Recipes) -> None:
    """The first three ends in a tree are its solutions; each open step of theirs has its own end and four rollouts."""
    tally = await label(recipe(seeds=[5]), tmp_path / "run")
    found = by_problem(tmp_path / "run")
    assert len(found) == tally.problems == 8
    for (problem, _), tree in trees(tmp_path / "run").items():
        solutions = {tree.path(leaf).text: tree.path(leaf) for leaf in tree.leaves}
        assert len(found[problem]) == 3 and len(solutions) == 3 * (1 + 2 * 4)
        for each in found[problem]:
            path = next(path for text, path in solutions.items() if tuple(text.split("\n\n")) == each.steps)
            assert (each.question, each.answer) == (tree.question, extract_answer(path.text))
            assert each.correct == (each.labels[-1] == 1) == all(step.startswith("right") for step in each.steps)
            assert each.counts == (5, 5, 1)
            for depth, value in enumerate(each.values[:-1], start=1):
                same = [text for text in solutions if text.split("\n\n")[:depth] == list(each.steps[:depth])]
                # The rollouts of the next step pass through this one, and do not speak for it.
                own = [text for text in same if text == path.text or _parted(text, path.text) == depth]
                assert value == sum("wrong" not in text for text in own) / 5
            assert each.labels == tuple(int(bool(value)) for value in each.values)


def _parted(one: str, other: str) -> int:
    pairs = zip(one.split("\n\n"), other.split("\n\n"), strict=True)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), 3)


@pytest.mark.parametrize("kind", [RECIPE["label"], FIRST_ERROR])
async def test_the_tally_adds_up(tmp_path: Path, recipe: Recipes, kind: dict[str, Any]) -> None:
    tally = await label(recipe(label=kind), tmp_path)
    labelled = list(read_labels(tmp_path / LABELS))
    assert (tally.problems, tally.failed) == (16, 0)
    assert tally.solutions == len(labelled) > 0
    assert tally.steps == sum(len(each.steps) for each in labelled) == 3 * len(labelled)
    assert tally.good == sum(sum(each.labels) for each in labelled)
    assert tally.right == sum(each.correct is True for each in labelled)
    assert tally.cost.generated_tokens == sum(tree.cost.engine.generated_tokens for tree in trees(tmp_path).values())
    shares = sum(each.cost.generated_tokens for each in labelled)
    assert 0 <= tally.cost.generated_tokens - shares < len(labelled) or kind is FIRST_ERROR


async def test_what_cannot_be_labelled_is_dropped_and_counted(
    tmp_path: Path, recipe: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = await label(recipe(sampling={"max_tokens": 30}), tmp_path / "cut")
    assert (cut.solutions, cut.unfinished, cut.unanswered) == (0, 3 * 16, 0)
    assert (tmp_path / "cut" / LABELS).read_text() == ""
    monkeypatch.setattr("outthink.runs.runner.make_engine", lambda spec: Evasive(steps=3))
    both = await label(recipe(sampling={"max_tokens": 12}), tmp_path / "both")
    assert (both.solutions, both.unfinished, both.unanswered) == (0, 3 * 16, 0), "each is counted once"
    evasive = await label(recipe(), tmp_path / "evasive")
    assert evasive.unanswered > 0 == evasive.unfinished
    assert evasive.solutions + evasive.unanswered == 3 * 16
    assert all(each.answer is not None for each in read_labels(tmp_path / "evasive" / LABELS))


async def test_a_subset_of_problems_has_a_subset_of_the_labels(tmp_path: Path, recipe: Recipes) -> None:
    await label(recipe(), tmp_path / "all")
    await label(recipe(problems={**RECIPE["problems"], "limit": 3, "offset": 2}), tmp_path / "some")
    some, everything = by_problem(tmp_path / "some"), by_problem(tmp_path / "all")
    assert len(some) == 3 and some.items() <= everything.items()


async def test_further_seeds_add_labels_but_no_other_labeller_does(tmp_path: Path, recipe: Recipes) -> None:
    await label(recipe(seeds=[0]), tmp_path / "run")
    before = trees(tmp_path / "run")
    with pytest.raises(StoreError, match="another recipe, with other label;"):
        await label(recipe(label=FIRST_ERROR), tmp_path / "run")
    tally = await label(recipe(seeds=[0, 1]), tmp_path / "run")
    assert tally.problems == 16
    assert before.items() <= trees(tmp_path / "run").items()
    await label(recipe(), tmp_path / "whole")
    assert (tmp_path / "run" / LABELS).read_text() == (tmp_path / "whole" / LABELS).read_text()


async def test_so_many_rollouts_are_harvested_as_the_recipe_says(tmp_path: Path, recipe: Recipes) -> None:
    for harvest in (0, 4, 1000):
        await label(recipe(seeds=[0], harvest=harvest), tmp_path / str(harvest))
    none, four, every = (by_problem(tmp_path / str(harvest)) for harvest in (0, 4, 1000))
    for problem, solutions in none.items():
        labelled = [[each.steps for each in found[problem]] for found in (none, four, every)]
        assert list(map(len, labelled)) == [3, 3 + 4, 3 + 3 * 2 * 4]
        assert labelled[0] == labelled[1][:3] == labelled[2][:3]
        assert set(labelled[1]) <= set(labelled[2]) and len(set(labelled[2])) == len(labelled[2])
        assert [each.values for each in solutions] == [each.values for each in every[problem][:3]]


# Interrupting


class Interrupted(Exception):
    pass


def after(results: int) -> Callable[[Progress], None]:
    def watch(progress: Progress) -> None:
        if progress.done >= results:
            raise Interrupted

    return watch


@pytest.mark.parametrize("kind", [RECIPE["label"], FIRST_ERROR])
async def test_an_interrupted_run_comes_to_the_same_file(tmp_path: Path, recipe: Recipes, kind: dict[str, Any]) -> None:
    whole = await label(recipe(label=kind), tmp_path / "whole")
    for results in (1, 6, 11):
        with pytest.raises(Interrupted):
            await label(recipe(label=kind, in_flight=3), tmp_path / "cut", after(results))
        assert not (tmp_path / "cut" / LABELS).exists()
        assert results <= len(trees(tmp_path / "cut")) < 16
    assert await label(recipe(label=kind), tmp_path / "cut") == whole
    assert (tmp_path / "cut" / LABELS).read_bytes() == (tmp_path / "whole" / LABELS).read_bytes()


async def test_the_order_in_which_results_came_changes_nothing(
    tmp_path: Path, recipe: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await label(recipe(), tmp_path)
    before, results = (tmp_path / LABELS).read_bytes(), Store.results
    monkeypatch.setattr(Store, "results", lambda self: results(self)[::-1])
    await label(recipe(), tmp_path)
    assert (tmp_path / LABELS).read_bytes() == before


async def test_a_finished_run_asks_no_engine_and_writes_the_file_again(
    tmp_path: Path, recipe: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally = await label(recipe(), tmp_path)
    before = (tmp_path / LABELS).read_bytes()
    (tmp_path / LABELS).unlink()
    monkeypatch.setattr("outthink.runs.runner.make_engine", lambda spec: pytest.fail("there is nothing to write"))
    assert await label(recipe(), tmp_path) == tally
    assert (tmp_path / LABELS).read_bytes() == before


# What fails


async def test_problems_without_answers_are_refused_before_anything_is_written(tmp_path: Path, recipe: Recipes) -> None:
    problems = tmp_path / "problems.jsonl"
    rows = [{"question": f"{n}?", "id": f"p{n}", "answer": str(n) if n < 4 else None} for n in range(6)]
    problems.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ProblemError, match=r"problems\.jsonl: 2 of 6 problems have no answer, first p4; .*columns"):
        await label(recipe(problems={"source": str(problems)}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    await label(recipe(problems={"source": str(problems), "limit": 4}), tmp_path / "run")


async def test_failures_are_recorded_and_tried_again_only_on_request(
    tmp_path: Path, recipe: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await label(recipe(engine=FAULTY), tmp_path / "run")
    assert 0 < first.failed < 16 and first.problems == 16 - first.failed
    assert len(trees(tmp_path / "run")) == first.problems
    assert first.solutions == len(list(read_labels(tmp_path / "run" / LABELS))) == 3 * first.problems

    seen: list[Progress] = []
    assert await label(recipe(engine=FAULTY), tmp_path / "run", seen.append) == first
    assert seen == []

    healthy = {**FAULTY, "fault_rate": 0.0}
    monkeypatch.setattr("outthink.runs.runner.make_engine", lambda spec: Scripted(steps=3, success=0.7))
    again = await label(recipe(engine=FAULTY), tmp_path / "run", seen.append, retry_failed=True)
    assert len(seen) == first.failed
    assert again == await label(recipe(engine=healthy), tmp_path / "healthy") and again.failed == 0
    assert (tmp_path / "run" / LABELS).read_bytes() == (tmp_path / "healthy" / LABELS).read_bytes()


# Recipes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": None}, r"recipe\.yaml: label is missing; for example: label: \{kind: rollouts"),
        ({"problems": None}, r"recipe\.yaml: problems is missing"),
        ({"label": {"kind": "rolouts"}}, "label: there are no labellers of kind 'rolouts'; did you mean 'rollouts'"),
        ({"label": "first_error"}, "label: there are no labellers of kind 'first_error'; did you mean 'first-error'"),
        ({"label": {"rollouts": 4}}, "label.kind is missing; valid: first-error, rollouts"),
        ({"label": {"kind": "rollouts", "rollout": 4}}, "label: unknown key 'rollout'; did you mean 'rollouts'"),
        ({"label": {"kind": "rollouts", "rollouts": "many"}}, r"label\.rollouts: .*integer \(got 'many'\)"),
        ({"label": {"kind": "rollouts", "rollouts": 0}}, "label: rollouts is 0; it must be at least 1"),
        ({"label": {"kind": "first-error", "alpha": 2.0}}, r"label: alpha is 2\.0"),
        ({"harvest": -1}, "harvest: expected a whole number from 0 on, got -1"),
        ({"harvest": True}, "harvest: expected a whole number from 0 on, got True"),
        ({"strategies": ["greedy"]}, "unknown key 'strategies'"),
        ({"verifier": "scripted"}, "unknown key 'verifier'"),
    ],
)
def test_a_wrong_recipe_is_refused_by_field(recipe: Recipes, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(**changes)


def test_a_recipe_can_be_changed(tmp_path: Path) -> None:
    path = write_recipe(tmp_path / "recipe.yaml")
    loaded = load_label_recipe(path, ["label.rollouts=2", "label.max_steps=5", "problems.limit=1"])
    assert loaded.labeller.samples == 3 * (1 + 2 * 5)
    assert loaded.recipe.problems.limit == 1


# Progress


async def test_the_time_left_runs_out_with_the_problems(tmp_path: Path, recipe: Recipes) -> None:
    loaded = recipe()
    samples = {entry.name: entry.strategy.samples for entry in loaded.recipe.strategies}
    pace, seen, left = Pace(samples), list[Progress](), list[float | None]()

    def watch(progress: Progress) -> None:
        seen.append(progress)
        left.append(pace.left(progress))

    await label(loaded, tmp_path, watch)
    assert [progress.done for progress in seen] == list(range(1, 17))
    assert all(progress.graded == 0 for progress in seen), "there is nothing to say of how many are right"
    assert left[-1] == 0.0
    for progress, guess in zip(seen, left, strict=True):
        assert guess == pytest.approx(progress.seconds * (16 - progress.done) / progress.done)


# The command


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Calls the program in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return Outcome(int(left.value.code or 0), out, err)

    return call


def test_the_command_prints_the_tally_and_names_the_file(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    write_recipe(tmp_path / "mine.yaml")
    done = cli("label", "mine.yaml", "--set", "seeds=[0]")
    assert done.status == 0
    labelled = list(read_labels(tmp_path / "runs" / "mine" / LABELS))
    assert [line.split()[:2] for line in done.out.splitlines()[:3]] == [
        ["8", "problems"],
        [str(len(labelled)), "solutions,"],
        [str(3 * len(labelled)), "steps,"],
    ]
    assert f"Labels: {Path('runs') / 'mine' / LABELS}" in done.err
    assert "8/8  label, " in done.err and "right" not in done.err


def test_the_command_goes_on_where_it_was_interrupted(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_recipe(tmp_path / "mine.yaml", in_flight=2)
    whole = cli("label", "mine.yaml", "--out", "whole")

    add, stored = Store.add, 0

    def interrupted(self: Store, *result: Any) -> None:
        nonlocal stored
        stored += 1
        if stored > 5:
            raise KeyboardInterrupt
        add(self, *result)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", interrupted)
        cut = cli("label", "mine.yaml", "--out", "cut")
    assert (cut.status, cut.out) == (130, "")
    assert "Interrupted: what was labelled is kept in cut; the same command goes on from there." in cut.err
    resumed = cli("label", "mine.yaml", "--out", "cut")
    assert (resumed.status, resumed.out) == (0, whole.out)
    assert (tmp_path / "cut" / LABELS).read_bytes() == (tmp_path / "whole" / LABELS).read_bytes()


def test_the_command_says_what_failed_and_tries_again_when_told(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    write_recipe(tmp_path / "mine.yaml", engine=FAULTY)
    first = cli("label", "mine.yaml")
    assert first.status == 0 and "more failed" in first.out
    assert cli("label", "mine.yaml").err.count("label,") == 0
    assert cli("label", "mine.yaml", "--retry-failed").err.count("label,") > 0


def test_the_command_refuses_a_wrong_recipe_without_a_traceback(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    write_recipe(tmp_path / "mine.yaml", label={"kind": "rolouts"})
    done = cli("label", "mine.yaml")
    assert done.status == 2 and "did you mean 'rollouts'" in done.err and "Traceback" not in done.err
    assert not (tmp_path / "runs").exists()
