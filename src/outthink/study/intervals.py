"""95 % intervals for accuracies and for differences between them. Problems are the unit: seeds of one are not news."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outthink.study.bootstrap import over_seeds, quantiles, ratios, two_stage

__all__ = [
    "Estimate",
    "Interval",
    "Spread",
    "accuracy_estimates",
    "accuracy_interval",
    "difference_estimates",
    "estimates",
    "hierarchical_interval",
    "paired_interval",
    "ratio_estimates",
    "spread",
    "unanimous_interval",
]

_Z = 1.959964
# Where figures are computed anew for each draw, by a function of the caller's.
_RESAMPLES = 2000
# Values that differ by less differ in how they were rounded.
_ALIKE = 1e-12


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


# What one problem can be worth, and by how much two methods can differ on it.
_SHARE = Interval(0.0, 1.0)
_DIFFERENCE = Interval(-1.0, 1.0)


class Estimate(NamedTuple):
    """A figure and its 95 % interval; None where there is none, for want of data."""

    value: float | None
    interval: Interval | None


class Spread(NamedTuple):
    """Where the spread of results comes from, as variances.

    Args:
        between: of what problems are worth in the long run: more problems help against it, more seeds do not.
        within: of one result around that, on average over problems: more seeds help, and so do more problems.
    """

    between: float
    within: float

    def of_means(self, seeds: int) -> float:
        """The variance among problems of means over so many seeds."""
        return self.between + self.within / seeds


def accuracy_interval(per_problem: Sequence[float]) -> Interval:
    """An interval for the mean of per-problem accuracies.

    Wilson's score interval where each problem was tried once; else a bootstrap over problems.

    Args:
        per_problem: each problem's share of right results, in [0, 1].
    """
    if all(value in (0.0, 1.0) for value in per_problem):
        return _wilson(sum(per_problem), len(per_problem))
    return _mean_interval(per_problem, _SHARE) or _SHARE


def paired_interval(first: Sequence[float], second: Sequence[float]) -> Interval:
    """A bootstrap interval for the mean difference `first - second` over the same problems, in one order."""
    return _mean_interval([a - b for a, b in zip(first, second, strict=True)], _DIFFERENCE) or _DIFFERENCE


def unanimous_interval(value: float, problems: int, bounds: Interval = _SHARE) -> Interval:
    """An interval for the mean of what is the same for every problem: a bootstrap has nothing to draw from there.

    Other problems may still be worth something else, as far as the bounds allow. How many of them, Wilson's interval
    for none of so many problems says; so of problems that are all right this is Wilson's interval.

    Args:
        value: what every problem is worth.
        problems: how many there are.
        bounds: between which one problem's value can lie.
    """
    others = _wilson(0, problems).high
    return Interval(value - others * (value - bounds.low), value + others * (bounds.high - value))


def difference_estimates(values: NDArray[np.float64]) -> list[Estimate]:
    """Mean differences of accuracies, with bootstrap intervals over problems, all from the same draws.

    Args:
        values: shape (problems, figures), in [-1, 1], a mean over seeds each; NaN where a problem has no part in one.
    """
    return _mean_estimates(values, _DIFFERENCE)


def accuracy_estimates(values: NDArray[np.float64]) -> list[Estimate]:
    """Mean accuracies, with Wilson's interval where each problem was tried once, else with bootstrap intervals.

    Args:
        values: as for `difference_estimates`, in [0, 1].
    """
    known, found = ~np.isnan(values), _mean_estimates(values, _SHARE)
    single = (np.isin(values, (0.0, 1.0)) | ~known).all(axis=0) & known.any(axis=0)
    for figure in np.flatnonzero(single):
        column = values[known[:, figure], figure]
        found[figure] = Estimate(float(column.mean()), _wilson(float(column.sum()), len(column)))
    return found


def ratio_estimates(
    sums: NDArray[np.float64], counts: NDArray[np.float64], bounds: Interval = _SHARE
) -> list[Estimate]:
    """One sum over problems divided by another, with bootstrap intervals, all from the same draws.

    Args:
        sums: what each problem adds to each figure's numerator; shape (problems, figures).
        counts: what it adds to the denominator.
        bounds: between which one problem's ratio can lie.
    """
    taking_part = counts > 0
    ends = quantiles(ratios(sums, counts), taking_part.sum(axis=0)).T.tolist()
    found = []
    for each, weight, part, drawn in zip(sums.T, counts.T, taking_part.T, ends, strict=True):
        if not part.any():
            found.append(Estimate(None, None))
            continue
        value, own = float(each.sum() / weight.sum()), each[part] / weight[part]
        interval = unanimous_interval(value, len(own), bounds) if np.ptp(own) < _ALIKE else Interval(*drawn)
        found.append(Estimate(value, interval if len(own) > 1 else None))
    return found


def hierarchical_interval(values: NDArray[np.float64]) -> Interval | None:
    """An interval for a mean from problems drawn with replacement, and seeds within each: wider than need be.

    See `outthink.study.bootstrap.two_stage` for why the other intervals draw problems only.

    Args:
        values: shape (problems, seeds); NaN where there is no result.
    """
    problems = int((~np.isnan(values)).any(axis=1).sum())
    if problems < 2:
        return None
    return Interval(*map(float, quantiles(two_stage(values)[:, None], np.array([problems]))[:, 0]))


def spread(values: NDArray[np.float64]) -> Spread | None:
    """Where the spread of results comes from; None where no problem was tried with two seeds, or only one problem was.

    Miller (2024, arXiv 2411.00640) names both parts; this is the usual analysis of variance.

    Args:
        values: shape (problems, seeds); NaN where there is no result.
    """
    known = ~np.isnan(values)
    seeds = known.sum(axis=1)
    values, known, seeds = values[seeds > 0], known[seeds > 0], seeds[seeds > 0]
    free = int((seeds - 1).sum())
    if free < 1 or len(values) < 2:
        return None
    means = over_seeds(values)
    within = float((np.where(known, values - means[:, None], 0.0) ** 2).sum() / free)
    # What seeds alone would make the means differ by is taken off; chance may make it more than there is.
    between = max(0.0, float(means.var(ddof=1)) - within * float((1 / seeds).mean()))
    return Spread(between, within)


def estimates(groups: int, figures: Callable[[Sequence[int]], Sequence[float]]) -> list[Estimate]:
    """Figures of data that come in groups, with bootstrap intervals: whole groups are drawn, all at once.

    For figures that are no mean or ratio of sums: they are computed anew for every draw.

    Args:
        groups: how many there are; of a single one no interval can be said.
        figures: computes the figures from the numbers of the groups that were drawn, some of them several times; NaN
            where one is not defined.
    """
    rng, everything = Random(0), range(groups)
    values = figures(everything)
    draws = [figures(rng.choices(everything, k=groups)) for _ in range(_RESAMPLES if groups > 1 else 0)]
    if not draws:
        return [Estimate(None if math.isnan(value) else value, None) for value in values]
    ends = quantiles(np.array(draws, dtype=np.float64), np.full(len(values), groups)).T.tolist()
    return [
        Estimate(None, None) if math.isnan(value) else Estimate(value, None if math.isnan(low) else Interval(low, high))
        for value, (low, high) in zip(values, ends, strict=True)
    ]


def _mean_estimates(values: NDArray[np.float64], bounds: Interval) -> list[Estimate]:
    known = ~np.isnan(values)
    return ratio_estimates(np.where(known, values, 0.0), known.astype(np.float64), bounds)


def _mean_interval(values: Sequence[float], bounds: Interval) -> Interval | None:
    return _mean_estimates(np.array(values, dtype=np.float64)[:, None], bounds)[0].interval


def _wilson(right: float, n: int) -> Interval:
    if n == 0:
        return Interval(0.0, 1.0)
    p, z2 = right / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
