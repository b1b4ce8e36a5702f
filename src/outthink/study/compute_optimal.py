"""A study's compute-optimal policies: what knowing the difficulty would be worth, and what predicting it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.select import Aggregate, Select
from outthink.strategies.parts.policy import Predictor
from outthink.study.allocation import Allocation, allocation
from outthink.study.axes import Axis, as_much
from outthink.study.cells import Cell, Method
from outthink.study.comparisons import mean_cost
from outthink.study.difficulty import Difficulty, predicted, quantiles
from outthink.study.held_out import hold_out
from outthink.study.pilots import after_pilots, draw_pilots
from outthink.study.policy import Decision, cross_validate
from outthink.study.study import Study

__all__ = ["Predicted", "Shared", "if_known", "if_predicted", "if_shared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """Policies by what pilots look like.

    Args:
        run: the label of engine and verifier.
        by, how, pilots: how difficulty is predicted; see `outthink.study.pilots.Pilots.ease`.
        axis: what budgets count.
        problems, seeds: how many it was learned from.
        decisions: one for each budget.
    """

    run: str
    by: Predictor
    how: Aggregate
    pilots: int
    axis: Axis
    problems: int
    seeds: int
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Samples shared out by what pilots look like.

    Args:
        run, by, how, pilots, problems, seeds: as for `Predicted`.
        allocations: of every selection from the pool, at every number of samples that leaves a choice, fewest first.
    """

    run: str
    by: Predictor
    how: Aggregate
    pilots: int
    problems: int
    seeds: int
    allocations: tuple[tuple[Method, Allocation], ...]


def if_known(
    study: Study,
    run: str,
    *,
    axis: Axis = "samples",
    budgets: Sequence[float] | None = None,
    selection: Select | None = None,
    aggregate: Aggregate | None = None,
    levels: Callable[[NDArray[np.float64]], Difficulty] = quantiles,
    folds: int = 5,
) -> list[Decision]:
    """Policies that are told the difficulty for nothing: a bound that no prediction reaches.

    Args:
        study: has a pool of the run.
        run: the label of engine and verifier.
        axis: what budgets count.
        budgets: mean cost per search; if None, all that counts as the cost of the pool's solutions at each N, see
            `outthink.study.axes.as_much`.
        selection, aggregate: of the methods to choose from; all if None.
        levels: makes levels of pass@1.
        folds: of the cross-validation.

    Raises:
        UsageError: the run has no pool, no methods with such a selection, or a budget pays for nothing.
    """
    ease, rest = hold_out(study, run)
    cells = _cells(rest, run, selection, aggregate)
    allowed = budgets or _budgets(rest, cells, axis)
    return cross_validate(cells, cells, levels(ease), allowed, axis=axis, count=folds)


def if_predicted(
    study: Study,
    run: str,
    *,
    by: Predictor = "score",
    pilots: int = 4,
    axis: Axis = "samples",
    budgets: Sequence[float] | None = None,
    selection: Select | None = None,
    aggregate: Aggregate | None = None,
    parts: int = 5,
    folds: int = 5,
) -> Predicted:
    """Policies that look at a few pilots, pay for them and let them vote; the best single method needs none.

    Args:
        by: what the difficulty is predicted by.
        pilots: solutions looked at.
        parts: levels.
        study, run, axis, budgets, selection, aggregate, folds: as for `if_known`.

    Raises:
        UsageError: as `if_known`, or the pools hold fewer solutions than pilots.
    """
    singles = _cells(study, run, selection, aggregate)
    first = draw_pilots(study, run, pilots)
    methods = list(dict.fromkeys(cell.method for cell in singles))
    how = aggregate or _aggregate(study, run)
    sizes = sorted({pilots} | {cell.n for cell in singles})
    options = after_pilots(study, first, methods, sizes, scored=by == "score")
    least = min(mean_cost(cell, axis) for cell in options)
    allowed = budgets or [budget for budget in _budgets(study, singles, axis) if budget >= least]
    decisions = cross_validate(options, singles, predicted(first, by, how, parts), allowed, axis=axis, count=folds)
    return Predicted(
        run=run,
        by=by,
        how=how,
        pilots=pilots,
        axis=axis,
        problems=len(study.problems),
        seeds=len(study.seeds),
        decisions=tuple(decisions),
    )


def if_shared(
    study: Study,
    run: str,
    *,
    by: Predictor = "score",
    pilots: int = 4,
    selection: Select | None = None,
    aggregate: Aggregate | None = None,
    parts: int = 5,
    folds: int = 5,
) -> Shared:
    """A pool's samples shared out over the problems by what pilots look like, instead of as many for every problem.

    Args:
        study, run, by, pilots, selection, aggregate, parts, folds: as for `if_predicted`.

    Raises:
        UsageError: as `if_predicted`.
    """
    cells = sorted(_cells(study, run, selection, aggregate), key=lambda cell: cell.n)
    first = draw_pilots(study, run, pilots)
    series = {pool.strategy for pool in first.pools.values()}
    most = min(pool.n for pool in first.pools.values())
    how = aggregate or _aggregate(study, run)
    return Shared(
        run=run,
        by=by,
        how=how,
        pilots=pilots,
        problems=len(study.problems),
        seeds=len(study.seeds),
        allocations=tuple(
            (cell.method, allocation(first, cell.method, cell.n, by=by, how=how, parts=parts, count=folds))
            for cell in cells
            if cell.method.strategy in series and pilots < cell.n < most
        ),
    )


def _cells(study: Study, run: str, selection: Select | None, aggregate: Aggregate | None) -> list[Cell]:
    """What could be done: no oracle, which needs the reference answer."""
    found = [
        cell
        for cell in study.cells
        if cell.method.run == run
        and cell.method.selection != "oracle"
        and selection in (None, cell.method.selection)
        and (aggregate is None or cell.method.aggregate in (None, aggregate))
    ]
    if not found:
        asked = " ".join(part for part in (selection, aggregate) if part)
        raise UsageError(f"run {run!r} has no method to choose from" + (f" with {asked}" if asked else ""))
    return found


def _aggregate(study: Study, run: str) -> Aggregate:
    """How the run's step scores become one number."""
    ways = (cell.method.aggregate for cell in study.cells if cell.method.run == run)
    return next((way for way in ways if way is not None), "last")


def _budgets(study: Study, cells: Sequence[Cell], axis: Axis) -> list[float]:
    """The most that counts as the cost of independent solutions, at each N."""
    pooled = {outcome.strategy for outcome in study.outcomes if outcome.pooled}
    costs = {mean_cost(cell, axis) for cell in cells if cell.method.strategy in pooled}
    return sorted(as_much(cost, axis) for cost in costs if not math.isnan(cost))
