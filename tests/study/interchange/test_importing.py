"""Others' completions as a run: golden files of each form, and every way in which one can be broken, by its line."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.engines import Sampling
from outthink.errors import ProblemError, RecipeError, StoreError, UsageError
from outthink.learn.evaluation.stored import stored_samples
from outthink.packing import pack, unpack
from outthink.problems import Problem
from outthink.prompt import Prompt
from outthink.registry import make_engine, make_strategy, make_verifier
from outthink.runs.recipe import parse_recipe
from outthink.runs.results import Unit, Verdict
from outthink.runs.store import Store
from outthink.solver import Solver
from outthink.study.interchange import Imported, import_completions
from outthink.study.interchange.completions import Completion
from outthink.study.interchange.importing import planted
from outthink.study.summary import summarise
from outthink.tree import Tree

ADDED = "First 2 + 2.\n\nThe answer is 4."
GUESSED = "I guess.\n\nThe answer is 5."
HALF = "Sum them.\n\n\\boxed{\\frac{1}{2}}"

# As search-and-learn writes best-of-N: scores for each step, tokens for each completion.
SAMPLED: list[dict[str, Any]] = [
    {
        "problem": "What is 2 + 2?",
        "answer": "4",
        "solution": "Add them.",
        "subject": "Arithmetic",
        "level": 1,
        "unique_id": "add",
        "completions": [ADDED, GUESSED, ADDED],
        "scores": [[0.9, 0.8], [0.7, 0.95], [0.5, 0.3]],
        "agg_scores": [0.8, 0.95, 0.3],
        "completion_tokens": [11, 8, 11],
        "pred": GUESSED,
        "pred_maj@1": r"\boxed{4}",
    },
    {
        "problem": "What is 1/3 + 1/6?",
        "answer": r"\frac12",
        "unique_id": "halves",
        "completions": [HALF, "The answer is 0.5."],
        "scores": [[0.6, 0.4], [0.2]],
        "completion_tokens": [9, 6],
    },
]


def jsonl(path: Path, *rows: object) -> str:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def parquet(path: Path, rows: list[dict[str, Any]]) -> str:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return str(path)


async def imported(folder: Path, *rows: object, **options: Any) -> Imported:
    return await import_completions(jsonl(folder / "theirs.jsonl", *rows), folder / "run", **options)


def trees(folder: Path) -> dict[str, Tree]:
    with Store.read(folder) as store:
        return {result.unit.problem: store.tree(result.unit) for result in store.results()}


def steps(tree: Tree) -> list[list[tuple[str, float | None]]]:
    """Text and score of each step, solution by solution."""
    return [[(node.text, node.score) for node in tree.path(leaf).nodes] for leaf in tree.leaves]


def row(**changes: Any) -> dict[str, Any]:
    return {"problem": "What is 2 + 2?", "answer": "4", "id": "add", "completions": [ADDED, GUESSED], **changes}


# --- what comes of a file


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
async def test_best_of_n_by_search_and_learn(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"theirs.{suffix}"
    source = parquet(path, SAMPLED) if suffix == "parquet" else jsonl(path, *SAMPLED)
    found = await import_completions(source, tmp_path / "run")
    assert found == Imported(problems=2, completions=5, unfinished=0, scored=True, uncounted=0, skipped=())

    with Store.read(tmp_path / "run") as store:
        add, halves = store.problems()
        assert (add.question, add.answer, add.solution) == ("What is 2 + 2?", "4", "Add them.")
        assert (add.id, add.subject, add.level, halves.id) == ("add", "Arithmetic", "1", "halves")
        recipe = parse_recipe(json.loads(store.recipe()), "recipe")
        assert [(entry.name, entry.strategy) for entry in recipe.strategies] == [
            ("sample-3", make_strategy({"kind": "sample", "n": 3}))
        ]
        assert recipe.prompt.step == "\n\n" and recipe.prompt.messages("Why?") == [{"role": "user", "content": "Why?"}]
        first, second = store.results()
        assert first.unit == Unit("sample-3", 0, "add") and first.error is first.stopped is None
        assert (first.leaves, first.cost.engine.generated_tokens, first.cost.verifier.scored_tokens) == (3, 30, 0)
        assert first.began == first.ended and first.digest == store.tree(first.unit).digest()
        verdicts = {each.selection: each for each in first.verdicts}
        assert verdicts["majority"] == Verdict(
            selection="majority", answer="4", correct=True, ungraded=None, votes=2, weight=2 / 3
        )
        assert (verdicts["best"].answer, verdicts["best"].correct) == ("5", False)
        assert verdicts["weighted"].weight == pytest.approx(1.1 / 2.05)
        # Graded by algebra: 1/2 was written in three ways.
        assert [each.correct for each in second.verdicts] == [True, True, True]
        assert [row.accuracy for row in summarise(store.results(), [("sample-3", "best")])] == [0.5]

    tree = trees(tmp_path / "run")["add"]
    assert steps(tree) == [
        [("First 2 + 2.\n\n", 0.9), ("The answer is 4.", 0.8)],
        [("I guess.\n\n", 0.7), ("The answer is 5.", 0.95)],
        [("First 2 + 2.\n\n", 0.5), ("The answer is 4.", 0.3)],
    ]
    assert [leaf.length for leaf in tree.leaves] == [11, 8, 11]
    assert [tree.path(leaf).nodes[0].ordinal for leaf in tree.leaves] == [0, 1, 2] and tree.root.children == 3


PLAIN = [
    {"question": "What is 2 + 2?", "answer": "4", "completions": [{"text": ADDED, "scores": [0.9, 0.8], "tokens": 11}]},
    {"question": "What is 2 + 2?", "answer": "4", "completions": [ADDED], "scores": [[0.9, 0.8]], "tokens": [11]},
    {"question": "What is 2 + 2?", "answer": "4", "completion": ADDED, "scores": [0.9, 0.8], "tokens": 11},
]


@pytest.mark.parametrize("plain", PLAIN, ids=["objects", "texts", "single"])
async def test_plain_rows_say_the_same(tmp_path: Path, plain: dict[str, Any]) -> None:
    found = await imported(tmp_path, plain)
    assert (found.completions, found.scored, found.uncounted) == (1, True, 0)
    (tree,) = trees(tmp_path / "run").values()
    assert steps(tree) == [[("First 2 + 2.\n\n", 0.9), ("The answer is 4.", 0.8)]]
    assert tree.cost.engine.generated_tokens == 11


async def test_single_completions_are_gathered_by_problem(tmp_path: Path) -> None:
    rows = [
        {"question": "What is 2 + 2?", "answer": "4", "completion": ADDED},
        {"question": "What is 3 + 3?", "answer": "6", "completion": "The answer is 6."},
        {"question": "What is 2 + 2?", "answer": "4", "completion": GUESSED},
    ]
    found = await imported(tmp_path, *rows)
    assert (found.problems, found.completions, found.scored) == (2, 3, False)
    sizes = [len(tree.leaves) for tree in trees(tmp_path / "run").values()]
    assert sizes == [2, 1]
    with Store.read(tmp_path / "run") as store:
        assert [each.selection for each in store.results()[0].verdicts] == ["majority"]


async def test_csv_has_its_numbers_as_text(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["id", "question", "answer", "completion", "score", "tokens"], ["add", "2 + 2?", "4", ADDED, "0.75", "11"]]
        )
    await import_completions(str(path), tmp_path / "run")
    # One score for the whole stands at its end.
    assert steps(trees(tmp_path / "run")["add"]) == [[("First 2 + 2.\n\n", None), ("The answer is 4.", 0.75)]]


@pytest.mark.parametrize("scores", [[0.8, 0.1], [[0.8], [0.1]]])
async def test_one_score_a_completion_is_its_score_however_it_is_aggregated(tmp_path: Path, scores: object) -> None:
    await imported(tmp_path, row(scores=scores), aggregate="prod")
    with Store.read(tmp_path / "run") as store:
        verdicts = {each.selection: each for each in store.results()[0].verdicts}
        assert verdicts["weighted"].weight == pytest.approx(0.8 / 0.9)


async def test_scores_of_the_empty_text_behind_a_separator_are_dropped(tmp_path: Path) -> None:
    """Some reward models are asked for them too, which leaves one score more than there are steps."""
    await imported(tmp_path, row(completions=["A.\n\nThe answer is 4.\n\n"], scores=[[0.9, 0.8, 0.1]]))
    assert steps(trees(tmp_path / "run")["add"]) == [[("A.\n\n", 0.9), ("The answer is 4.\n\n", 0.8)]]


async def test_blank_steps_are_kept_and_have_no_score(tmp_path: Path) -> None:
    await imported(tmp_path, row(completions=["A.\n\n\n\nThe answer is 4."], scores=[[0.9, 0.8]]))
    assert steps(trees(tmp_path / "run")["add"]) == [[("A.\n\n", 0.9), ("\n\n", None), ("The answer is 4.", 0.8)]]


async def test_a_completion_that_says_nothing_has_nothing_to_score(tmp_path: Path) -> None:
    await imported(tmp_path, row(completions=["", ADDED], scores=[[0.3], [0.9, 0.8]]))
    assert [len(each) for each in steps(trees(tmp_path / "run")["add"])] == [1, 2]


async def test_the_last_scores_alone_where_there_are_more_than_steps(tmp_path: Path) -> None:
    """As in search-and-learn's DVTS, whose scores are of the text with a step of lookahead."""
    ahead = row(completions=[ADDED], scores=[[0.9, 0.8, 0.6, 0.5]])
    with pytest.raises(ProblemError, match=r"line 1, completion 1: 4 scores for 2 steps.*last score alone"):
        await imported(tmp_path, ahead)
    await imported(tmp_path, ahead, scores="last")
    assert steps(trees(tmp_path / "run")["add"]) == [[("First 2 + 2.\n\n", None), ("The answer is 4.", 0.5)]]


async def test_another_separator(tmp_path: Path) -> None:
    await imported(tmp_path, row(completions=["A.\nThe answer is 4."], scores=[[0.9, 0.8]]), step="\n")
    assert steps(trees(tmp_path / "run")["add"]) == [[("A.\n", 0.9), ("The answer is 4.", 0.8)]]


@pytest.mark.parametrize("tokens", [-1, [0, 0], None], ids=["dvts", "beam search", "absent"])
async def test_tokens_nobody_counted_are_unknown_not_none(tmp_path: Path, tokens: object) -> None:
    found = await imported(tmp_path, row(completion_tokens=tokens))
    assert found.uncounted == 2
    assert trees(tmp_path / "run")["add"].cost.engine.generated_tokens == 0


async def test_if_one_completion_was_not_counted_no_count_is_kept(tmp_path: Path) -> None:
    """A sum over some of them would be too small."""
    found = await imported(tmp_path, row(completion_tokens=[11, None]))
    assert found.uncounted == 1
    assert trees(tmp_path / "run")["add"].cost.engine.generated_tokens == 0


async def test_columns_are_named_where_they_are_called_otherwise(tmp_path: Path) -> None:
    theirs = {"prompt": "2 + 2?", "target": "4", "responses": [ADDED], "rewards": [[0.9, 0.8]], "lengths": [11]}
    columns = {
        "question": "prompt",
        "answer": "target",
        "completions": "responses",
        "scores": "rewards",
        "tokens": "lengths",
    }
    found = await imported(tmp_path, theirs, columns=columns)
    assert found.scored and not found.uncounted
    with Store.read(tmp_path / "run") as store:
        assert store.problems()[0].answer == "4"


async def test_what_a_search_wrote_is_no_pool_of_samples(tmp_path: Path) -> None:
    """Nor has an unfinished sibling, which ends where a step ends, come to its end."""
    found = await imported(
        tmp_path, row(completions=[ADDED, "4 or 5.\n\n"], scores=[[0.9, 0.8], [0.99]]), searched=True
    )
    assert found.unfinished == 1
    (leaf,) = trees(tmp_path / "run")["add"].leaves
    assert leaf.text == "The answer is 4."
    with Store.read(tmp_path / "run") as store:
        assert [verdict.answer for verdict in store.results()[0].verdicts] == ["4", "4", "4"]
        assert store.results()[0].unit.strategy == "imported-2"
        with pytest.raises(UsageError, match="independent samples"):
            stored_samples(store)


async def test_a_search_without_scores_can_be_counted(tmp_path: Path) -> None:
    await imported(tmp_path, row(), searched=True)
    with Store.read(tmp_path / "run") as store:
        assert [each.selection for each in store.results()[0].verdicts] == ["majority"]


async def test_what_is_said_to_be_unfinished_does_not_vote_but_is_a_sample(tmp_path: Path) -> None:
    found = await imported(tmp_path, row(finished=[True, False], weights=[2.0, 1.0]))
    assert found.unfinished == 1
    tree = trees(tmp_path / "run")["add"]
    assert [(leaf.text, leaf.weight) for leaf in tree.leaves] == [("The answer is 4.", 2.0)]
    with Store.read(tmp_path / "run") as store:
        samples, _ = stored_samples(store)
    assert [(sample.steps[-1], sample.finished) for sample in samples] == [
        ("The answer is 4.", True),
        ("The answer is 5.", False),
    ]


async def test_a_data_set_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rows(name: str, *, config: str | None, split: str) -> Any:
        asked.append((name, config, split))
        yield from [(f"{name}/row 1", SAMPLED[0])]

    monkeypatch.setattr("outthink.problems.load.hub_rows", rows)
    found = await import_completions("HuggingFaceH4/completions:seed-0", tmp_path, split="train")
    assert asked == [("HuggingFaceH4/completions", "seed-0", "train")] and found.completions == 3


async def test_it_is_told_how_far_it_has_come(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    await imported(tmp_path, *SAMPLED, watch=lambda *progress: told.append(progress))
    assert told == [
        ("rows read", 1, None),
        ("rows read", 2, None),
        ("problems graded", 1, 2),
        ("problems graded", 2, 2),
    ]


async def test_an_import_that_was_interrupted_is_gone_on_with(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def stop(what: str, done: int, total: int | None) -> None:
        if what == "problems graded":
            raise Interrupted

    with pytest.raises(Interrupted):
        await imported(tmp_path, *SAMPLED, watch=stop)
    with Store.read(tmp_path / "run") as store:
        (before,) = store.results()
    await imported(tmp_path, *SAMPLED)
    with Store.read(tmp_path / "run") as store:
        assert store.results()[0] == before and len(store.results()) == 2


async def test_a_folder_belongs_to_one_file(tmp_path: Path) -> None:
    await imported(tmp_path, *SAMPLED)
    with pytest.raises(StoreError, match="another recipe"):
        await imported(tmp_path, *SAMPLED, aggregate="min")


async def test_what_was_imported_cannot_be_continued() -> None:
    engine = make_engine({"kind": "imported", "source": "theirs.jsonl"})
    with pytest.raises(UsageError, match=r"imported from theirs\.jsonl"):
        async with Solver(engine=engine, sampling=Sampling()):
            pass
    with pytest.raises(UsageError, match=r"imported from theirs\.jsonl"):
        await engine.encode([])
    with pytest.raises(UsageError, match=r"imported from theirs\.jsonl"):
        await anext(engine.sample(SimpleNamespace(), SimpleNamespace()))  # type: ignore[arg-type]
    verifier = make_verifier({"kind": "imported", "aggregate": "min"})
    assert verifier.aggregate == "min"
    with pytest.raises(UsageError, match="were imported"):
        await verifier.open(engine)
    with pytest.raises(UsageError, match="were imported"):
        await verifier.score(SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="carried out elsewhere"):
        await make_strategy({"kind": "imported", "n": 4})(SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="n is 0"):
        make_strategy({"kind": "imported", "n": 0})


@given(text=st.text(alphabet="ab \n", max_size=40), separator=st.sampled_from(["\n\n", "\n", "a", " b"]))
def test_a_tree_says_what_the_completion_said(text: str, separator: str) -> None:
    """Cut at every separator, with nothing lost, and with one score for each step that says something."""
    said = [piece for piece in text.split(separator) if piece.strip()]
    scores = tuple(place / 100 for place in range(len(said)))
    problem, prompt = Problem(question="Which?"), Prompt(step=separator)
    tree = planted(problem, [Completion(text=text, scores=scores), Completion(text="a")], prompt)
    first, second = tree.leaves
    assert (tree.path(first).text, tree.path(second).text) == (text, "a")
    assert all(separator not in node.text.removesuffix(separator) for node in tree.path(first).nodes)
    assert tuple(tree.path(first).scores) == scores
    assert unpack(pack(tree)) == tree


# --- what is broken

GOOD = row(id="good", scores=[[0.9, 0.8], [0.7, 0.6]])

BROKEN: Mapping[str, tuple[object, str]] = {
    "not JSON": ('{"problem": }', "line 2, column 13: not JSON"),
    "no object": ("[1]", "line 2: not an object but list"),
    "no question": ({"answer": "4", "completions": [ADDED]}, "line 2: no column 'problem' or 'question'"),
    "no completions": ({"problem": "2 + 2?"}, "line 2: no column 'completions' for the completions"),
    "none at all": (row(completions=[]), "line 2: completions: the list is empty"),
    "no list": (row(completions=ADDED), "line 2: completions: expected a list, got 'First 2"),
    "no text": (row(completions=[ADDED, 4]), "line 2, completion 2: expected the text of a completion, got 4"),
    "mixed": (row(completions=[{"text": ADDED}, ADDED]), "line 2, completion 2: expected an object with `text`"),
    "too few scores": (row(scores=[[0.9, 0.8]]), "line 2: scores: 1 for 2 completions; there must be one for each"),
    "too few steps scored": (
        row(completions=["A.\n\nB.\n\nC."], scores=[[0.9, 0.8]]),
        r"line 2, completion 1: 2 scores for 3 steps; name the text that ends a step (it is taken to be '\n\n')",
    ),
    "not a number": (row(scores=[[0.9, float("nan")], [0.7, 0.6]]), "line 2, completion 1: scores: nan is none"),
    "out of range": (row(scores=[[0.9, 0.8], [0.7, 1.2]]), "line 2, completion 2: scores: 1.2 is none"),
    "a word": (row(scores=[[0.9, "good"], [0.7, 0.6]]), "line 2, completion 1: scores: expected a number, got 'good'"),
    "a truth": (row(scores=[True, False]), "line 2, completion 1: scores: expected a number, got True"),
    "no scores": (row(), "line 2: scores are missing, which theirs.jsonl, line 1 has; give all, or none"),
    "some scores": (row(scores=[[0.9, 0.8], None]), "line 2: scores are missing, which theirs.jsonl, line 1 has"),
    "negative tokens": (row(scores=[0.5, 0.5], tokens=[4, -3]), "line 2, completion 2: tokens: -3 is no count"),
    "half a token": (row(scores=[0.5, 0.5], tokens=[4, 2.5]), "line 2, completion 2: tokens: 2.5 is no count"),
    "tokens are words": (row(scores=[0.5, 0.5], tokens="many"), "line 2: tokens: expected a list with one for each"),
    "finished is no truth": (row(scores=[0.5, 0.5], finished=[1, 2]), "line 2, completion 1: finished: expected true"),
    "no vote": (row(scores=[0.5, 0.5], weights=[1, 0]), "line 2, completion 2: weight: it is 0.0"),
    "twice the same id": (
        row(id="good", scores=[0.5, 0.5]),
        "line 2: the problem 'good' was given before, at theirs.jsonl, line 1",
    ),
    "another answer": (
        {"problem": "What is 2 + 2?", "answer": "5", "id": "good", "completion": ADDED, "score": 0.5},
        "line 2: the problem 'good' has another question or answer than at theirs.jsonl, line 1",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_row_is_named_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    broken, message = BROKEN[kind]
    source = jsonl(Path("theirs.jsonl"), GOOD, broken, row(id="after", scores=[0.4, 0.2]))
    with pytest.raises(ProblemError) as refused:
        await import_completions(source, tmp_path / "run")
    assert str(refused.value).startswith(f"theirs.jsonl, {message}")
    assert not (tmp_path / "run").exists()

    found = await import_completions(source, tmp_path / "run", skip_broken=True)
    assert found.problems == 2 and found.skipped == (str(refused.value),)
    assert (tmp_path / "run" / "skipped.txt").read_text() == f"{refused.value}\n"
    assert list(trees(tmp_path / "run")) == ["good", "after"]


async def test_scores_where_the_first_row_had_none(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"line 2: there are scores, and none at .*line 1; give all, or none"):
        await imported(tmp_path, row(), row(id="other", scores=[0.5, 0.5]))


async def test_a_line_that_is_no_text_is_passed_over_too(tmp_path: Path) -> None:
    path = tmp_path / "theirs.jsonl"
    path.write_bytes(b"\xff\xfe\n" + json.dumps(row()).encode() + b"\n")
    found = await import_completions(str(path), tmp_path / "run", skip_broken=True)
    assert found.problems == 1 and "line 1: not UTF-8" in found.skipped[0]


async def test_nothing_to_import_is_an_error_also_where_rows_are_skipped(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="holds no completion that can be imported"):
        await imported(tmp_path, "{}", skip_broken=True)
    with pytest.raises(ProblemError, match="no such file"):
        await import_completions(str(tmp_path / "none.jsonl"), tmp_path / "run", skip_broken=True)


async def test_what_is_asked_for_wrongly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no field 'score'; did you mean 'scores'"):
        await imported(tmp_path, row(), columns={"score": "x"})
    with pytest.raises(ProblemError, match="line 1: no column 'rewards' for the scores"):
        await imported(tmp_path, row(), columns={"scores": "rewards"})
    with pytest.raises(UsageError, match="no source of problems"):
        await import_completions("theirs.txt", tmp_path / "run")
