"""Beam search over steps: after every step the best paths are kept and each is continued several ways."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

from outthink.checks import at_least
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.steps import step_search, top

__all__ = ["Beam"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beam:
    """Beam search against a verifier (Snell et al. 2024, arXiv 2408.03314, appendix C).

    N first steps are sampled; after every step the best N / width paths are kept and continued `width` ways each.
    `width = n` keeps one path a step; `width = 1` keeps all, which is sampling step by step.

    Args:
        n: seats: finished solutions and paths under way together.
        width: children of each kept path; "sqrt" is the square root of n, rounded, which Snell et al. sweep beside 4.
        max_steps: steps after which the paths under way are written to their end without further pruning.
    """

    n: int = 16
    width: int | Literal["sqrt"] = 4
    max_steps: int = 40

    def __post_init__(self) -> None:
        at_least(1, n=self.n, max_steps=self.max_steps)
        if self.width != "sqrt" and not (isinstance(self.width, int) and 1 <= self.width <= self.n):
            raise UsageError(f'width is {self.width!r}; it must lie between 1 and n = {self.n}, or be "sqrt"')

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Paths are kept by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Keep the best, continue them, again."""
        width = round(math.sqrt(self.n)) if self.width == "sqrt" else self.width
        await step_search(search, partial(top, width=width), n=self.n, max_steps=self.max_steps)
