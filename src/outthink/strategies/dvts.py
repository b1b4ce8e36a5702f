"""Diverse verifier tree search: independent narrow beam searches, so that one high score cannot take over the whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from outthink.concurrency import gather
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.steps import step_search, top

__all__ = ["Dvts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dvts:
    """DVTS (Beeching, Tunstall and Rush 2024, "Scaling test-time compute with open models").

    N / width subtrees, each a beam search with `width` seats that keeps its one best path after every step. Subtrees do
    not wait for each other, and every seat is searched to its end, so that N finished solutions vote.

    Args:
        n: seats over all subtrees; a multiple of `width`.
        width: seats of each subtree.
        max_steps: steps after which the paths under way are written to their end without further pruning.
    """

    n: int = 16
    width: int = 4
    max_steps: int = 40

    def __post_init__(self) -> None:
        if self.n < 1 or self.width < 1 or self.n % self.width:
            raise UsageError(f"n is {self.n} and width {self.width}; n must be a multiple of width, both at least 1")
        if self.max_steps < 1:
            raise UsageError(f"max_steps is {self.max_steps}; it must be at least 1")

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Paths are kept by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Search all subtrees at the same time."""
        keep_best = partial(top, width=self.width)
        await gather(
            *(
                step_search(search.part(subtree), keep_best, n=self.width, max_steps=self.max_steps)
                for subtree in range(self.n // self.width)
            )
        )
