"""Reward-guided speculative decoding: a small model drafts each step, a larger one rewrites those that score badly."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.checks import at_least
from outthink.concurrency import gather
from outthink.errors import UsageError
from outthink.search import Search
from outthink.tree import Node

__all__ = ["Rsd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rsd:
    """Independent solutions, each step by the cheaper model that can write it (Liao et al. 2025, arXiv 2501.19324).

    The search's own engine drafts a step. If the path with it is worth at least `threshold`, the step stays; if not,
    the target engine writes the step instead, and its step stays whatever it is worth. A rejected draft is in the tree
    and in the cost, and is no solution.

    Args:
        n: solutions.
        target: the partner engine that rewrites, of the same vocabulary as the engine that drafts.
        threshold: what a draft must be worth; the paper's 0.7.
        max_steps: steps after which the target writes the solution to its end; 100 in the paper's code.
    """

    n: int = 1
    target: str = "target"
    threshold: float = 0.7
    max_steps: int = 100

    def __post_init__(self) -> None:
        at_least(1, n=self.n, max_steps=self.max_steps)
        if not 0 <= self.threshold <= 1:
            raise UsageError(f"threshold is {self.threshold}; scores lie in [0, 1], and so must it")

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Drafts are kept by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Take the first step of all solutions together; then each goes on by itself."""
        first = await self._step(search, search.root, self.n)
        await gather(*(self._go_on(search, node) for node in first))

    async def _go_on(self, search: Search, node: Node) -> None:
        for _ in range(1, self.max_steps):
            if not node.open:
                return
            (node,) = await self._step(search, node, 1)
        if node.open:
            await search.complete([node], 1, by=self.target)

    async def _step(self, search: Search, node: Node, n: int) -> list[Node]:
        """`n` steps below a node: the drafts that are good enough, and the target's in place of the others."""
        drafts = await search.expand([node], n, trial=True)
        await search.score(drafts)
        good = [draft for draft in drafts if search.value(draft) >= self.threshold]
        for draft in good:
            search.take(draft)
        return good + await search.expand([node], n - len(good), by=self.target)
