"""Copies: paths of a tree that say the same, step by step, to the same end."""

from __future__ import annotations

from outthink.tree import Finish, Path

__all__ = ["Copies"]


class Copies:
    """The paths of one tree, told apart by what they say."""

    def __init__(self) -> None:
        self._firsts: dict[tuple[int, str, Finish], int] = {}

    def first(self, path: Path) -> int:
        """Index of the node where the first path ended that answers the same prompt and says the same."""
        at = path.start.index
        for node in path.nodes:
            at = self._firsts.setdefault((at, node.text, node.finish), node.index)
        return at
