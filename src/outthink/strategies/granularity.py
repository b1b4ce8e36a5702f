"""Verification granularity: steps are judged, and paths branch, only every so many steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from outthink.checks import at_least
from outthink.search import Manner, Search
from outthink.strategies import Strategy
from outthink.strategies.parts.around import Around
from outthink.strategies.parts.view import View, each, require_ranks
from outthink.tree import Node

__all__ = ["Granularity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Granularity(Around):
    """Variable-granularity search (Chen et al. 2025, arXiv 2505.11730), around any strategy that ranks steps.

    Every path that the inner strategy keeps is first extended by `every` - 1 steps without branching and without the
    verifier; then it branches as the inner strategy asks, and the verifier reads all that is new. Prompts branch at
    once. A path that ends on the way is one solution, and the seats it leaves go to the others.

    Args:
        inner: ranks and branches.
        every: steps from one verification to the next, g; 1 is the inner strategy as it is.
    """

    inner: Strategy
    every: int = 2

    def __post_init__(self) -> None:
        at_least(1, every=self.every)
        require_ranks(self.inner, "scoring less often")

    async def __call__(self, search: Search) -> None:
        """Let the inner strategy search with coarser steps."""
        await self.inner(_Coarse(search, self.every))


class _Coarse(View):
    """A search in which paths are extended before they branch."""

    def __init__(self, under: Search, every: int) -> None:
        super().__init__(under)
        self._every = every

    async def write(self, nodes: Sequence[Node], counts: Sequence[int], manner: Manner) -> list[Node]:
        """Extend each node, then write its children; one that ends on the way has its end for its only child."""
        if manner.whole:
            return await super().write(nodes, counts, manner)

        async def branch(node: Node, count: int) -> list[Node]:
            for _ in range(0 if node.starts or not count else self._every - 1):
                (node,) = await self.under.write([node], [1], replace(manner, scored=False))
                if not node.open:
                    return [node]
            return await self.under.write([node], [count], manner)

        return await each(branch, nodes, counts)
