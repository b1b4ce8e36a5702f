"""The loop of particle methods: every particle takes a step, then the population is drawn anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from outthink.search import Search
from outthink.tree import Node

__all__ = ["Draw", "filter_particles"]

Draw = Callable[[Sequence[float], int, Random, float], list[int]]
"""From the particles' values, how many to draw, and the share of rounds done: how often each is drawn."""


async def filter_particles(
    search: Search, draw: Draw, *, n: int, max_steps: int, reference: Sequence[Node] = ()
) -> list[Node]:
    """Filter `n` particles until all are finished.

    What a particle counts for is its latest value alone, not the product of all it had. A path that is cut leaves the
    population, and its place goes to others. Particles that were sampled alike, token by token, are not merged: how
    many of them there are is what the filter estimates.

    Args:
        search: what to grow.
        draw: draws the next population.
        n: particles, the reference included.
        max_steps: rounds; the last one writes to the end.
        reference: the nodes of a finished path, first to last, that stays in the population whatever is drawn.

    Returns:
        The last population without the reference, each solution as often as it was drawn; empty if all were cut.
    """
    rng = search.rng()
    free = n - bool(reference)
    drawn = [search.root] * free
    for step in range(1, max_steps + 1):
        last = step == max_steps
        stays = _at(reference, len(reference) if last else step)
        written = await _continue(search, drawn, whole=last)
        particles = [node for node in drawn + written if node.finished]
        particles += [node for node in written if node.open and not last]
        population = particles + stays
        if not population:
            return []
        counts = draw([search.value(node) for node in population], free, rng, step / max_steps)
        drawn = [node for node, count in zip(population, counts, strict=True) for _ in range(count)]
        _count(search, [node for node in particles if node not in stays], drawn)
        if all(node.finished for node in drawn + stays):
            break
    return drawn


def _at(path: Sequence[Node], step: int) -> list[Node]:
    """Where a path is after some steps: at its end from its last one on; nowhere if there is none."""
    return list(path[:step][-1:])


async def _continue(search: Search, drawn: Sequence[Node], *, whole: bool) -> list[Node]:
    """As many children of each open node as it was drawn times."""
    times = Counter(node.index for node in drawn if node.open)
    write = search.complete if whole else search.expand
    return await write([search.tree.nodes[index] for index in times], list(times.values()))


def _count(search: Search, particles: Sequence[Node], drawn: Sequence[Node]) -> None:
    """A finished solution's vote counts as often as it was drawn; one that was not gives up its seat."""
    times = Counter(node.index for node in drawn)
    for node in particles:
        if node.finished and times[node.index]:
            node.weight = search.root.weight * times[node.index]
        elif node.finished:
            search.withdraw(node)
