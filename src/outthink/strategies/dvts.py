"""Diverse verifier tree search: independent narrow searches, so that one high score cannot take over the whole."""

from __future__ import annotations

from dataclasses import dataclass, fields

from outthink.checks import at_least
from outthink.concurrency import gather
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.beam import Beam
from outthink.strategies.parts.view import require_ranks

__all__ = ["Dvts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dvts:
    """DVTS (Beeching, Tunstall and Rush 2024, "Scaling test-time compute with open models").

    N / width subtrees, each a beam search with `width` seats that keeps its one best path after every step, or any
    other strategy that ranks steps. Subtrees do not wait for each other, and every seat is searched to its end, so that
    N finished solutions vote.

    Args:
        n: seats over all subtrees; a multiple of each one's.
        width: seats of each subtree's beam search.
        max_steps: steps after which the paths under way are written to their end without further pruning.
        inner: searches each subtree instead of beam search; its samples are the subtree's seats, and `width` and
            `max_steps` are left to it.
    """

    n: int = 16
    width: int = 4
    max_steps: int = 40
    inner: Strategy | None = None

    def __post_init__(self) -> None:
        if self.inner is not None:
            self._check_inner(self.inner)
        elif self.n < 1 or self.width < 1 or self.n % self.width:
            raise UsageError(f"n is {self.n} and width {self.width}; n must be a multiple of width, both at least 1")
        at_least(1, max_steps=self.max_steps)

    def _check_inner(self, inner: Strategy) -> None:
        require_ranks(inner, "splitting it into subtrees")
        if self.n < 1 or self.n % inner.samples:
            raise UsageError(f"n is {self.n}; it must be a multiple of the inner strategy's {inner.samples} samples")
        own = {field.name: field.default for field in fields(self)}
        if self.width not in (own["width"], inner.samples) or self.max_steps != own["max_steps"]:
            raise UsageError("width and max_steps are the inner strategy's to set; leave them out here")

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Paths are kept by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Search all subtrees at the same time."""
        inner = self.inner or Beam(n=self.width, width=self.width, max_steps=self.max_steps)
        await gather(*(inner(search.part(subtree)) for subtree in range(self.n // inner.samples)))
