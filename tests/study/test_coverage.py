"""95 % intervals hold the truth 95 times in a hundred, where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from outthink.runs.recipe import parse_recipe
from outthink.runs.runner import run
from outthink.study import bootstrap
from outthink.study.bootstrap import over_seeds
from outthink.study.intervals import Estimate, accuracy_estimates, difference_estimates, hierarchical_interval
from outthink.study.study import load_study

STUDIES = 1500
RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand are enough for 1,500 intervals."""
    monkeypatch.setattr(bootstrap, "DRAWS", 1000)


def right(chances: NDArray[np.float64], seeds: int) -> NDArray[np.float64]:
    """Mean results of studies; `chances` has a column for each."""
    return (RNG.random((seeds, *chances.shape)) < chances).mean(axis=0)


def covered(estimates: list[Estimate], truth: float) -> float:
    """The share of intervals that hold the truth."""
    intervals = [each.interval for each in estimates if each.interval is not None]
    assert len(intervals) == len(estimates)
    return float(np.mean([low <= truth <= high for low, high in intervals]))


# Of the scripted engine: a solution of 4 steps is right if all are, each with probability 0.8.
ALIKE = 0.8**4


@pytest.mark.parametrize("problems", [30, 60, 200])
@pytest.mark.parametrize("seeds", [1, 3])
def test_of_accuracies_where_problems_are_alike(problems: int, seeds: int) -> None:
    values = right(np.full((problems, STUDIES), ALIKE), seeds)
    assert 0.93 <= covered(accuracy_estimates(values), ALIKE) <= 0.97


@pytest.mark.parametrize("problems", [30, 60, 200])
@pytest.mark.parametrize("seeds", [1, 3])
def test_of_accuracies_where_problems_differ(problems: int, seeds: int) -> None:
    values = right(RNG.beta(0.6, 0.9, size=(problems, STUDIES)), seeds)
    assert 0.93 <= covered(accuracy_estimates(values), 0.4) <= 0.97


@pytest.mark.parametrize("problems", [30, 60, 200])
@pytest.mark.parametrize("seeds", [1, 3])
def test_of_paired_differences(problems: int, seeds: int) -> None:
    chances = RNG.beta(0.6, 0.9, size=(problems, STUDIES))
    # The second method turns a fifth of the wrong results into right ones.
    better = right(chances + 0.2 * (1 - chances), seeds)
    assert 0.93 <= covered(difference_estimates(better - right(chances, seeds)), 0.2 * 0.6) <= 0.97


@pytest.mark.parametrize("problems", [12, 30, 60])
def test_of_differences_that_are_rare(problems: int) -> None:
    """Often no problem shows any, which does not make methods alike."""
    differences = right(np.full((problems, STUDIES), 0.02), 1)
    assert (differences == 0).all(axis=0).mean() > 0.25
    assert covered(difference_estimates(differences), 0.02) >= 0.93


def test_of_what_pools_lead_to_expect() -> None:
    """pass@2 from pools of 8: a mean over subsets, less uncertain than a result, and how much less nobody is told."""
    problems = 60
    chances = RNG.beta(0.6, 0.9, size=(problems, STUDIES))
    found = RNG.binomial(8, chances)
    pass_at_2 = 1 - (8 - found) * (7 - found) / (8 * 7)
    a, b = 0.6, 0.9
    truth = 1 - b * (b + 1) / ((a + b) * (a + b + 1))
    assert 0.93 <= covered(accuracy_estimates(pass_at_2), truth) <= 0.97


def test_drawing_seeds_as_well_is_too_careful() -> None:
    held = []
    for _ in range(40):
        values = (RNG.random((3, 60)) < ALIKE).astype(float).T
        wide = hierarchical_interval(values)
        (narrow,) = accuracy_estimates(over_seeds(values)[:, None])
        assert wide is not None and narrow.interval is not None
        held.append((wide.high - wide.low) / (narrow.interval.high - narrow.interval.low))
    # The variance within is counted 1 + 2/3 times.
    assert np.mean(held) == pytest.approx((5 / 3) ** 0.5, abs=0.06)


@pytest.mark.slow
async def test_of_searches_that_were_run(tmp_path: Path) -> None:
    """A hundred studies of 40 problems, from one run of 4,000: greedy writing apart, every problem is alike."""
    recipe: dict[str, Any] = {
        "problems": {"source": "builtin:scripted", "limit": 4000},
        "engine": {"kind": "scripted", "steps": 4, "success": 0.8},
        "strategies": [{"kind": "sample", "n": 2}],
        "seeds": [0, 1],
    }
    await run(parse_recipe(recipe, "recipe"), tmp_path)
    study = await load_study({"": tmp_path})
    (cell,) = [cell for cell in study.cells if cell.method.selection == "majority" and cell.n == 1]
    columns = over_seeds(cell.accuracy).reshape(100, 40).T
    assert 0.89 <= covered(accuracy_estimates(columns), ALIKE) <= 1.0
    assert columns.mean() == pytest.approx(ALIKE, abs=0.015)
