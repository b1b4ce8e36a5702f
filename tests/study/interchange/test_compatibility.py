"""The example of docs/compatibility.md: the same problems, engine and verifier by both toolkits' searches and rules."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from ragged import Ragged

from outthink.runs.recipe import parse_recipe
from outthink.runs.runner import run
from outthink.runs.store import Store
from outthink.study.interchange import Compared, compare, series_in

PAGE = Path(__file__).parents[3] / "docs" / "compatibility.md"
SELECT = ["majority", "best", "weighted"]
KINDS = ["sample", "beam", "search-and-learn-beam", "dvts", "search-and-learn-dvts"]
RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 30},
    "engine": "scripted",
    "verifier": {"kind": "scripted", "noise": 0.3},
    "strategies": [{"kind": kind, "n": 8, "select": SELECT} for kind in KINDS],
}


async def test_the_pages_example_comes_to_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outthink.runs.runner.make_engine", lambda spec: Ragged())
    await run(parse_recipe(RECIPE, "recipe"), tmp_path)
    with Store.read(tmp_path) as store:
        rows = await compare(store, series_in(store))
        results = store.results()
    lines = []
    for kind in KINDS:
        name = f"{kind}-8"
        written = fmean(r.cost.engine.generated_tokens for r in results if r.unit.strategy == name)
        solutions = fmean(r.leaves for r in results if r.unit.strategy == name)
        mine = {row.how: row for row in rows if (row.strategy, row.n) == (name, 8)}
        figures = [f"{written:.0f}", f"{solutions:.1f}", f"{100 * mine['maj'].unfinished:.0f} %"]
        figures += [pair(mine[how]) for how in ("naive", "weighted", "maj")]
        lines.append(f"| `{kind}` | {' | '.join(figures)} |")
    text = PAGE.read_text(encoding="utf-8")
    missing = [line for line in lines if line not in text]
    assert not missing, "\n".join(lines)


def pair(row: Compared) -> str:
    assert row.ours is not None
    return f"{100 * row.theirs:.0f} / {100 * row.ours:.0f}"


async def test_figures_are_told_at_each_n_and_ours_where_they_mean_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outthink.runs.runner.make_engine", lambda spec: Ragged())
    few = RECIPE | {"problems": {"source": "builtin:scripted", "limit": 3}, "seeds": [0, 1]}
    unscored = {"kind": "sample", "n": 2, "select": "majority", "name": "unscored"}
    await run(parse_recipe(few | {"strategies": [*RECIPE["strategies"], unscored]}, "recipe"), tmp_path)
    told: list[tuple[int, int]] = []
    with Store.read(tmp_path) as store:
        rows = await compare(store, series_in(store), lambda *done: told.append(done))
    assert told[-1] == (5 * 2 * 3, 5 * 2 * 3)
    assert {row.strategy for row in rows} == {f"{kind}-8" for kind in KINDS}
    beam = [(row.how, row.n, row.ours is not None) for row in rows if row.strategy == "search-and-learn-beam-8"]
    assert beam == [(how, n, n == 8) for how in ("naive", "weighted", "maj") for n in (1, 2, 4, 8)]
    assert all(row.ours is not None and row.unfinished == 0 for row in rows if row.strategy == "sample-8")
    # Two seeds of three problems.
    assert all((6 * row.theirs).is_integer() or abs(6 * row.theirs - round(6 * row.theirs)) < 1e-9 for row in rows)


async def test_a_search_that_failed_is_wrong_by_both(tmp_path: Path) -> None:
    failing = {
        "problems": {"source": "builtin:scripted", "limit": 2},
        "engine": {"kind": "scripted", "fault_rate": 1.0},
    }
    await run(parse_recipe(RECIPE | failing, "recipe"), tmp_path)
    with Store.read(tmp_path) as store:
        rows = await compare(store, series_in(store, "beam-8"))
    assert rows and all((row.theirs, row.unfinished) == (0.0, 0.0) and row.ours in (None, 0.0) for row in rows)
