"""Every method against a baseline, problem by problem, where both may spend the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.study.axes import Axis, as_much
from outthink.study.bootstrap import over_seeds
from outthink.study.cells import Cell, Method
from outthink.study.intervals import Interval, difference_estimates
from outthink.study.significance import holm, p_value, problems_needed

__all__ = ["Comparison", "compare", "mean_cost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One method at one budget against the baseline.

    Args:
        method, n: which.
        baseline, baseline_n: against what: the baseline's largest budget that costs as much on the axis, or else the
            next less.
        cost, baseline_cost: of both on the axis, mean per search.
        problems: on which both have results.
        difference: in accuracy, method less baseline.
        interval: 95 %, of the difference; None of a single problem.
        p_value: that chance makes them differ so much; by McNemar's exact test where both are single results.
        adjusted: the same for all comparisons of one call together (Holm); nothing else here is corrected.
        problems_needed: to see `worth` points with 80 % power if that is the difference; None if they never differed.
    """

    method: Method
    n: int
    baseline: Method
    baseline_n: int
    cost: float
    baseline_cost: float
    problems: int
    difference: float
    interval: Interval | None
    p_value: float
    adjusted: float
    problems_needed: int | None


def compare(
    cells: Sequence[Cell], baseline: Method, *, axis: Axis = "samples", worth: float = 0.03
) -> list[Comparison]:
    """Each cell against the baseline's cell that costs the same, or else the next less, over the problems both have.

    Args:
        cells: all methods at all budgets.
        baseline: one of their methods.
        axis: in what equal cost is meant, see `outthink.study.axes.as_much`; with "samples" it is the same N wherever
            the baseline has it.
        worth: the difference in accuracy that one would like to see, for `problems_needed`.

    Returns:
        In the order of the cells; left out are the baseline's own, and those that cost less than its smallest budget or
        have an unknown cost.

    Raises:
        UsageError: the baseline has no cell.
    """
    standards = [cell for cell in cells if cell.method == baseline]
    if not standards:
        known = ", ".join(dict.fromkeys(_name(cell.method) for cell in cells))
        raise UsageError(f"baseline {_name(baseline)} has no results; there are: {known}")
    pairs = [
        (cell, standard)
        for cell in cells
        if cell.method != baseline and (standard := _equal(cell, standards, axis)) is not None
    ]
    found = list(_comparisons(pairs, axis, worth))
    adjusted = holm([each.p_value for each in found])
    return [replace(each, adjusted=p) for each, p in zip(found, adjusted, strict=True)]


def mean_cost(cell: Cell, axis: Axis) -> float:
    """What a search costs on average over all problems and seeds; NaN where that is unknown."""
    spent = cell.costs[axis]
    spent = spent[~np.isnan(spent)]
    return float(spent.mean()) if spent.size else float("nan")


def _equal(cell: Cell, standards: Sequence[Cell], axis: Axis) -> Cell | None:
    allowed = as_much(mean_cost(cell, axis), axis)
    affordable = [standard for standard in standards if mean_cost(standard, axis) <= allowed]
    return max(affordable, key=lambda standard: mean_cost(standard, axis), default=None)


def _comparisons(pairs: Sequence[tuple[Cell, Cell]], axis: Axis, worth: float) -> Iterable[Comparison]:
    if not pairs:
        return
    columns = np.stack([_differences(cell, standard) for cell, standard in pairs], axis=1)
    for (cell, standard), column, estimate in zip(pairs, columns.T, difference_estimates(columns), strict=True):
        differences = column[~np.isnan(column)]
        if estimate.value is None:
            continue
        variance = float(differences.var(ddof=1)) if len(differences) > 1 else 0.0
        p = p_value(differences)
        yield Comparison(
            method=cell.method,
            n=cell.n,
            baseline=standard.method,
            baseline_n=standard.n,
            cost=mean_cost(cell, axis),
            baseline_cost=mean_cost(standard, axis),
            problems=len(differences),
            difference=estimate.value,
            interval=estimate.interval,
            p_value=p,
            adjusted=p,
            problems_needed=problems_needed(variance, worth) if variance else None,
        )


def _differences(cell: Cell, standard: Cell) -> NDArray[np.float64]:
    return over_seeds(cell.accuracy) - over_seeds(standard.accuracy)


def _name(method: Method) -> str:
    return " ".join(part for part in method if part)
