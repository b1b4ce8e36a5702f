"""Greedy: one solution, the most likely token at every place. What one call of the model buys."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.search import Search

__all__ = ["Greedy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy:
    """One solution at temperature 0."""

    @property
    def samples(self) -> int:
        """One."""
        return 1

    @property
    def ranks(self) -> bool:
        """There is nothing to rank."""
        return False

    async def __call__(self, search: Search) -> None:
        """Write one solution."""
        await search.complete([search.root], 1, temperature=0.0)
