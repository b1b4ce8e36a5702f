"""REBASE: after every step the seats are shared out among all paths, in proportion to the softmax of their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Literal

from outthink.checks import above, at_least, one_of
from outthink.search import Search
from outthink.strategies.steps import softmax, step_search

__all__ = ["Rebase", "Rounding", "rebase", "rounded"]

Rounding = Literal["conserving", "paper", "code"]

# A share that is a whole number but for the rounding of floats must not be rounded up to the next one.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebase:
    """REBASE, reward-balanced search (Wu et al. 2024, arXiv 2408.00724).

    N first steps are sampled; after every step each path under way gets its share of the seats that no finished
    solution holds, exp(score / temperature) over the sum of all. Nothing is pruned that still has a share.

    Args:
        n: seats: finished solutions and paths under way together.
        temperature: of the softmax: 0.1 as in the paper's appendix C, where the published code ships 0.2. Small ones
            crowd the seats on the best path, large ones spread them evenly.
        max_steps: steps after which the paths under way are written to their end without further sharing out.
        rounding: how shares become whole numbers, see `rebase`.
    """

    n: int = 16
    temperature: float = 0.1
    max_steps: int = 40
    rounding: Rounding = "conserving"

    def __post_init__(self) -> None:
        at_least(1, n=self.n, max_steps=self.max_steps)
        above(0, temperature=self.temperature)
        one_of(Rounding, rounding=self.rounding)

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Seats go by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Share out the seats, continue, again."""
        allocate = partial(rebase, temperature=self.temperature, rounding=self.rounding)
        await step_search(search, allocate, n=self.n, max_steps=self.max_steps)


def rebase(
    scores: Sequence[float], seats: int, rng: Random, *, temperature: float, rounding: Rounding = "conserving"
) -> list[int]:
    """REBASE's allocator. Where shares tie, who gets the odd seat is drawn.

    Args:
        scores: of the open nodes.
        seats: to share out.
        rng: breaks ties.
        temperature: of the softmax.
        rounding: "conserving" rounds down and gives the seats left over to the largest remainders. "code" rounds up
            from the best node on, until the seats are gone, as the published code does. "paper" rounds to the nearest,
            as the paper's formula does: where that makes fewer seats than there are, the rest stay empty for a round;
            where it makes more, those that were rounded up the furthest give one back each, since no search has more
            solutions than seats.
    """
    shares = softmax(scores, temperature)
    order = list(range(len(shares)))
    rng.shuffle(order)
    if rounding == "code":
        return _ceilings(shares, seats, order)
    counts = rounded(shares, seats) if rounding == "paper" else [math.floor(seats * share) for share in shares]
    # Above 0 for those that are owed a seat, and most for those that are owed most of one.
    owed = [seats * share - count for share, count in zip(shares, counts, strict=True)]
    order.sort(key=lambda i: owed[i], reverse=True)
    spare = seats - sum(counts)
    if spare < 0:
        for i in order[spare:]:
            counts[i] -= 1
    elif rounding == "conserving":
        for i in order[:spare]:
            counts[i] += 1
    return counts


def rounded(shares: Sequence[float], seats: int) -> list[int]:
    """The paper's formula to the letter, halves to the even number: the sum may be less or more than the seats."""
    return [round(seats * share) for share in shares]


def _ceilings(shares: Sequence[float], seats: int, order: list[int]) -> list[int]:
    order.sort(key=lambda i: shares[i], reverse=True)
    counts = [0] * len(shares)
    for place, i in enumerate(order):
        rest = math.fsum(shares[j] for j in order[place:])
        if seats and rest:
            counts[i] = min(seats, math.ceil(seats * shares[i] / rest - _SLACK))
            seats -= counts[i]
    return counts
