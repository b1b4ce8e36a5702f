"""Whether a difference may be chance, and how many problems it takes to tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from outthink.study.bootstrap import DRAWS

__all__ = ["holm", "p_value", "problems_needed"]

# Sums of the same differences in another order are equal but for rounding.
_ROUNDING = 1e-9


def p_value(differences: NDArray[np.float64]) -> float:
    """How often chance makes two methods that are equally good differ so far in the mean, either way.

    Under that hypothesis each problem's difference could as well have the opposite sign. Where all problems that differ
    do so by the same amount, as single results of 0 or 1 do, the answer is a sum of binomials: McNemar's exact test.
    Else the signs are thrown.

    Args:
        differences: one a problem, between two methods; no NaN.
    """
    sizes = np.abs(differences[differences != 0])
    if not len(sizes):
        return 1.0
    if np.ptp(sizes) < _ROUNDING:
        return _mcnemar(int((differences > 0).sum()), int((differences < 0).sum()))
    rng = np.random.default_rng(0)
    signs = 2.0 * rng.integers(2, size=(DRAWS, len(sizes)), dtype=np.int8) - 1.0
    as_far = np.abs(signs @ sizes) >= abs(differences.sum()) - _ROUNDING
    # What was found is one of the ways the signs can fall, so no p-value is 0.
    return float((1 + as_far.sum()) / (1 + DRAWS))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values for all comparisons together: at most 5 % of such families have any below 0.05 by chance (Holm 1979).

    The smallest of m is multiplied by m, the next by m - 1, and so on, none falling below the one before it.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = highest
    return adjusted


def problems_needed(variance: float, difference: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """How many problems it takes to tell a difference from none (Miller 2024, arXiv 2411.00640, on planning).

    ((z(1 - level / 2) + z(power)) / difference)^2 times the variance. The test is two-sided at `level`, which is
    one-sided at half of it; that it may call the wrong method better is left out, since it hardly ever does.

    Args:
        variance: of the problems' paired differences, as measured; for another number of seeds see `Spread.of_means`.
        difference: in accuracy, that is to be seen; above 0.
        power: how likely it is to be seen if it is there.
        level: how likely one is seen where there is none.
    """
    z = NormalDist().inv_cdf
    return max(1, math.ceil(variance * ((z(1 - level / 2) + z(power)) / difference) ** 2))


def _mcnemar(better: int, worse: int) -> float:
    """Twice the chance of as few heads, or fewer, as the rarer side has."""
    n, few = better + worse, min(better, worse)
    return float(min(1.0, 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2**n))
