"""A search as a strategy shows it to the strategy inside it: the same tree, budget and clock, but other steps."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from outthink.concurrency import gather
from outthink.errors import UsageError
from outthink.search import Manner, Search
from outthink.strategies import Strategy
from outthink.tree import Node

__all__ = ["View", "each", "require_ranks"]


class View(Search):
    """A search in which some things are done another way; a part of it is such a view again.

    What is done another way builds on `under`, the search it was made from, which may be a view itself.

    Args:
        under: what it is a view of.
    """

    def __init__(self, under: Search) -> None:
        # A view is no second search: all that a search knows it shares with the one below.
        vars(self).update(vars(under))
        self.under = under

    def value(self, node: Node) -> float:
        """As below."""
        return self.under.value(node)

    async def write(self, nodes: Sequence[Node], counts: Sequence[int], manner: Manner) -> list[Node]:
        """As below."""
        return await self.under.write(nodes, counts, manner)


async def each(
    write: Callable[[Node, int], Coroutine[Any, Any, list[Node]]], nodes: Sequence[Node], counts: Sequence[int]
) -> list[Node]:
    """What is written from some nodes at the same time, node by node in the order given.

    Args:
        write: from a node, a number of children.
        nodes: as for `Search.write`.
        counts: as for `Search.write`.
    """
    written = await gather(*(write(node, count) for node, count in zip(nodes, counts, strict=True)))
    return [child for children in written for child in children]


def require_ranks(inner: Strategy, gain: str) -> None:
    """Refuse a strategy that reads no scores inside one that changes when scores are taken.

    Args:
        inner: the strategy inside.
        gain: what it would not notice.

    Raises:
        UsageError: it reads none.
    """
    if not inner.ranks:
        kind = type(inner).__name__.lower()
        raise UsageError(
            f"inner: {kind} chooses no step by its score, so {gain} would change nothing but the cost; name a strategy "
            "that does, such as beam (best-of-4 at every step is beam with n: 4 and width: 4)"
        )
