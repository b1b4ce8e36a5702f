"""How difficult problems are taken to be: levels, by what is known of a problem or looks so.

A level must not be told from the very results that are then compared within it. Where it is, a method that was lucky on
a problem makes it look easy, and is best on easy problems for that reason alone. So difficulty by reference answers is
told from solutions that are held out (`held_out.py`); difficulty from pilots is told from solutions that vote and are
paid for, as they do where the prediction is used (`pilots.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.problems import Problem
from outthink.select import Aggregate
from outthink.strategies.parts.policy import Predictor
from outthink.study.cells import Cell
from outthink.study.intervals import Estimate, ratio_estimates
from outthink.study.pilots import Pilots

__all__ = [
    "ABSOLUTE",
    "Agreement",
    "Difficulty",
    "absolute",
    "agreement",
    "by_level",
    "given",
    "predicted",
    "quantiles",
]

ABSOLUTE = (0.1, 0.5)
"""pass@1 at which problems cease to be hard, and begin to be easy (Liu et al. 2025, arXiv 2502.06703)."""

_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Difficulty:
    """How easy each problem is, and where one level ends and the next begins.

    Args:
        ease: shape (problems, seeds), higher is easier, NaN where it is not known. It may differ between seeds, as what
            it is told from does.
        names: of the levels, easiest first.
        edges: between the levels, ascending; None cuts those problems that it is fitted to into equal parts.
    """

    ease: NDArray[np.float64]
    names: tuple[str, ...]
    edges: tuple[float, ...] | None

    def fit(self, rows: NDArray[np.bool_] | None = None) -> tuple[float, ...]:
        """The edges; where levels are equal parts, of the problems in `rows` (of all if None).

        Equal values are never parted, so parts may differ in size, and there may be fewer.
        """
        if self.edges is not None:
            return self.edges
        known = self.ease if rows is None else self.ease[rows]
        return _cuts(np.sort(known[~np.isnan(known)]), len(self.names))

    def levels(self, edges: Sequence[float]) -> NDArray[np.int64]:
        """Each problem's level, 0 the easiest, -1 where it is not known; shape (problems, seeds)."""
        found = (self.ease[..., None] < np.array(edges)).sum(axis=-1)
        return np.where(np.isnan(self.ease), -1, found)


class Agreement(NamedTuple):
    """How far two ways to tell levels agree.

    Args:
        counts: problems and seeds at each level of the one (rows) and of the other (columns).
        rank: Spearman's correlation of the levels; None where one of them has a single level.
    """

    counts: NDArray[np.int64]
    rank: float | None


def quantiles(ease: NDArray[np.float64], parts: int = 5) -> Difficulty:
    """Levels of equal size, numbered from 1, the easiest: quintiles as in Snell et al. (2024, arXiv 2408.03314)."""
    return Difficulty(ease=ease, names=tuple(str(part + 1) for part in range(parts)), edges=None)


def absolute(pass_at_1: NDArray[np.float64]) -> Difficulty:
    """Easy from a half of solutions right, hard below a tenth: as in Liu et al. (2025, arXiv 2502.06703)."""
    return Difficulty(ease=pass_at_1, names=("easy", "medium", "hard"), edges=ABSOLUTE)


def predicted(pilots: Pilots, by: Predictor, how: Aggregate, parts: int = 5) -> Difficulty:
    """Levels of equal size by what pilots look like, which takes no reference answers."""
    return quantiles(pilots.ease(by, how), parts)


def given(problems: Sequence[Problem], seeds: int) -> Difficulty:
    """The levels that the problems' source gives, in the order of the numbers in their names, then of the alphabet.

    Raises:
        UsageError: it gives none.
    """
    names = sorted({problem.level for problem in problems if problem.level is not None}, key=_natural)
    if not names:
        raise UsageError("the problems have no levels; use difficulty by quantiles or absolute difficulty")
    ease = [np.nan if problem.level is None else -float(names.index(problem.level)) for problem in problems]
    return Difficulty(
        ease=np.repeat(np.array(ease)[:, None], seeds, axis=1),
        names=tuple(names),
        edges=tuple(0.5 - float(place) for place in range(len(names) - 1, 0, -1)),
    )


def by_level(cell: Cell, levels: NDArray[np.int64], count: int) -> list[Estimate]:
    """A cell's accuracy at each level.

    Args:
        cell: problems and seeds.
        levels: of each, -1 for none.
        count: of levels.
    """
    known = ~np.isnan(cell.accuracy)
    inside = [known & (levels == level) for level in range(count)]
    sums = np.stack([np.where(each, cell.accuracy, 0.0).sum(axis=1) for each in inside], axis=1)
    return ratio_estimates(sums, np.stack([each.sum(axis=1) for each in inside], axis=1).astype(np.float64))


def agreement(first: NDArray[np.int64], second: NDArray[np.int64]) -> Agreement:
    """How far two ways to tell levels agree, over all problems and seeds of which both know one."""
    known = (first >= 0) & (second >= 0)
    a, b = first[known], second[known]
    counts = np.zeros((a.max(initial=0) + 1, b.max(initial=0) + 1), dtype=np.int64)
    np.add.at(counts, (a, b), 1)
    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return Agreement(counts, None)
    return Agreement(counts, float(np.corrcoef(_ranks(a), _ranks(b))[0, 1]))


def _cuts(ordered: NDArray[np.float64], parts: int) -> tuple[float, ...]:
    """Edges that cut ascending values into equal parts, each moved to the nearest place where values differ."""
    found = []
    for cut in (part * len(ordered) // parts for part in range(1, parts) if len(ordered)):
        below, above = (int(np.searchsorted(ordered, ordered[cut], side=side)) for side in _SIDES)
        cut = below if cut - below <= above - cut else above
        if 0 < cut < len(ordered):
            found.append(float(ordered[cut - 1] + ordered[cut]) / 2)
    return tuple(dict.fromkeys(found))


def _ranks(values: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean ranks: of equal values all have the same."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: NDArray[np.float64] = (ends - (counts - 1) / 2)[place]
    return means


def _natural(name: str) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", name)], name
