"""Stored runs, read back as cells: what was measured stays what it was, and nothing is asked of a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outthink.errors import StoreError
from outthink.runs import Store
from outthink.runs.recipe import parse_recipe
from outthink.runs.runner import run
from outthink.study.cells import Cell
from outthink.study.interchange import import_completions
from outthink.study.study import Study, load_study

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 10},
    "engine": {"kind": "scripted", "steps": 3, "parameters": 1000},
    "verifier": {"kind": "scripted", "noise": 0.3},
    "strategies": [
        "greedy",
        {"kind": "sample", "n": 6, "select": ["majority", "best", "weighted", "best-of-majority"]},
        {"kind": "beam", "n": 4},
        {"kind": "particles", "n": 4},
    ],
    "seeds": [0, 3],
}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await run(parse_recipe(RECIPE, "recipe"), tmp_path)
    return tmp_path


def at(study: Study, strategy: str, selection: str, n: int) -> Cell:
    (cell,) = [
        cell
        for cell in study.cells
        if (cell.method.strategy, cell.method.selection, cell.n) == (strategy, selection, n)
    ]
    return cell


async def test_at_its_own_budget_a_cell_is_what_the_run_found(folder: Path) -> None:
    study = await load_study({"": folder})
    compared = 0
    with Store.read(folder) as store:
        for result in store.results():
            row = [problem.id for problem in study.problems].index(result.unit.problem)
            column = study.seeds.index(result.unit.seed)
            name, _, n = result.unit.strategy.partition("-")
            for verdict in result.verdicts:
                cell = at(study, name, verdict.selection, int(n or 1))
                assert cell.accuracy[row, column] == verdict.correct
                assert cell.costs["tokens"][row, column] == result.cost.engine.generated_tokens
                compared += 1
    assert compared == 20 * 7


async def test_pools_are_cut_to_every_budget_and_other_series_are_not(folder: Path) -> None:
    study = await load_study({"": folder})
    assert [cell.n for cell in study.cells if cell.method[1:3] == ("sample", "majority")] == [1, 2, 4, 6]
    assert [cell.n for cell in study.cells if cell.method[1:3] == ("beam", "weighted")] == [4]
    # One sample is right as often as a solution of the pool is, however it is selected.
    single = [at(study, "sample", selection, 1).accuracy for selection in ("majority", "best", "weighted", "oracle")]
    for other in single[1:]:
        np.testing.assert_allclose(single[0], other, atol=0.1)
    share = [np.mean([each.correct for each in outcome.solved]) for outcome in study.pool("").values()]
    assert single[0].mean() == pytest.approx(np.mean(share))


async def test_more_samples_cost_more_and_only_readers_of_scores_pay_the_verifier(folder: Path) -> None:
    study = await load_study({"": folder})
    tokens = [at(study, "sample", "majority", n).costs["tokens"] for n in (1, 2, 4, 6)]
    np.testing.assert_allclose(tokens[2], 4 * tokens[0])
    flops = {name: at(study, "sample", name, 4).costs["flops"] for name in ("majority", "best")}
    assert (flops["majority"] > 0).all()
    # Nobody told the verifier's size: what it computed is unknown, and not nothing.
    assert np.isnan(flops["best"]).all() and np.isnan(at(study, "beam", "oracle", 4).costs["flops"]).all()
    seconds = [at(study, "sample", "majority", n).costs["seconds"] for n in (6, 2)]
    np.testing.assert_allclose(seconds[0], 3 * seconds[1])


async def test_without_references_there_is_cost_but_no_accuracy(tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"question": "Q: 1"}\n{"question": "Q: 2", "answer": "3"}\n')
    recipe = {**RECIPE, "problems": {"source": str(problems)}, "strategies": [{"kind": "sample", "n": 2}]}
    recipe |= {"engine": {"kind": "scripted", "steps": 2}, "verifier": None, "seeds": [0]}
    await run(parse_recipe(recipe, "recipe"), tmp_path / "run")
    cell = at(await load_study({"": tmp_path / "run"}), "sample", "majority", 2)
    assert np.isnan(cell.accuracy).tolist() == [[True], [False]]
    assert (cell.costs["tokens"] > 0).all()
    assert np.isnan(cell.costs["flops"]).all()


async def test_failed_searches_are_wrong(tmp_path: Path) -> None:
    engine = {"kind": "scripted", "steps": 3, "fault_rate": 0.5}
    await run(parse_recipe({**RECIPE, "engine": engine, "seeds": [0]}, "recipe"), tmp_path)
    study = await load_study({"": tmp_path})
    failed = [outcome for outcome in study.outcomes if outcome.error is not None and outcome.strategy == "sample"]
    assert failed
    rows = [[problem.id for problem in study.problems].index(outcome.problem) for outcome in failed]
    assert (at(study, "sample", "oracle", 6).accuracy[rows] == 0).all()


async def test_runs_over_other_problems_do_not_mix(folder: Path, tmp_path: Path) -> None:
    other = {**RECIPE, "problems": {"source": "builtin:scripted", "limit": 3}, "strategies": ["greedy"], "seeds": [0]}
    await run(parse_recipe(other, "recipe"), tmp_path / "other")
    with pytest.raises(StoreError, match="other problems"):
        await load_study({"a": folder, "b": tmp_path / "other"})


async def test_samples_that_were_cut_are_among_those_that_are_drawn(tmp_path: Path) -> None:
    """One sample is right as often as the samples are, not as the finished ones among them are."""
    recipe = {**RECIPE, "sampling": {"max_tokens": 53}, "strategies": [{"kind": "sample", "n": 16}], "seeds": [0]}
    await run(parse_recipe(recipe, "recipe"), tmp_path)
    study = await load_study({"": tmp_path})
    finished = [len(outcome.solved) for outcome in study.outcomes]
    assert 0 < sum(finished) < 16 * len(finished)
    right = [sum(bool(each.correct) for each in outcome.solved) / 16 for outcome in study.outcomes]
    for selection in ("majority", "oracle"):
        np.testing.assert_allclose(at(study, "sample", selection, 1).accuracy[:, 0], right)


async def test_a_pool_is_as_large_as_it_was_written(tmp_path: Path) -> None:
    rows = [
        {
            "problem": "1 + 1",
            "answer": "2",
            "completions": ["The answer is 2.", "The answer is 3.", "The answer is 2."],
        },
        {"problem": "1 + 2", "answer": "3", "completions": ["The answer is 3."]},
    ]
    (tmp_path / "theirs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    await import_completions(str(tmp_path / "theirs.jsonl"), tmp_path / "run")
    study = await load_study({"": tmp_path / "run"})
    assert at(study, "sample", "majority", 1).accuracy.tolist() == [[pytest.approx(2 / 3)], [1.0]]
    assert np.isnan(at(study, "sample", "majority", 2).accuracy).tolist() == [[False], [True]]
