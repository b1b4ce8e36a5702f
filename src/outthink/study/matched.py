"""Is it better to let a small model think longer, or to ask a larger one? Both at the same FLOPs.

What the larger model takes for a problem is the allowance of the small one. The larger one also cost more to train, and
that may be counted in, spread over all tokens that it will ever write (Snell et al. 2024, arXiv 2408.03314, section 7).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.shape import Shape
from outthink.study.cells import Cell
from outthink.study.intervals import Interval, accuracy_interval, paired_interval

__all__ = ["Large", "Match", "allowance", "match", "multiplier"]

_TRAINING = 6.0
"""FLOPs per parameter and token of training: a forward and a backward pass."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Large:
    """The larger model, asked once for each problem.

    Args:
        shape: its size; the attention's part of its FLOPs is counted as far as its width is known.
        tokens: that it computes for a problem, prompt and answer together, on average.
        accuracy: in [0, 1], as somebody reports it; or as it was measured, problems x seeds, NaN where there is no
            result, problems in the small model's order.
        source: where the accuracy is from.
    """

    shape: Shape
    tokens: float
    accuracy: float | NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        if not self.shape.parameters or not self.tokens > 0:
            raise UsageError("the larger model's parameters and tokens must be above 0")

    @property
    def flops(self) -> float:
        """For a problem: all its tokens, each attending to those before it."""
        return self.shape.flops(self.tokens, self.tokens * (self.tokens + 1) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The small model at the largest budget that costs no more than the large model does.

    Args:
        allowance: FLOPs that may be spent on a problem.
        n: the largest budget there is whose mean FLOPs do not exceed the allowance; nothing is interpolated.
        flops: what that takes for a problem, on average.
        accuracy: of the small model there.
        large: accuracy of the large model.
        interval: 95 %, of `accuracy - large`: over problems that both were measured on; where the large model's
            accuracy is only reported, the small one's own, as if the report were exact.
    """

    allowance: float
    n: int
    flops: float
    accuracy: float
    large: float
    interval: Interval


def multiplier(times: float, ratio: float = math.inf, *, per_parameter: float = 4.0) -> float:
    """How many times as much a small model may spend on inference if a larger one is to cost as much in all.

    times + 6 / per_parameter * (times - 1) / ratio: what the larger model takes for inference, and what not training it
    saved.

    Args:
        times: parameters of the larger model over those of the small one.
        ratio: R, tokens of inference over tokens of training; infinite leaves training out.
        per_parameter: FLOPs per parameter and token of inference. Snell et al. take 4: 2 to write, and as many again
            for the verifier.

    Raises:
        UsageError: the larger model is smaller, or ratio or per_parameter are not above 0.
    """
    if times < 1 or not ratio > 0 or not per_parameter > 0:
        raise UsageError("a FLOPs match needs times of at least 1, and ratio and per_parameter above 0")
    return times + _TRAINING / per_parameter * (times - 1) / ratio


def allowance(parameters: int, large: Large, ratio: float = math.inf) -> float:
    """FLOPs that a small model may spend on a problem if a larger one is to cost as much in all.

    What the larger one takes, and the problem's share of what training it took beyond the small one: with R tokens
    written for each token of training, a problem of T tokens has T / R tokens of training to bear.

    Args:
        parameters: of the small model, its verifier's not among them.
        large: the larger one.
        ratio: R; infinite leaves training out.

    Raises:
        UsageError: the larger model is smaller, or the ratio is not above 0.
    """
    if not 0 < parameters <= large.shape.parameters or not ratio > 0:
        raise UsageError("a FLOPs match needs a larger model with more parameters, and a ratio above 0")
    return large.flops + _TRAINING * (large.shape.parameters - parameters) * large.tokens / ratio


def match(cells: Sequence[Cell], parameters: int, large: Large, ratio: float = math.inf) -> Match | None:
    """The small model beside a larger one at the same FLOPs; None if even its cheapest budget costs more.

    Args:
        cells: the small model with one method, at several budgets.
        parameters: of the small model, its verifier's not among them.
        large: the larger one.
        ratio: tokens of inference over tokens of training; infinite leaves training out.

    Raises:
        UsageError: as for `allowance`; or what the small model spent is unknown, or the models were measured on
            different problems.
    """
    allowed = allowance(parameters, large, ratio)
    spent = {cell.n: _mean(cell.costs["flops"].ravel()) for cell in cells}
    if all(math.isnan(flops) for flops in spent.values()):
        raise UsageError("the small model's FLOPs are unknown; name its size where its engine takes one")
    affordable = [cell for cell in cells if spent[cell.n] <= allowed]
    if not affordable:
        return None
    cell = max(affordable, key=lambda cell: cell.n)
    accuracy, theirs, interval = _compared(_by_problem(cell.accuracy), large)
    return Match(allowance=allowed, n=cell.n, flops=spent[cell.n], accuracy=accuracy, large=theirs, interval=interval)


def _compared(ours: NDArray[np.float64], large: Large) -> tuple[float, float, Interval]:
    """Both accuracies, and an interval of their difference."""
    if not isinstance(large.accuracy, np.ndarray):
        value, own = _mean(ours), accuracy_interval(ours[~np.isnan(ours)].tolist())
        return value, large.accuracy, Interval(own.low - large.accuracy, own.high - large.accuracy)
    theirs = _by_problem(large.accuracy)
    if len(theirs) != len(ours):
        raise UsageError(f"the large model was measured on {len(theirs)} problems, the small one on {len(ours)}")
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    return _mean(ours[both]), _mean(theirs[both]), paired_interval(ours[both].tolist(), theirs[both].tolist())


def _by_problem(accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each problem's mean over seeds."""
    return np.array([_mean(row) for row in accuracy])


def _mean(values: NDArray[np.float64]) -> float:
    """Over what is known; NaN if nothing is."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else math.nan
