"""DORA: REBASE by directions, so that steps which say the same thing in other words share one direction's seats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from outthink.checks import above, at_least
from outthink.search import Search
from outthink.strategies.parts.likeness import likenesses
from outthink.strategies.rebase import rebase
from outthink.strategies.steps import step_search
from outthink.tree import Node

__all__ = ["Dora", "uniqueness"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dora:
    """DORA, direction-oriented resource allocation (arXiv 2506.15707).

    Seats are shared out as in REBASE, but in proportion to score weight times uniqueness: a step unlike all others has
    uniqueness 1, two that are the same have one half each. The paper tells likeness from embeddings, this from words,
    and its rounding may lose or add seats, where this hands out all there are.

    Args:
        n: seats: finished solutions and paths under way together.
        temperature: of the softmax over scores.
        sharpness: temperature of the softmax over likenesses, `alpha` in the paper: how soon likeness stops counting.
        max_steps: steps after which the paths under way are written to their end without further sharing out.
    """

    n: int = 16
    temperature: float = 0.1
    sharpness: float = 0.01
    max_steps: int = 40

    def __post_init__(self) -> None:
        at_least(1, n=self.n, max_steps=self.max_steps)
        above(0, temperature=self.temperature, sharpness=self.sharpness)

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Seats go by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Share out the seats by score and uniqueness, continue, again."""
        allocate = partial(rebase, temperature=self.temperature)
        values = partial(self._values, search)
        await step_search(search, allocate, n=self.n, max_steps=self.max_steps, values=values)

    def _values(self, search: Search, nodes: Sequence[Node]) -> list[float]:
        # exp((score + T log u) / T) = u exp(score / T): uniqueness is a factor of the weight.
        unique = uniqueness([node.text for node in nodes], self.sharpness)
        return [
            search.value(node) + self.temperature * math.log(each) for node, each in zip(nodes, unique, strict=True)
        ]


def uniqueness(texts: Sequence[str], sharpness: float) -> list[float]:
    """The diagonal of the softmax over each row of likenesses, in (0, 1]."""
    return [1.0 / math.fsum(math.exp((like - 1.0) / sharpness) for like in row) for row in likenesses(texts)]
