"""The loop that all step-level strategies share: expand, score, allocate, again. They differ in the allocator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from random import Random

from outthink.search import Search
from outthink.tree import Node

__all__ = ["Allocator", "Values", "softmax", "step_search", "top"]

Allocator = Callable[[Sequence[float], int, Random], list[int]]
"""From the open nodes' scores and the seats to fill, how many children each node gets; they never exceed the seats."""

Values = Callable[[Sequence[Node]], Sequence[float]]
"""What the allocator is told of the open nodes, taken together, where that is not their scores alone."""


async def step_search(
    search: Search, allocate: Allocator, *, n: int, max_steps: int, values: Values | None = None
) -> None:
    """Search step by step until `n` solutions are finished.

    A finished solution keeps its seat: the remaining seats are shared out among the open nodes, so finished solutions
    and children together never exceed `n`, and none is finished twice. Nodes whose path repeats another's, token by
    token, are one state and compete as one. The step after the last allowed one is written to the solution's end.

    Args:
        search: what to grow.
        allocate: shares out the seats.
        n: seats.
        max_steps: rounds.
        values: of the open nodes, for the allocator; their scores if None.
    """
    rng = search.rng()
    nodes, counts, seats = [search.root], [n], n
    for step in range(1, max_steps + 1):
        write = search.complete if step == max_steps else search.expand
        children = await write(nodes, counts)
        seats -= sum(child.finished for child in children)
        live = _distinct(child for child in children if child.open)
        if not live or not seats:
            return
        told = values(live) if values else [search.value(node) for node in live]
        nodes, counts = live, allocate(told, seats, rng)


def _distinct(nodes: Iterable[Node]) -> list[Node]:
    """The first of each set of siblings that were sampled alike."""
    seen: dict[tuple[int, tuple[bytes, str]], Node] = {}
    for node in nodes:
        seen.setdefault((node.parent, node.wording), node)
    return list(seen.values())


def softmax(values: Sequence[float], temperature: float) -> list[float]:
    """Shares that sum to 1, in proportion to exp(value / temperature); a value of -inf has none."""
    highest = max(values)
    weights = [math.exp((value - highest) / temperature) for value in values]
    # fsum rounds once, so a share does not depend on the order of the nodes.
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def top(scores: Sequence[float], seats: int, rng: Random, *, width: int) -> list[int]:
    """Beam search's allocator: the best `seats / width` nodes (at least one) share the seats as evenly as can be.

    Ties are broken at random: in the order of writing, one parent's children would crowd out the others'.
    """
    order = list(range(len(scores)))
    rng.shuffle(order)
    order.sort(key=lambda i: scores[i], reverse=True)
    kept = order[: max(1, -(-seats // width))]
    shares = [0] * len(scores)
    for rank, i in enumerate(kept):
        shares[i] = seats // len(kept) + (rank < seats % len(kept))
    return shares
