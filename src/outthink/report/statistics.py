"""All that a report says with an interval: the one place where it asks for statistics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.study.bootstrap import over_seeds
from outthink.study.cells import Cell, Method
from outthink.study.comparisons import Comparison, compare
from outthink.study.difficulty import Difficulty, given, quantiles
from outthink.study.held_out import hold_out
from outthink.study.intervals import Estimate, accuracy_estimates, difference_estimates
from outthink.study.study import Study

__all__ = ["Bins", "Where", "accuracies", "comparisons", "difficulties", "leads", "told"]

Where = NDArray[np.bool_]
"""A part of a study: shape (problems, seeds)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bins:
    """Problems put together by how difficult they are.

    Args:
        kind: by what: "level" is the source's own.
        run: whose samples tell it; None if the problems do.
        members: each bin's part of the study, by its name, the easiest first.
        cells: what may be compared within them: nothing that has told the difficulty.
    """

    kind: str
    run: str | None
    members: dict[str, Where]
    cells: tuple[Cell, ...]


def accuracies(cells: Sequence[Cell], where: Where | None = None) -> list[Estimate]:
    """Cells' accuracies; in a part of the study only, if one is given."""
    return accuracy_estimates(np.stack([_by_problem(cell, where) for cell in cells], axis=1)) if cells else []


def leads(pairs: Sequence[tuple[Cell, Cell]], where: Where) -> list[Estimate]:
    """By how much each first cell is more accurate than the second in a part of the study, problem by problem."""
    differences = [_by_problem(first, where) - _by_problem(second, where) for first, second in pairs]
    return difference_estimates(np.stack(differences, axis=1)) if pairs else []


def comparisons(study: Study, baselines: Iterable[Method] = ()) -> list[Comparison]:
    """Every method at every budget against greedy decoding and the vote of as many samples, of every run.

    Args:
        study: what was found.
        baselines: what else the methods are compared with.
    """
    cells = [cell for cell in study.cells if cell.method.selection != "oracle"]
    pooled = {(outcome.run, outcome.strategy) for outcome in study.outcomes if outcome.pooled}
    standards = [method for method in dict.fromkeys(cell.method for cell in cells) if _is_standard(method, pooled)]
    return [each for method in dict.fromkeys([*baselines, *standards]) for each in compare(cells, method)]


def _is_standard(method: Method, pooled: Iterable[tuple[str, str]]) -> bool:
    return method.strategy == "greedy" or (method.selection == "majority" and method[:2] in pooled)


def difficulties(study: Study, runs: Iterable[str]) -> list[Bins]:
    """The ways to tell difficulty that there are: the source's levels, and fifths by each run's pass@1, held out."""
    found = []
    # The source may have no levels.
    with suppress(UsageError):
        found.append(_bins("level", None, given(study.problems, len(study.seeds)), study.cells))
    for run in runs:
        try:
            ease, rest = hold_out(study, run)
        except UsageError:
            continue  # The run has no samples.
        cells = tuple(cell for cell in rest.cells if cell.method.run == run)
        found.append(_bins("pass@1", run, quantiles(ease), cells))
    return [bins for bins in found if len(bins.members) > 1]


def _bins(kind: str, run: str | None, difficulty: Difficulty, cells: tuple[Cell, ...]) -> Bins:
    edges = difficulty.fit()
    levels = difficulty.levels(edges)
    members = {_named(kind, difficulty.names, level, len(edges)): levels == level for level in range(len(edges) + 1)}
    there = {name: where for name, where in members.items() if where.any()}
    return Bins(kind=kind, run=run, members=there, cells=cells)


def _named(kind: str, names: Sequence[str], level: int, hardest: int) -> str:
    """Levels told from samples have but numbers: which end is which is said."""
    ends = {0: " (easiest)", hardest: " (hardest)"} if kind != "level" else {}
    return names[level] + ends.get(level, "")


def told(estimate: Estimate) -> dict[str, float | None]:
    """An estimate in a document."""
    low, high = estimate.interval or (None, None)
    return {"value": estimate.value, "low": low, "high": high}


def _by_problem(cell: Cell, where: Where | None) -> NDArray[np.float64]:
    """Each problem's accuracy over its seeds; NaN where there is none."""
    return over_seeds(cell.accuracy if where is None else np.where(where, cell.accuracy, np.nan))
