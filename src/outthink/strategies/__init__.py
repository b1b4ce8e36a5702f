"""Strategies spend budgets. This is the seam every strategy stands behind.

A strategy knows only `Search`. It is a frozen dataclass of its own options and one method that reads like its paper.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol, runtime_checkable

from outthink.search import Search

__all__ = ["Pool", "Strategy"]


@runtime_checkable
class Strategy(Protocol):
    """A way to spend a budget."""

    @property
    def samples(self) -> int:
        """The most finished solutions it leaves behind."""

    @property
    def ranks(self) -> bool:
        """Whether it reads scores while it searches, and so needs a verifier."""

    async def __call__(self, search: Search) -> None:
        """Spend the search's budget and leave finished leaves in its tree."""


@runtime_checkable
class Pool(Protocol):
    """A strategy whose solutions are independent, alike, and do not hang on how many there are.

    So any k of them are what k would have been, and one search at the largest budget tells of all smaller ones.
    """

    pooled: ClassVar[Literal[True]]
