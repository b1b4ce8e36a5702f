"""Labellers find out what steps are worth. This is the seam every way of labelling stands behind.

A labeller grows a tree as a strategy does, but is also told what comes out right; its labels are then a function of the
stored tree alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from outthink.search import Search
from outthink.tree import Path, Tree

__all__ = ["Judged", "Labeller"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A finished solution in a tree, with what is known of each of its `steps`; see `Labelled`.

    `rollout` says that it was written to see what comes of a step; a recipe says how many of these it harvests.
    """

    path: Path
    rollout: bool
    values: tuple[float | None, ...]
    counts: tuple[int, ...]
    labels: tuple[int, ...]


class Labeller(Protocol):
    """A way to label steps."""

    @property
    def samples(self) -> int:
        """The most continuations it writes for a problem."""

    async def __call__(self, search: Search, right: Callable[[Path], Awaitable[bool]]) -> None:
        """Grow the tree.

        Args:
            search: on one problem.
            right: whether a finished solution's answer is right.
        """

    def read(self, tree: Tree, right: Mapping[int, bool]) -> Iterable[Judged]:
        """The labelled solutions in a tree that was grown so.

        Args:
            tree: the stored tree.
            right: whether each end of a continuation (`values.tips`) came out right, by the node's index.
        """
