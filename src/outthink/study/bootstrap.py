"""The bootstrap: which figures other problems, drawn from where these came from, would have given.

Problems are drawn whole, with all their seeds, because seeds of one problem are not news. That alone carries both
sources of chance: a problem's mean over its seeds differs from the next one's because problems differ and because
samples do, and the spread among the problems shows both. So nothing needs to be known of what happened within a
problem, whether its value is a single 0 or 1, a mean over seeds, or what a pool leads one to expect.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["DRAWS", "over_seeds", "quantiles", "ratios", "two_stage"]

DRAWS = 10_000

# How many numbers are drawn at a time: it bounds the memory that is taken.
_AT_ONCE = 2_000_000
# A fixed seed: the same results always give the same interval.
_SEED = 0


def over_seeds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each problem's mean over the seeds that have a result.

    Args:
        values: shape (problems, seeds); NaN where there is no result.

    Returns:
        Shape (problems,); NaN where there is none at all.
    """
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)
    return means


def ratios(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Figures that are a sum over problems, divided by another, over problems drawn with replacement.

    All figures come from the same draws, so differences between them may be taken draw by draw.

    Args:
        sums: what each problem adds to each figure's numerator; shape (problems, figures).
        counts: what it adds to the denominator; 0 where it has no part in the figure.

    Returns:
        Shape (DRAWS, figures); NaN in draws in which a figure's denominator is 0.
    """
    if not len(sums):
        return np.full((DRAWS, sums.shape[1]), np.nan)
    found = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for times in _draws(len(sums)):
            found.append((times @ sums) / (times @ counts))
    return np.concatenate(found)


def two_stage(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over problems drawn with replacement, each with seeds drawn with replacement from its own.

    This counts what happens within problems twice, since that is in the problems' means already (Davison and Hinkley
    1997, "Bootstrap Methods and their Application", section 3.8, draw whole groups for this reason). So it errs on the
    wide side.

    Args:
        values: shape (problems, seeds); NaN where there is no result.

    Returns:
        Shape (DRAWS,).
    """
    values = values[~np.isnan(values).all(axis=1)]
    missing = np.isnan(values)
    packed = np.take_along_axis(values, np.argsort(missing, axis=1, kind="stable"), axis=1)
    seeds = (~missing).sum(axis=1)
    rng = np.random.default_rng(_SEED)
    found = []
    for size in _portions(values.size):
        drawn = rng.integers(len(values), size=(size, len(values)))
        which = (rng.random((size, *values.shape)) * seeds[drawn][..., None]).astype(np.intp)
        inside = np.arange(values.shape[1]) < seeds[drawn][..., None]
        found.append((np.where(inside, packed[drawn[..., None], which], 0.0).sum(axis=2) / seeds[drawn]).mean(axis=1))
    return np.concatenate(found)


def quantiles(drawn: NDArray[np.float64], problems: NDArray[np.int64]) -> NDArray[np.float64]:
    """The ends of 95 % intervals: percentiles of the draws, a little further out than 2.5 and 97.5.

    Plain percentiles are too narrow where there are few problems: they lack the factor sqrt(n / (n - 1)) and take the
    normal distribution for Student's. The expanded percentile interval (Hesterberg 2015, "What Teachers Should Know
    About the Bootstrap", The American Statistician 69) has both; with 500 problems the difference is gone.

    Args:
        drawn: shape (draws, figures); NaN where a draw does not define a figure.
        problems: how many each figure was drawn from; shape (figures,).

    Returns:
        Shape (2, figures); NaN for a figure that no draw defines.
    """
    ends = np.full((2, drawn.shape[1]), np.nan)
    for figure in range(drawn.shape[1]):
        column = drawn[:, figure]
        column = column[~np.isnan(column)]
        if len(column):
            tail = _tail(int(problems[figure]))
            ends[:, figure] = np.quantile(column, [tail, 1 - tail])
    return ends


def _draws(problems: int) -> Iterator[NDArray[np.float64]]:
    """How often each problem is drawn; shape (draws, problems)."""
    rng = np.random.default_rng(_SEED)
    for size in _portions(problems):
        drawn = rng.integers(problems, size=(size, problems)) + problems * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * problems).reshape(size, problems).astype(np.float64)


def _portions(numbers: int) -> Iterator[int]:
    """Draws to be made at a time, where each takes so many numbers."""
    each = max(1, _AT_ONCE // max(1, numbers))
    for begun in range(0, DRAWS, each):
        yield min(each, DRAWS - begun)


def _tail(problems: int) -> float:
    """The share of draws to leave out on either side."""
    free = problems - 1
    if free < 1:
        return 0.0
    z = NormalDist().inv_cdf(0.975)
    # Student's quantile from the normal one, to the third order (Abramowitz and Stegun 1964, 26.7.5).
    t = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * free**3)
    return NormalDist().cdf(-t * math.sqrt(problems / free))
