"""Lookahead: a step is judged by where it leads, a few greedy steps further on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from outthink.checks import at_least
from outthink.concurrency import gather
from outthink.search import Manner, Search
from outthink.strategies import Strategy
from outthink.strategies.parts.around import Around
from outthink.strategies.parts.view import View, each, require_ranks
from outthink.tree import Node

__all__ = ["Lookahead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookahead(Around):
    """Lookahead search (Snell et al. 2024, arXiv 2408.03314), around any strategy that ranks steps.

    Every step the inner strategy writes is followed by up to `steps` greedy ones, and has the value of their end. They
    are scored together. When a step is continued, the first of its greedy steps is one of the children asked for, and
    looks ahead from where it had come to. Greedy steps that are never taken do not vote, even if they reached an end.

    Args:
        inner: writes and ranks the steps.
        steps: greedy steps after each step, k (3 in the paper, which tries 1 too).
    """

    inner: Strategy
    steps: int = 3

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps)
        require_ranks(self.inner, "looking ahead")

    async def __call__(self, search: Search) -> None:
        """Let the inner strategy search, each of its steps looking ahead."""
        await self.inner(_Ahead(search, self.steps))


class _Ahead(View):
    """A search whose children look ahead."""

    def __init__(self, under: Search, steps: int) -> None:
        super().__init__(under)
        self._steps = steps
        self._trials: dict[int, list[Node]] = {}
        self._ends: dict[int, Node] = {}

    def value(self, node: Node) -> float:
        """The value of where its greedy steps lead."""
        return self.under.value(self._ends.get(node.index, node))

    async def write(self, nodes: Sequence[Node], counts: Sequence[int], manner: Manner) -> list[Node]:
        """Write as asked, the greedy steps that are there first of all."""
        return await each(partial(self._finish if manner.whole else self._branch, manner), nodes, counts)

    async def _branch(self, manner: Manner, node: Node, count: int) -> list[Node]:
        """Write children and look ahead from each that is to be scored now."""
        tried = [] if manner.trial or not count else self._taken(node, 1)
        fresh = await self.under.write([node], [count - len(tried)], replace(manner, scored=False))
        ranked = [child for child in tried + fresh if child.open and child.weight and manner.scored]
        await gather(*(self._look(child, manner.by) for child in ranked))
        return tried + fresh

    async def _finish(self, manner: Manner, node: Node, count: int) -> list[Node]:
        """Write to the end; one continuation goes on from where the greedy steps had come to."""
        tried = self._taken(node, self._steps)[-1:] if count else []
        going = [tip for tip in tried if tip.open]
        counts = [1] * len(going) + [count - len(tried)]
        written = await self.under.write([*going, node], counts, manner)
        return [tip for tip in tried if not tip.open] + written

    async def _look(self, node: Node, by: str | None) -> None:
        """Take greedy steps until there are enough, or the end is reached, and score what is there."""
        trials = self._trials.setdefault(node.index, [])
        end = trials[-1] if trials else node
        while end.open and len(trials) < self._steps:
            (end,) = await self.under.expand([end], 1, temperature=0.0, trial=True, by=by)
            trials.append(end)
        self._ends[node.index] = end
        await self.under.score([end])

    def _taken(self, node: Node, most: int) -> list[Node]:
        """The first of a node's greedy steps, now steps of the search; the last of them keeps the rest."""
        trials = self._trials.pop(node.index, [])
        taken, rest = trials[:most], trials[most:]
        if taken:
            self.take(taken[-1])
            self._trials[taken[-1].index] = rest
        return taken
