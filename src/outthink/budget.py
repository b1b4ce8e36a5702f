"""Budgets: what may be spent on one problem, and the ledger that keeps a search within it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from outthink.errors import BudgetExhausted, UsageError

__all__ = ["Budget", "Ledger"]

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent on one problem; None is no limit.

    Args:
        samples: finished solutions.
        tokens: generated tokens.
        seconds: wall-clock from the search's start.
    """

    samples: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("samples", "tokens", "seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"budget.{name} is {value}; it must be above 0 (or left out for no limit)")

    def __and__(self, other: Budget) -> Budget:
        """The tighter of two budgets, limit by limit."""
        return Budget(
            samples=_least(self.samples, other.samples),
            tokens=_least(self.tokens, other.tokens),
            seconds=_least(self.seconds, other.seconds),
        )


def _least(a: N | None, b: N | None) -> N | None:
    return min((x for x in (a, b) if x is not None), default=None)


class Ledger:
    """Keeps samples and tokens within a budget, strictly: what may be spent is set aside before it is spent."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._seats = 0
        self._tokens = 0
        self._set_aside = 0
        self._returned = asyncio.Event()

    def take_seats(self, n: int) -> None:
        """Set `n` finished solutions aside.

        Raises:
            BudgetExhausted: so many more would be too many.
        """
        if self._budget.samples is not None and self._seats + n > self._budget.samples:
            raise BudgetExhausted("samples")
        self._seats += n

    def return_seat(self) -> None:
        """A solution set aside was not finished by its step."""
        self._seats -= 1

    async def take_tokens(self, wanted: int) -> int:
        """Set tokens aside for one request: all that is wanted, or what is left if nothing is under way.

        While requests are under way that may give some of theirs back, it waits for them.

        Raises:
            BudgetExhausted: nothing is left.
        """
        if self._budget.tokens is None:
            return wanted
        while True:
            left = self._budget.tokens - self._tokens - self._set_aside
            if left >= wanted or (left > 0 and self._set_aside == 0):
                granted = min(wanted, left)
                self._set_aside += granted
                return granted
            if self._set_aside == 0:
                raise BudgetExhausted("tokens")
            self._returned.clear()
            await self._returned.wait()

    def settle(self, granted: int, used: int) -> None:
        """Exchange what was set aside for what was used."""
        if self._budget.tokens is not None:
            self._set_aside -= granted
            self._tokens += used
            self._returned.set()
