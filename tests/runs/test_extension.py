"""A run's folder takes further strategies, seeds and selections; nothing stored is computed again, or mixed up."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import EngineError, ModelNotFound, StoreError
from outthink.runs.recipe import Recipe, parse_recipe
from outthink.runs.results import Result, Unit
from outthink.runs.runner import run
from outthink.runs.store import Store
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

SAMPLE = {"kind": "sample", "n": 4, "select": ["majority", "weighted"]}
BEAM = {"kind": "beam", "n": 4}
RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 6},
    "engine": {"kind": "scripted", "steps": 3},
    "verifier": {"kind": "scripted", "noise": 0.3},
    "strategies": ["greedy", SAMPLE, BEAM],
}


def recipe(**changes: Any) -> Recipe:
    return parse_recipe({**RECIPE, **changes}, "recipe")


def results(folder: Path) -> dict[Unit, Result]:
    with Store.read(folder) as store:
        return {result.unit: result for result in store.results()}


def union(folder: Path) -> Recipe:
    with Store.read(folder) as store:
        return parse_recipe(json.loads(store.recipe()), "stored")


async def fresh(folder: Path, **changes: Any) -> dict[Unit, Any]:
    """What a recipe comes to in a folder of its own, but for the clock."""
    await run(recipe(**changes), folder)
    return {unit: (result.digest, set(result.verdicts)) for unit, result in results(folder).items()}


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, engines and verifiers cannot even be opened."""

    async def gone(*_: object) -> None:
        raise EngineError("nothing was to be asked")

    def forbid() -> None:
        for model in (ScriptedEngine, ScriptedVerifier):
            monkeypatch.setattr(model, "open", gone)

    return forbid


async def test_seeds_and_strategies_are_added_and_nothing_is_computed_again(tmp_path: Path) -> None:
    await run(recipe(strategies=["greedy", SAMPLE]), tmp_path / "run")
    before = results(tmp_path / "run")
    done: list[int] = []
    await run(recipe(seeds=[0, 1]), tmp_path / "run", lambda progress: done.append(progress.total - progress.done))
    assert len(done) == 6 * (1 + 3) and done[-1] == 0
    after = results(tmp_path / "run")
    assert before.items() <= after.items()
    found = {unit: (result.digest, set(result.verdicts)) for unit, result in after.items()}
    assert found == await fresh(tmp_path / "whole", seeds=[0, 1])


async def test_what_is_left_out_stays_and_is_not_missed(tmp_path: Path) -> None:
    await run(recipe(seeds=[0, 1]), tmp_path)
    before = results(tmp_path)
    done: list[int] = []
    await run(recipe(strategies=[{**BEAM, "n": 2, "width": 2}], seeds=[1]), tmp_path, lambda p: done.append(p.done))
    assert done == [1, 2, 3, 4, 5, 6]
    assert before.items() <= results(tmp_path).items()
    assert [entry.name for entry in union(tmp_path).strategies] == ["beam-2", "greedy", "sample-4", "beam-4"]
    assert union(tmp_path).seeds == (1, 0)
    with Store.read(tmp_path) as store:
        assert store.plan() == {("beam-2", 1)}


async def test_a_selection_is_added_without_a_model(tmp_path: Path, no_models: Callable[[], None]) -> None:
    strategies = ["greedy", SAMPLE | {"select": "weighted"}, BEAM]
    await run(recipe(strategies=strategies), tmp_path / "run")
    more = ["greedy", SAMPLE | {"select": ["majority", "best", "best-of-majority"]}, BEAM | {"select": "majority"}]
    expected = await fresh(
        tmp_path / "whole",
        strategies=[
            more[0],
            SAMPLE | {"select": ["majority", "best", "weighted", "best-of-majority"]},
            BEAM | {"select": ["majority", "weighted"]},
        ],
    )
    no_models()
    await run(recipe(strategies=more), tmp_path / "run")
    assert {unit: (r.digest, set(r.verdicts)) for unit, r in results(tmp_path / "run").items()} == expected
    assert [entry.select for entry in union(tmp_path / "run").strategies[1:]] == [
        ("majority", "best", "best-of-majority", "weighted"),
        ("majority", "weighted"),
    ]


async def test_another_aggregate_is_read_off_the_trees_where_it_did_not_decide_them(
    tmp_path: Path, no_models: Callable[[], None]
) -> None:
    await run(recipe(strategies=[SAMPLE]), tmp_path / "run")
    before = results(tmp_path / "run")
    by_minimum = [SAMPLE | {"aggregate": "min"}]
    expected = await fresh(tmp_path / "whole", strategies=by_minimum)
    no_models()
    await run(recipe(strategies=by_minimum), tmp_path / "run")
    after = results(tmp_path / "run")
    assert {unit: (result.digest, set(result.verdicts)) for unit, result in after.items()} == expected
    assert {unit: set(result.verdicts) for unit, result in before.items()} != {
        unit: set(result.verdicts) for unit, result in after.items()
    }


async def test_a_selection_that_was_dropped_is_kept_for_what_is_new(tmp_path: Path) -> None:
    """Else the same strategy would be scored with one seed and not with the other."""
    await run(recipe(strategies=[SAMPLE]), tmp_path)
    await run(recipe(strategies=[SAMPLE | {"select": "majority"}], seeds=[1]), tmp_path)
    assert all(result.cost.verifier.calls and len(result.verdicts) == 2 for result in results(tmp_path).values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"strategies": [BEAM | {"width": 2}]},
            r"strategy 'beam-4' has results as .*\"n\": 4\}, and is now .*\"width\": 2",
        ),
        ({"strategies": [BEAM | {"aggregate": "min"}]}, "strategy 'beam-4' has results as .*give it a `name`"),
        ({"strategies": [SAMPLE | {"budget": {"tokens": 50}}]}, "strategy 'sample-4' has results as .*tokens"),
        (
            {"strategies": [{"kind": "sample", "n": 1, "name": "greedy"}]},
            r"'greedy' has results as \{.kind.: .greedy.\}, and is now",
        ),
        (
            {"strategies": [{"kind": "greedy", "select": "best"}]},
            "'greedy' has results that were not scored, and is now selected by best",
        ),
        (
            {"engine": {"kind": "scripted", "steps": 2}, "sampling": {"top_k": 3}},
            "another recipe, with other engine, sampling;",
        ),
        ({"verifier": {"kind": "scripted"}}, "with other verifier;"),
        ({"prompt": {"system": "Think."}}, "with other prompt;"),
        ({"budget": {"tokens": 500}}, "with other budget;"),
        ({"partners": {"big": {"kind": "scripted"}}}, "with other partners;"),
        ({"sandbox": {"seconds": 3.0}}, "with other sandbox;"),
        ({"problems": {"source": "builtin:scripted", "limit": 5}}, "results on other problems"),
    ],
)
async def test_what_would_change_a_stored_result_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str, no_models: Callable[[], None]
) -> None:
    await run(recipe(), tmp_path)
    before, text = results(tmp_path), union(tmp_path)
    no_models()
    with pytest.raises(StoreError, match=message):
        await run(recipe(**changes), tmp_path)
    assert (results(tmp_path), union(tmp_path)) == (before, text)


async def test_options_that_are_spelled_out_are_the_same_options(tmp_path: Path) -> None:
    await run(recipe(), tmp_path)
    seen: list[object] = []
    await run(
        recipe(strategies=["greedy", SAMPLE, BEAM | {"width": 4, "max_steps": 40, "name": "beam-4"}]),
        tmp_path,
        seen.append,
    )
    assert seen == []


async def test_a_folder_without_a_result_takes_any_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong model is found when it is loaded: the recipe put right goes into the same folder."""

    async def missing(self: ScriptedEngine) -> None:
        raise ModelNotFound("no such model")

    with monkeypatch.context() as patch:
        patch.setattr(ScriptedEngine, "open", missing)
        with pytest.raises(ModelNotFound):
            await run(recipe(), tmp_path)
    await run(recipe(engine={"kind": "scripted", "steps": 2}, strategies=[BEAM | {"width": 2}]), tmp_path)
    assert len(results(tmp_path)) == 6
    assert union(tmp_path).engine == {"kind": "scripted", "steps": 2}
    assert [entry.name for entry in union(tmp_path).strategies] == ["beam-4"]


async def test_failures_of_what_is_left_out_stay(tmp_path: Path) -> None:
    faulty = {"kind": "scripted", "steps": 3, "fault_rate": 0.5}
    await run(recipe(engine=faulty), tmp_path)
    before = results(tmp_path)
    seen: list[object] = []
    await run(recipe(engine=faulty, strategies=["greedy"]), tmp_path, seen.append, retry_failed=True)
    after = results(tmp_path)
    assert len(seen) == sum(r.error is not None for unit, r in before.items() if unit.strategy == "greedy") > 0
    assert {u: r for u, r in after.items() if u.strategy != "greedy"} == {
        u: r for u, r in before.items() if u.strategy != "greedy"
    }
