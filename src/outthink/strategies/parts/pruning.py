"""Which leaves of a tree to keep: those that together gain most for what holding them and all above them costs."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

__all__ = ["Pruning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """Which leaves of a tree to keep: gains, less a price for every node held, and a prize for every group covered.

    Args:
        gains: of the leaves.
        above: the nodes above each leaf, by any numbers that tell them apart.
        groups: of like leaves, each leaf's by its number.
        price: of every kept leaf and every node above one, once.
        prize: for every group that a kept leaf belongs to, once.
    """

    gains: Sequence[float]
    above: Sequence[set[int]]
    groups: Sequence[int]
    price: float
    prize: float

    def worth(self, kept: Collection[int]) -> float:
        """What a choice of leaves is worth."""
        held = len(kept) + len(set().union(*(self.above[i] for i in kept)))
        covered = len({self.groups[i] for i in kept})
        return math.fsum(self.gains[i] for i in kept) - self.price * held + self.prize * covered

    def best(self) -> frozenset[int]:
        """A choice of at least one leaf that no move betters, climbed to from all of them; the best move goes first.

        The moves: drop, or add, a leaf or all leaves below a node; where none of these helps, drop one such branch and
        add another.
        """
        leaves = frozenset(range(len(self.gains)))
        below = ({i for i in leaves if node in self.above[i]} for node in set().union(*self.above))
        branches = {frozenset(branch) for branch in [*below, *({i} for i in leaves)]}
        kept, better = leaves, leaves
        while better:
            kept = better
            dropped = {kept - branch for branch in branches}
            better = self._better(kept, dropped | {kept | branch for branch in branches})
            better = better or self._better(kept, {rest | branch for rest in dropped for branch in branches})
        return kept

    def _better(self, kept: frozenset[int], moves: set[frozenset[int]]) -> frozenset[int]:
        """The best move; none where it does not better what is kept."""
        best = max(moves - {frozenset()}, key=lambda move: (self.worth(move), sorted(move)))
        # Not for a difference that is only rounding: it would go round in circles.
        return best if self.worth(best) > self.worth(kept) + 1e-12 else frozenset()
