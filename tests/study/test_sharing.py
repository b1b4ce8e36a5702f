"""Pools that two verifiers judge are sampled once, and come to what they would have come to apart; and pools grow."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.runs.results import Result, Unit
from outthink.runs.store import Store
from outthink.study.carry_out import carry_out, run_folder
from outthink.study.opening import open_study
from outthink.study.recipe import parse_study_recipe
from outthink.tree import Node, Tree

GOOD = {"kind": "scripted", "noise": 0.1, "parameters": 50}
BAD = {"kind": "scripted", "noise": 0.8, "parameters": 70}
RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 6},
    "engine": {"kind": "scripted", "steps": 3, "parameters": 1000},
    "verifiers": {"good": GOOD, "bad": BAD},
    "budgets": [2, 4],
    "strategies": ["greedy", {"kind": "sample", "select": ["majority", "weighted"]}, "beam"],
    "seeds": [0, 1],
    # Solutions of one cut, so that there are some that never end.
    "sampling": {"max_tokens": 28},
}
POOLS = 6 * 2


def made(folder: Path, **changes: Any) -> Path:
    asyncio.run(carry_out(parse_study_recipe({**RECIPE, **changes}, "study"), folder))
    return folder


def results(folder: Path, label: str) -> dict[Unit, Result]:
    with Store.read(run_folder(folder, label)) as store:
        return {result.unit: result for result in store.results()}


def scored(folder: Path, label: str, unit: Unit) -> list[float | None]:
    with Store.read(run_folder(folder, label)) as store:
        return [node.score for node in store.tree(unit).nodes]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many whole solutions every request asks for."""
    asked: list[int] = []
    sample = ScriptedEngine.sample

    def counting(self: ScriptedEngine, path: Any, request: Any) -> Any:
        if request.whole:
            asked.append(request.n)
        return sample(self, path, request)

    monkeypatch.setattr(ScriptedEngine, "sample", counting)
    return asked


def test_a_pool_is_sampled_once_and_scored_by_each(tmp_path: Path, written: list[int]) -> None:
    made(tmp_path / "both")
    assert sum(n for n in written if n > 1) == POOLS * 4
    made(tmp_path / "apart", verifiers={"bad": BAD})
    together, apart = (results(tmp_path / name, "scripted+bad") for name in ("both", "apart"))
    assert together.keys() == apart.keys()
    for unit, other in apart.items():
        result = together[unit]
        assert (result.digest, result.verdicts, result.leaves) == (other.digest, other.verdicts, other.leaves)
        for model in ("engine", "verifier"):
            mine, its = getattr(result.cost, model), getattr(other.cost, model)
            assert (mine.flops, mine.generated_tokens, mine.scored_tokens, mine.calls) == (
                its.flops,
                its.generated_tokens,
                its.scored_tokens,
                its.calls,
            )
    assert any(result.leaves < 4 for unit, result in together.items() if unit.strategy == "sample-4")
    unit = Unit("sample-4", 1, next(iter(apart)).problem)
    scores = {label: scored(tmp_path / "both", label, unit) for label in ("scripted+good", "scripted+bad")}
    assert scores["scripted+good"] != scores["scripted+bad"]


def test_how_long_it_would_have_taken_is_not_known(tmp_path: Path) -> None:
    opened = asyncio.run(open_study(made(tmp_path)))
    known = {
        (cell.method.run, cell.method.strategy): set(np.isnan(cell.costs["seconds"]).ravel().tolist())
        for cell in opened.study.cells
    }
    assert known.pop(("scripted+bad", "sample")) == {True}
    assert len(known) == 5 and all(unknown == {False} for unknown in known.values())
    tokens = [cell for cell in opened.study.cells if cell.method.strategy == "sample" and cell.n == 4]
    assert len({float(cell.costs["tokens"].sum()) for cell in tokens}) == 1


def test_the_same_command_goes_on_where_only_one_verifier_was_known(tmp_path: Path, written: list[int]) -> None:
    made(tmp_path, verifiers={"bad": BAD})
    written.clear()
    made(tmp_path)
    # The one that was there first lends to the one that is named first.
    assert not [n for n in written if n > 1]
    assert all(result.began == result.ended for unit, result in pools(tmp_path, "scripted+good"))


def pools(folder: Path, label: str, n: int = 4) -> list[tuple[Unit, Result]]:
    return [(unit, result) for unit, result in results(folder, label).items() if unit.strategy == f"sample-{n}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"strategies": [{"kind": "sample", "select": "weighted", "budget": {"flops": 10**9}}]},
        {
            "engine": None,
            "verifiers": {"good": GOOD},
            "engines": {"a": RECIPE["engine"], "b": {**RECIPE["engine"], "steps": 2}},
        },
    ],
    ids=["a limit that counts the verifier's work", "other engines"],
)
def test_what_would_not_be_the_same_is_not_shared(tmp_path: Path, changes: dict[str, Any]) -> None:
    made(tmp_path, **changes)
    assert all(
        result.ended > result.began
        for run in (tmp_path / "runs").iterdir()
        for result in results(tmp_path, run.name).values()
    )


def test_a_pool_that_failed_is_tried_again(tmp_path: Path) -> None:
    made(tmp_path, verifiers={"bad": {**BAD, "nan_rate": 1.0}})
    made(tmp_path, verifiers={"bad": {**BAD, "nan_rate": 1.0}, "good": GOOD})
    assert all(result.error is not None for _, result in pools(tmp_path, "scripted+bad"))
    assert all(result.error is None for _, result in pools(tmp_path, "scripted+good"))


def test_a_verifier_that_fails_fails_what_was_shared(tmp_path: Path) -> None:
    made(tmp_path, verifiers={"good": GOOD, "bad": {**BAD, "nan_rate": 1.0}})
    failed = [result for _, result in pools(tmp_path, "scripted+bad")]
    assert failed and all("VerifierError" in (result.error or "") and not result.verdicts for result in failed)


def test_a_pool_that_is_to_be_larger_gets_what_it_lacks(tmp_path: Path, written: list[int]) -> None:
    made(tmp_path, verifiers={"good": GOOD})
    small = trees(tmp_path, "scripted+good", "sample-4")
    written.clear()
    made(tmp_path, verifiers={"good": GOOD}, budgets=[2, 4, 16])

    grown = trees(tmp_path, "scripted+good", "sample-16")
    assert [n for n in written if n > 4] == [12] * POOLS
    for unit, tree in grown.items():
        before = small[replace(unit, strategy="sample-4")]
        mine, added = tree.nodes[: len(before.nodes)], tree.nodes[len(before.nodes) :]
        assert [content(node) for node in mine[1:]] == [content(node) for node in before.nodes[1:]]
        assert sorted(node.ordinal for node in added if node.parent == 0) == list(range(4, 16))
        assert all(node.score is not None for node in tree.leaves)
        # What came later is told to have come later.
        assert min(node.began for node in added) >= max(node.scored or 0 for node in before.nodes)
        assert tree.cost.engine.generated_tokens == sum(map(tree.tokens, tree.nodes[1:]))


def test_it_comes_to_the_answers_of_all_its_solutions(tmp_path: Path) -> None:
    made(tmp_path, verifiers={"good": GOOD})
    made(tmp_path, verifiers={"good": GOOD}, budgets=[2, 4, 64])
    grown = pools(tmp_path, "scripted+good", 64)
    at_once = dict(pools(made(tmp_path / "apart", verifiers={"good": GOOD}, budgets=[64]), "scripted+good", 64))

    # Other solutions of the same engine, so many that their majority is the same.
    for unit, result in grown:
        mine, other = ({v.selection: v.answer for v in each.verdicts} for each in (result, at_once[unit]))
        assert mine["majority"] == other["majority"] and result.digest != at_once[unit].digest
    assert all(result.began == result.ended for _, result in grown)


def test_two_verifiers_grow_one_pool(tmp_path: Path, written: list[int]) -> None:
    made(tmp_path)
    written.clear()
    made(tmp_path, budgets=[2, 4, 16])

    assert [n for n in written if n > 4] == [12] * POOLS
    good, bad = (trees(tmp_path, f"scripted+{name}", "sample-16") for name in ("good", "bad"))
    for unit, tree in good.items():
        assert [node.text for node in tree.nodes] == [node.text for node in bad[unit].nodes]
        assert [node.score for node in tree.nodes] != [node.score for node in bad[unit].nodes]


def test_solutions_that_had_no_scores_get_them_when_they_are_wanted(tmp_path: Path) -> None:
    made(tmp_path, strategies=[{"kind": "sample", "select": "majority"}])
    made(tmp_path, strategies=[{"kind": "sample", "select": "weighted"}], budgets=[16])
    grown = trees(tmp_path, "scripted+good", "sample-16")
    assert len(grown) == POOLS
    assert not any(tree.path(leaf).unscored for tree in grown.values() for leaf in tree.leaves)


def test_a_pool_with_limits_of_its_own_is_sampled_anew(tmp_path: Path, written: list[int]) -> None:
    limited = {"kind": "sample", "select": "majority", "budget": {"tokens": 10**6}}
    made(tmp_path, verifiers={"good": GOOD}, strategies=[limited])
    written.clear()
    made(tmp_path, verifiers={"good": GOOD}, strategies=[limited], budgets=[16])
    # What is metered is asked for one by one.
    assert sum(written) == 16 * POOLS


def trees(folder: Path, label: str, strategy: str) -> dict[Unit, Tree]:
    with Store.read(run_folder(folder, label)) as store:
        return {unit: store.tree(unit) for unit in store.done() if unit.strategy == strategy}


def content(node: Node) -> tuple[object, ...]:
    return node.parent, node.ordinal, node.text, node.finish, node.score
