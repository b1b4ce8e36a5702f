"""95 % intervals for accuracies and for differences between them. Problems are the unit: seeds of one are not news."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

__all__ = ["Estimate", "Interval", "accuracy_interval", "estimates", "paired_interval"]

_Z = 1.959964
_RESAMPLES = 2000


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


class Estimate(NamedTuple):
    """A figure and its 95 % interval; None where there is none, for want of data."""

    value: float | None
    interval: Interval | None


def accuracy_interval(per_problem: Sequence[float]) -> Interval:
    """An interval for the mean of per-problem accuracies.

    Wilson's score interval where each problem was tried once; else a percentile bootstrap over problems, since results
    of one problem are alike.

    Args:
        per_problem: each problem's share of right results, in [0, 1].
    """
    if all(value in (0.0, 1.0) for value in per_problem):
        return _wilson(sum(per_problem), len(per_problem))
    return _bootstrap(per_problem)


def paired_interval(first: Sequence[float], second: Sequence[float]) -> Interval:
    """A percentile-bootstrap interval for the mean difference `first - second` over the same problems, in one order."""
    return _bootstrap([a - b for a, b in zip(first, second, strict=True)])


def estimates(groups: int, figures: Callable[[Sequence[int]], Sequence[float]]) -> list[Estimate]:
    """Figures of data that come in groups, with percentile-bootstrap intervals: whole groups are drawn, all at once.

    Args:
        groups: how many there are; of a single one no interval can be said.
        figures: computes the figures from the numbers of the groups that were drawn, some of them several times; NaN
            where one is not defined.
    """
    rng, everything = Random(0), range(groups)
    draws = [figures(rng.choices(everything, k=groups)) for _ in range(_RESAMPLES if groups > 1 else 0)]
    found = []
    for place, value in enumerate(figures(everything)):
        drawn = [each for draw in draws if not math.isnan(each := draw[place])]
        if math.isnan(value):
            found.append(Estimate(None, None))
        else:
            found.append(Estimate(value, _percentiles(drawn) if drawn else None))
    return found


def _wilson(right: float, n: int) -> Interval:
    if n == 0:
        return Interval(0.0, 1.0)
    p, z2 = right / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def _bootstrap(values: Sequence[float]) -> Interval:
    # A fixed seed: the same results always print the same interval.
    rng, n = Random(0), len(values)
    return _percentiles([math.fsum(rng.choices(values, k=n)) / n for _ in range(_RESAMPLES)])


def _percentiles(drawn: Sequence[float]) -> Interval:
    drawn, last = sorted(drawn), len(drawn) - 1
    return Interval(drawn[round(0.025 * last)], drawn[round(0.975 * last)])
