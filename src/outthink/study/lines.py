"""The lines of a study's table: each method at each budget, its accuracy, its cost and its gain over a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from outthink.study.axes import AXES, Axis
from outthink.study.bootstrap import over_seeds
from outthink.study.cells import Cell, Method
from outthink.study.comparisons import Comparison, compare, mean_cost
from outthink.study.intervals import Estimate, accuracy_estimates
from outthink.study.study import Study

__all__ = ["Line", "study_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One method at one budget.

    Args:
        method, n: which.
        problems: that have a result.
        accuracy: mean over problems, of each the mean over seeds.
        costs: means per search, by axis; NaN where unknown.
        comparison: with the baseline of the same run; None for the baseline itself, and for what costs less.
    """

    method: Method
    n: int
    problems: int
    accuracy: Estimate
    costs: Mapping[Axis, float]
    comparison: Comparison | None


def study_lines(study: Study, baselines: Mapping[str, Method], axis: Axis = "samples") -> list[Line]:
    """Lines in the order of the study's cells.

    Args:
        study: what was found.
        baselines: by run, what its methods are compared with; a run that has none is compared with nothing.
        axis: in what equal cost is meant, see `outthink.study.comparisons.compare`.
    """
    if not study.cells:
        return []
    found: dict[tuple[Method, int], Comparison] = {}
    for run, baseline in baselines.items():
        mine = [cell for cell in study.cells if cell.method.run == run]
        found.update({(each.method, each.n): each for each in compare(mine, baseline, axis=axis)})
    columns = np.stack([over_seeds(cell.accuracy) for cell in study.cells], axis=1)
    return [
        Line(
            method=cell.method,
            n=cell.n,
            problems=_problems(cell),
            accuracy=accuracy,
            costs={each: mean_cost(cell, each) for each in AXES},
            comparison=found.get((cell.method, cell.n)),
        )
        for cell, accuracy in zip(study.cells, accuracy_estimates(columns), strict=True)
    ]


def _problems(cell: Cell) -> int:
    return int((~np.isnan(cell.costs["samples"])).any(axis=1).sum())
