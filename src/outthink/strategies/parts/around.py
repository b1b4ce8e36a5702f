"""A strategy around another one, which writes the solutions."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.strategies import Strategy

__all__ = ["Around"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is true of every strategy that leaves the solutions of another one, and adds only to how they come about.

    Args:
        inner: writes the solutions. Each kind declares it again: options' types are looked up in a kind's own module.
    """

    inner: Strategy

    @property
    def samples(self) -> int:
        """Those of the inner strategy."""
        return self.inner.samples

    @property
    def ranks(self) -> bool:
        """Only if the inner strategy does."""
        return self.inner.ranks
