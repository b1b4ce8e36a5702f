"""Solutions compared two by two: who meets whom, and who comes out best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import comb

from outthink.search import Search
from outthink.strategies.parts.judging import COMPARE, compared
from outthink.tree import Node

__all__ = ["Games", "Pair", "all_pairs", "comparisons", "pivot_pairs", "ranked", "ring_pairs"]

Pair = tuple[int, int]
"""Two players, by their places in the list."""


class Games:
    """Comparisons among some solutions, and what each has won in them so far.

    Args:
        search: to be asked.
        players: ends of the solutions.
        repeats: comparisons of each pair in each of the two orders.
        prompt: see `compared`.
    """

    def __init__(self, search: Search, players: Sequence[Node], *, repeats: int, prompt: str = COMPARE) -> None:
        self._search = search
        self._players = players
        self._repeats = repeats
        self._prompt = prompt
        self._won: list[list[float]] = [[] for _ in players]

    async def play(self, pairs: Sequence[Pair]) -> list[int]:
        """Let some pairs meet; then all players by what they have won, best first. Each must have met somebody."""
        met = [(self._players[one], self._players[other]) for one, other in pairs]
        shares = await compared(self._search, met, repeats=self._repeats, prompt=self._prompt)
        for (one, other), share in zip(pairs, shares, strict=True):
            self._won[one].append(share)
            self._won[other].append(1 - share)
        return ranked(self._won)


def comparisons(n: int, pivots: int) -> int:
    """How many pairs are compared with pivots: once around, everybody else with each pivot, the pivots."""
    return n + pivots * (n - pivots) + comb(pivots, 2)


def all_pairs(players: Iterable[int]) -> list[Pair]:
    """Everybody with everybody."""
    return list(combinations(players, 2))


def ring_pairs(players: Sequence[int]) -> list[Pair]:
    """Everybody with the next, and the last with the first."""
    return list(zip(players, [*players[1:], players[0]], strict=True))


def pivot_pairs(players: Iterable[int], pivots: Sequence[int]) -> list[Pair]:
    """Everybody else with each pivot, and the pivots with each other."""
    return [(one, pivot) for one in players if one not in pivots for pivot in pivots] + all_pairs(pivots)


def ranked(won: Sequence[Sequence[float]]) -> list[int]:
    """The players by their mean of wins, the highest first; who comes first wins a tie."""
    return sorted(range(len(won)), key=lambda player: -sum(won[player]) / len(won[player]))
