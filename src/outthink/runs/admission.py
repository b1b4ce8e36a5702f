"""Admission: how many searches are under way at once, so that the engine is never idle and its cache never thrashes."""

from __future__ import annotations

import asyncio

from outthink.engines import Engine, Sampling
from outthink.runs.recipe import StrategyEntry
from outthink.tree import Tree

__all__ = ["Admission", "footprint"]

# Writing as many siblings as fit is not enough: while some searches wait for the verifier, others are to write.
_OVERLAP = 2
# Until a search has shown what it takes, a solution is thought to fill this share of its cap.
_FIRST_GUESS = 0.25


class Admission:
    """Lets searches in, first come, first served.

    A search is let in when what it will hold in the engine's prefix cache fits beside the others (`footprint`, learned
    from the searches of the same strategy that are done), and when the engine has siblings to spare for it. One is
    always let in, whatever it takes.

    Args:
        engine: open; its `room` and `parallel` are read.
        sampling: caps a solution's length.
        limit: searches, if the user knows better.
    """

    def __init__(self, engine: Engine, sampling: Sampling, limit: int | None) -> None:
        self._room = engine.room
        self._siblings = _OVERLAP * engine.parallel
        self._guess = _FIRST_GUESS * sampling.max_tokens
        self._limit = limit
        self._known: dict[str, tuple[int, int]] = {}
        self._inside: list[StrategyEntry] = []
        self._left = asyncio.Event()

    async def enter(self, entry: StrategyEntry) -> None:
        """Wait until there is room for a search of this strategy, and take it."""
        while not self._fits(entry):
            self._left.clear()
            await self._left.wait()
        self._inside.append(entry)

    def leave(self, entry: StrategyEntry, tree: Tree | None) -> None:
        """Give a search's room back; learn from its tree, if it came to its end."""
        self._inside.remove(entry)
        if tree is not None:
            searches, tokens = self._known.get(entry.name, (0, 0))
            self._known[entry.name] = searches + 1, tokens + footprint(tree)
        self._left.set()

    def _fits(self, entry: StrategyEntry) -> bool:
        if not self._inside:
            return True
        if self._limit is not None:
            return len(self._inside) < self._limit
        together = [*self._inside, entry]
        if sum(each.strategy.samples for each in together) > self._siblings:
            return False
        return self._room is None or sum(self._expected(each) for each in together) <= self._room

    def _expected(self, entry: StrategyEntry) -> float:
        searches, tokens = self._known.get(entry.name, (0, 0))
        return tokens / searches if searches else self._guess * entry.strategy.samples


def footprint(tree: Tree) -> int:
    """The most tokens a search needed in a prefix cache at once, shared prefixes counted once.

    While nodes of one depth are being written, they and all above them are needed; what was left behind is not.
    """
    deepest = [node.depth for node in tree.nodes]
    for node in reversed(tree.nodes[1:]):
        deepest[node.parent] = max(deepest[node.parent], deepest[node.index])
    # Node x is needed at the depths from its own to that of its deepest descendant.
    change = [0] * (max(deepest) + 2)
    for node in tree.nodes:
        change[node.depth] += tree.tokens(node)
        change[deepest[node.index] + 1] -= tree.tokens(node)
    needed = most = 0
    for difference in change:
        needed += difference
        most = max(most, needed)
    return most
