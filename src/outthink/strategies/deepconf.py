"""DeepConf offline: each solution's vote counts as much as the model was sure of what it wrote."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.checks import at_least, fraction
from outthink.confidence import Measure, measured, quantile, told
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.parts.around import Around
from outthink.strategies.parts.turns import solved
from outthink.strategies.sample import Sample

__all__ = ["DeepConf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepConf(Around):
    """Deep Think with Confidence, offline (Fu et al. 2025, arXiv 2508.15260).

    The solutions of another strategy vote with weights: their confidences, as `sampling.top_logprobs` lets the engine
    tell them. A solution's confidence is that of all its tokens, or of a part of them, since one muddled passage can
    spoil a solution that is sure of itself everywhere else. The least confident solutions may be left out altogether.

    Args:
        inner: writes the solutions.
        measure: "mean" of all tokens, "tail" (the last window), "bottom" (the lowest tenth of all windows) or "lowest"
            (the lowest window).
        window: tokens in a window; 2048 in the paper, whose solutions are far longer.
        keep: share of the solutions, the most confident ones, that vote; 0.1 or 1 in the paper's code.
    """

    inner: Strategy = Sample()
    measure: Measure = "bottom"
    window: int = 64
    keep: float = 1.0

    def __post_init__(self) -> None:
        at_least(1, window=self.window)
        fraction(keep=self.keep)

    async def __call__(self, search: Search) -> None:
        """Solve, then weigh."""
        solutions = await solved(search, self.inner)
        if not solutions:
            return
        sure = [measured(told(search.tree.path(each)), self.measure, self.window) for each in solutions]
        least = quantile(sure, 1 - self.keep)
        for solution, confidence in zip(solutions, sure, strict=True):
            solution.weight *= confidence if confidence >= least else 0.0
