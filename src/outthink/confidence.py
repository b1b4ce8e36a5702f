"""How sure a model was of what it wrote, read off the confidences of a solution's tokens.

A token's confidence is minus the mean log-probability of its most likely candidates (`engines.logprobs.confidence`).
Pure functions of such confidences.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import fsum
from typing import Literal

from outthink.errors import UsageError
from outthink.tree import Path

__all__ = ["Measure", "borda", "lowest", "mean", "measured", "quantile", "told", "windows"]

Measure = Literal["mean", "tail", "bottom", "lowest"]
"""Of a solution's tokens: the mean of all; of the last window; of the lowest tenth of windows; the lowest window."""

_BOTTOM = 0.1


def told(path: Path) -> list[float]:
    """The confidences of a path's tokens.

    Raises:
        UsageError: the engine was not asked for them.
    """
    confidences = path.confidences
    if not confidences:
        raise UsageError("this strategy reads confidences and none were told: set sampling.top_logprobs (to 20, say)")
    return confidences


def measured(confidences: Sequence[float], measure: Measure, window: int) -> float:
    """A solution's confidence, by one of the measures of DeepConf (Fu et al. 2025, arXiv 2508.15260).

    Args:
        confidences: of its tokens, at least one.
        measure: which of them.
        window: tokens in a window, and in the tail; all of the solution's where it has fewer.
    """
    match measure:
        case "mean":
            return mean(confidences)
        case "tail":
            return mean(confidences[-window:])
        case "bottom":
            groups = sorted(windows(confidences, window))
            return mean(groups[: max(1, int(len(groups) * _BOTTOM))])
        case "lowest":
            return lowest(confidences, window)


def mean(confidences: Sequence[float]) -> float:
    """The mean; over all of a solution's tokens it is its self-certainty, but for a constant.

    Self-certainty (Kang et al. 2025, arXiv 2502.18581) is the divergence of the next token's distribution from the
    uniform one, which is this mean over the whole vocabulary less the logarithm of its size. Over the most likely
    candidates alone, all that most servers tell, it is an approximation.
    """
    return fsum(confidences) / len(confidences)


def lowest(confidences: Sequence[float], window: int) -> float:
    """The mean of the least confident window."""
    return min(windows(confidences, window))


def windows(confidences: Sequence[float], window: int) -> list[float]:
    """The means of all windows of consecutive tokens; of fewer tokens than make a window, their mean."""
    if len(confidences) < window:
        return [mean(confidences)]
    sums = [0.0, *accumulate(confidences)]
    return [(end - start) / window for start, end in zip(sums, sums[window:], strict=False)]


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, interpolated between neighbours."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def borda(values: Sequence[float], power: float) -> list[float]:
    """Votes by rank: the r-th highest of n values gets (n - r + 1) ** power (Kang et al. 2025, arXiv 2502.18581).

    Equal values share what their ranks get, so the order of the values does not matter.
    """
    ordered = sorted(values)
    points = [rank**power for rank in range(1, len(values) + 1)]
    return [mean(points[bisect_left(ordered, value) : bisect_right(ordered, value)]) for value in values]
