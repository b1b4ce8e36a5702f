"""Tournament: the model compares its different answers two by two, and the one that wins most takes the vote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

from outthink.checks import at_least
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.parts.answers import rivals
from outthink.strategies.parts.around import Around
from outthink.strategies.parts.judging import COMPARE, compared
from outthink.strategies.parts.quoting import check_places
from outthink.strategies.parts.turns import solved
from outthink.strategies.sample import Sample
from outthink.tree import Node

__all__ = ["Tournament", "all_pairs", "comparisons", "pivot_pairs", "ranked", "ring_pairs"]

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tournament(Around):
    """Pairwise selection by the model itself, with pivots (Kwok et al. 2026, arXiv 2607.05391).

    One solution for each different answer of another strategy plays. First all are compared around a ring; those that
    do best are pivots, and everybody is compared with them. The answer with the highest mean of wins takes the vote.
    Where comparing every pair is no dearer, that is done instead. The paper reads a pair's outcome off probabilities;
    here it is the letter that the model writes, so that any engine will do.

    Args:
        inner: writes the solutions.
        pivots: 2 in the paper; 0 compares every pair.
        repeats: comparisons of each pair in each of the two orders.
        prompt: asks for the better one; `{question}`, `{first}` and `{second}` stand where they go.
    """

    inner: Strategy = Sample()  # noqa: RUF009 (frozen)
    pivots: int = 2
    repeats: int = 1
    prompt: str = COMPARE

    def __post_init__(self) -> None:
        at_least(0, pivots=self.pivots)
        at_least(1, repeats=self.repeats)
        check_places("prompt", self.prompt, ("question", "first", "second"))

    async def __call__(self, search: Search) -> None:
        """Solve, then play."""
        solutions = await solved(search, self.inner)
        answers = rivals(search, solutions)
        if len(answers) < 2:
            return
        winner = answers[(await self._play(search, [answer.best for answer in answers]))[0]]
        winning = {solution.index for solution in winner.solutions}
        for solution in solutions:
            solution.weight *= solution.index in winning

    async def _play(self, search: Search, players: Sequence[Node]) -> list[int]:
        """The players' places in the list, best first."""
        n = len(players)
        won: list[list[float]] = [[] for _ in players]

        async def play(pairs: Sequence[Pair]) -> list[int]:
            found = [(players[one], players[other]) for one, other in pairs]
            shares = await compared(search, found, repeats=self.repeats, prompt=self.prompt)
            for (one, other), share in zip(pairs, shares, strict=True):
                won[one].append(share)
                won[other].append(1 - share)
            return ranked(won)

        pivots = min(self.pivots, n)
        if not pivots or comparisons(n, pivots) >= comb(n, 2):
            return await play(all_pairs(range(n)))
        ring = search.rng().sample(range(n), n)
        best = await play(ring_pairs(ring))
        return await play(pivot_pairs(range(n), best[:pivots]))


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
