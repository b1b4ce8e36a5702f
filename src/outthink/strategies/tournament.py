"""Tournament: the model compares its different answers two by two, and the one that wins most takes the vote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from outthink.checks import at_least
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.parts.answers import rivals
from outthink.strategies.parts.around import Around
from outthink.strategies.parts.judging import COMPARE
from outthink.strategies.parts.pairing import Games, all_pairs, comparisons, pivot_pairs, ring_pairs
from outthink.strategies.parts.quoting import check_places
from outthink.strategies.parts.turns import solved
from outthink.strategies.sample import Sample
from outthink.tree import Node

__all__ = ["Tournament"]


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

    inner: Strategy = Sample()
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
        n, pivots = len(players), min(self.pivots, len(players))
        games = Games(search, players, repeats=self.repeats, prompt=self.prompt)
        if not pivots or comparisons(n, pivots) >= comb(n, 2):
            return await games.play(all_pairs(range(n)))
        best = await games.play(ring_pairs(search.rng().sample(range(n), n)))
        return await games.play(pivot_pairs(range(n), best[:pivots]))
