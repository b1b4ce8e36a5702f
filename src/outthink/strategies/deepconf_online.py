"""DeepConf online: solutions that lose confidence on the way are not written to their end."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.checks import at_least, fraction
from outthink.concurrency import gather
from outthink.confidence import lowest, quantile, told
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.parts.answers import rivals
from outthink.tree import Node

__all__ = ["DeepConfOnline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepConfOnline:
    """Deep Think with Confidence, online (Fu et al. 2025, arXiv 2508.15260).

    Some solutions are written whole; how confident each was where it was least so gives a threshold. The others are
    written step by step and dropped once a window falls below it. Solutions that never did vote, weighted by their
    lowest window. Nothing more is written when one answer has nearly all the weight.

    Args:
        n: solutions begun; 256 in the paper's code.
        warmup: of these, written whole first.
        keep: share of the first ones that the threshold would have let through: 0.1 ("low" in the paper) drops most
            solutions, 0.9 ("high") few.
        window: tokens in a window; 2048 in the paper.
        wave: solutions begun together; after each wave the answers are counted.
        consensus: share of all weight at which an answer is settled; above 1, none ever is.
    """

    n: int = 64
    warmup: int = 16
    keep: float = 0.9
    window: int = 64
    wave: int = 8
    consensus: float = 0.95

    def __post_init__(self) -> None:
        if not 1 <= self.warmup <= self.n:
            raise UsageError(f"warmup is {self.warmup}; it must lie between 1 and n = {self.n}")
        fraction(keep=self.keep)
        at_least(1, window=self.window, wave=self.wave)
        if self.consensus <= 0.5:
            raise UsageError(f"consensus is {self.consensus}; it must be above 0.5, or two answers could have it")

    @property
    def samples(self) -> int:
        """N, if none is dropped."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Confidences take the place of scores."""
        return False

    async def __call__(self, search: Search) -> None:
        """Learn the threshold, then write wave after wave under it."""
        solutions = await search.complete([search.root], self.warmup)
        sure = [lowest(told(search.tree.path(each)), self.window) for each in solutions]
        least = quantile(sure, 1 - self.keep)
        for solution in solutions:
            self._weigh(search, solution, least)
        while len(solutions) < self.n and not self._settled(search, solutions):
            begun = await search.expand([search.root], min(self.wave, self.n - len(solutions)))
            solutions += await gather(*(self._follow(search, tip, least) for tip in begun))

    async def _follow(self, search: Search, tip: Node, least: float) -> Node:
        """Write a solution until it ends or falls below the threshold."""
        while tip.open and not self._fallen(search, tip, least):
            (tip,) = await search.expand([tip], 1)
        self._weigh(search, tip, least)
        return tip

    def _fallen(self, search: Search, tip: Node, least: float) -> bool:
        # The windows that end in this step, that is; a solution that is no window long yet is not judged.
        recent = told(search.tree.path(tip))[-len(tip.confidences or ()) - self.window + 1 :]
        return len(recent) >= self.window and lowest(recent, self.window) < least

    def _weigh(self, search: Search, tip: Node, least: float) -> None:
        if tip.finished:
            confidence = lowest(told(search.tree.path(tip)), self.window)
            tip.weight *= confidence if confidence >= least else 0.0

    def _settled(self, search: Search, solutions: list[Node]) -> bool:
        answers = rivals(search, (each for each in solutions if each.finished and each.weight > 0))
        return bool(answers) and answers[0].weight >= self.consensus * sum(rival.weight for rival in answers)
