"""Revisions: chains of attempts, each written with the ones before it in view; some in sequence, some in parallel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from outthink.candidates import candidate
from outthink.checks import at_least
from outthink.concurrency import gather
from outthink.errors import UsageError
from outthink.search import Search
from outthink.select import weighted
from outthink.strategies import Strategy
from outthink.strategies.parts.quoting import answered, asked
from outthink.strategies.parts.turns import leaves_below, one_solution, reply, solved
from outthink.tree import Node

__all__ = ["Revisions"]

REVISE = "This solution may be wrong. Solve the problem again, in the same form, and put right whatever is wrong in it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """Sequential revisions (Snell et al. 2024, arXiv 2408.03314).

    N / `sequential` chains run side by side. Every attempt but a chain's first is written in a chat that holds the last
    `context` finished attempts of its chain as the model's own replies. An attempt that is cut, or whose prompt does
    not fit into the engine's context, is left out of the chain.

    The paper selects hierarchically when it weighs by scores, and by a flat vote when it counts. With `vote: chains`
    each chain is stood for by one attempt, the best one with the chain's answer by weighted best-of-N; it votes once,
    with its own score, so that the selection `weighted` is the second tier. With `vote: all` every attempt votes.

    Args:
        n: attempts over all chains; a multiple of `sequential`.
        sequential: attempts in each chain; sequential to parallel is `sequential` to n / `sequential`.
        context: attempts shown to the next one, at most (4 in the paper).
        vote: what votes: one attempt for each chain, or all attempts.
        inner: writes the beginning of each chain, which counts as its first attempt; its solutions are shown with the
            best one last. The problem's prompt alone if None.
        prompt: asks for the next attempt; follows on each attempt in the chat.
    """

    n: int = 16
    sequential: int = 4
    context: int = 4
    vote: Literal["chains", "all"] = "chains"
    inner: Strategy | None = None
    prompt: str = REVISE

    def __post_init__(self) -> None:
        if self.n < 1 or self.sequential < 1 or self.n % self.sequential:
            raise UsageError(
                f"n is {self.n} and sequential {self.sequential}; n must be a multiple of sequential, both at least 1"
            )
        at_least(1, context=self.context)

    @property
    def samples(self) -> int:
        """N, or more where the beginning of a chain is several solutions."""
        first = 1 if self.inner is None else self.inner.samples
        return self.n // self.sequential * (first + self.sequential - 1)

    @property
    def ranks(self) -> bool:
        """What stands for a chain, and the best of a beginning, are found by score."""
        return self.vote == "chains" or self.inner is not None

    async def __call__(self, search: Search) -> None:
        """Run all chains at the same time."""
        await gather(*(self._chain(search.part(chain)) for chain in range(self.n // self.sequential)))

    async def _chain(self, search: Search) -> None:
        attempts = await self._begin(search)
        try:
            for _ in range(self.sequential - 1):
                attempts += await self._revise(search, attempts) if attempts else await self._begin(search)
        finally:
            # Whatever ended the chain.
            if self.vote == "chains" and attempts:
                _elect(search, attempts)

    async def _begin(self, search: Search) -> list[Node]:
        if self.inner is not None:
            return sorted(await solved(search, self.inner), key=search.value)
        first = await one_solution(search, search.root)
        return [] if first is None else [first]

    async def _revise(self, search: Search, attempts: Sequence[Node]) -> list[Node]:
        chat = asked(search)
        for attempt in attempts[-self.context :]:
            chat = answered(search, chat, attempt, self.prompt)
        revised = await reply(search, attempts[-1], chat, weight=search.root.weight)
        return [] if revised is None else [revised]


def _elect(search: Search, attempts: Sequence[Node]) -> None:
    """Leave one vote to a chain: that of the best attempt with its answer by weighted best-of-N."""
    candidates = [candidate(search.tree.path(attempt), search.value(attempt)) for attempt in attempts]
    answer = weighted(candidates).key
    agreeing = [attempt for attempt, held in zip(attempts, candidates, strict=True) if held.key == answer]
    chosen = max(agreeing, key=search.value)
    # However many particles of an inner strategy ended there, a chain has one vote.
    chosen.weight = search.root.weight
    # Below the last one there may be another, finished but not yet scored when the search ended.
    for attempt in (*attempts, *leaves_below(search.tree, attempts[-1])):
        if attempt is not chosen:
            attempt.weight = 0.0
