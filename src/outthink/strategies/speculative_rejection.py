"""Speculative rejection: start more solutions than there is room to finish, and drop the worst whenever it is full."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from outthink.checks import at_least
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.steps import top
from outthink.tree import Node

__all__ = ["SpeculativeRejection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculativeRejection:
    """Best-of-N that gives up on solutions while they are being written (Sun et al. 2024, arXiv 2410.20290).

    All solutions grow step by step. When those under way hold more tokens than there is room for, the share `alpha` of
    them that scores lowest is dropped, again until the rest fit. Nothing is branched: what is finished is distributed
    as in best-of-N, less what was dropped. The paper's room is what is left of a GPU's memory; here it is stated.

    Args:
        n: solutions to start.
        alpha: share of the solutions under way that is dropped each time; the paper's 0.5.
        room: tokens that the solutions under way may hold together, their prompt not counted. Finished ones hold none.
    """

    n: int = 16
    alpha: float = 0.5
    room: int = 2048

    def __post_init__(self) -> None:
        at_least(1, n=self.n)
        if not 0 < self.alpha < 1:
            raise UsageError(f"alpha is {self.alpha}; it must lie between 0 and 1, both excluded")
        if self.room < 1:
            raise UsageError(f"room is {self.room}; it must be at least 1 token")

    @property
    def samples(self) -> int:
        """N, if nothing has to be dropped."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Solutions are dropped by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Write a step of each, make room, again."""
        rng = search.rng()
        steps = await search.expand([search.root], self.n)
        while under_way := self._fitting(search, [step for step in steps if step.open], rng):
            steps = await search.expand(under_way, 1)

    def _fitting(self, search: Search, kept: list[Node], rng: Random) -> list[Node]:
        """The best of them, so few that they fit; one is always kept."""
        while len(kept) > 1 and sum(node.length for node in kept) > self.room:
            left = min(len(kept) - 1, math.ceil((1 - self.alpha) * len(kept)))
            shares = top([search.value(node) for node in kept], left, rng, width=1)
            kept = [node for node, share in zip(kept, shares, strict=True) if share]
        return kept
