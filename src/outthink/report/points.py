"""Points: what cells are worth and cost, in a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outthink.report.statistics import Where, accuracies, told
from outthink.study.cells import Cell, Method

__all__ = ["mean_of", "points"]


def points(cells: Sequence[Cell], numbers: Mapping[Method, int], where: Where | None = None) -> list[dict[str, Any]]:
    """Each cell's accuracy with its interval, over how many problems it is, and its mean costs.

    Args:
        cells: of a study.
        numbers: of the methods.
        where: the part of the study that counts; all of it if None.
    """
    found = zip(cells, accuracies(cells, where), strict=True)
    return [{"method": numbers[cell.method], "n": cell.n, **_spent(cell, where), **told(each)} for cell, each in found]


def _spent(cell: Cell, where: Where | None) -> dict[str, Any]:
    known = ~np.isnan(cell.accuracy) if where is None else where & ~np.isnan(cell.accuracy)
    costs = {axis: mean_of(values if where is None else values[where]) for axis, values in cell.costs.items()}
    return {"problems": int(known.any(axis=1).sum()), "costs": costs}


def mean_of(values: NDArray[np.float64]) -> float | None:
    """The mean of what is known; None if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None
