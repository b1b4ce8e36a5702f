"""Scrutiny: the model verifies each of its answers several times, and compares those that come out alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outthink.checks import at_least, between
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.parts.answers import rivals
from outthink.strategies.parts.around import Around
from outthink.strategies.parts.judging import VERIFY, verified
from outthink.strategies.parts.pairing import Games, all_pairs
from outthink.strategies.parts.quoting import check_places
from outthink.strategies.parts.turns import solved
from outthink.strategies.sample import Sample
from outthink.tree import Node

__all__ = ["Scrutiny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrutiny(Around):
    """Sampling and self-verification (Zhao, Awasthi and Gollapudi 2025, arXiv 2502.01839).

    One solution for each different answer of another strategy is verified `verdicts` times; the share of "correct" is
    what its answer's vote counts for. Answers within `margin` of the best are compared two by two, and of them only the
    one that wins most keeps its vote. The paper's rewriting of solutions before they are verified is left out.

    Args:
        inner: writes the solutions.
        verdicts: on each answer.
        margin: answers whose share is at most so far below the best are compared.
        comparisons: of each pair in each of the two orders.
        prompt: asks for a verdict; `{question}` and `{solution}` stand where they go.
    """

    inner: Strategy = Sample()
    verdicts: int = 8
    margin: float = 0.05
    comparisons: int = 4
    prompt: str = VERIFY

    def __post_init__(self) -> None:
        at_least(1, verdicts=self.verdicts, comparisons=self.comparisons)
        between(0, 1, margin=self.margin)
        check_places("prompt", self.prompt, ("question", "solution"))

    async def __call__(self, search: Search) -> None:
        """Solve, verify, and compare what is close."""
        solutions = await solved(search, self.inner)
        players = [answer.best for answer in rivals(search, solutions)]
        if len(players) < 2:
            return
        shares = await verified(search, players, repeats=self.verdicts, prompt=self.prompt)
        close = [place for place, share in enumerate(shares) if share >= max(shares) - self.margin]
        votes = {player.index: share for player, share in zip(players, shares, strict=True)}
        if any(shares):
            # What counts if the search ends while the closest are compared.
            _vote(solutions, votes)
        winner = close[await self._winner(search, [players[place] for place in close])]
        votes |= {players[place].index: 0.0 for place in close}
        # Where all verdicts were against everybody, nobody else has a vote.
        votes[players[winner].index] = shares[winner] or 1.0
        _vote(solutions, votes)

    async def _winner(self, search: Search, players: Sequence[Node]) -> int:
        if len(players) == 1:
            return 0
        games = Games(search, players, repeats=self.comparisons)
        return (await games.play(all_pairs(range(len(players)))))[0]


def _vote(solutions: Sequence[Node], votes: Mapping[int, float]) -> None:
    """Only those that speak for an answer vote."""
    for solution in solutions:
        solution.weight = votes.get(solution.index, 0.0)
