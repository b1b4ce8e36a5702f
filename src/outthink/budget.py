"""Budgets: what may be spent on one problem, and the ledger that keeps a search within it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, fields
from typing import TypeVar

from outthink.cost import forward_flops
from outthink.errors import BudgetExhausted, UsageError

__all__ = ["Budget", "Grant", "Ledger", "flops_per_token"]

N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent on one problem; None is no limit.

    Args:
        samples: finished solutions.
        tokens: generated tokens.
        seconds: wall-clock from the search's start.
        flops: floating-point operations of engine and verifier together.
    """

    samples: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    flops: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not value > 0:
                raise UsageError(f"budget.{field.name} is {value}; it must be above 0 (or left out for no limit)")

    def __and__(self, other: Budget) -> Budget:
        """The tighter of two budgets, limit by limit."""
        return Budget(
            samples=_least(self.samples, other.samples),
            tokens=_least(self.tokens, other.tokens),
            seconds=_least(self.seconds, other.seconds),
            flops=_least(self.flops, other.flops),
        )


def _least(a: N | None, b: N | None) -> N | None:
    return min((x for x in (a, b) if x is not None), default=None)


def flops_per_token(model: object, role: str) -> float:
    """What a model computes for one token, as its `parameters` tell.

    Args:
        model: an engine or a verifier, open. A verifier of 0 parameters runs no model.
        role: "engine" or "verifier".

    Raises:
        UsageError: its size is unknown, so no FLOPs can be set aside for it.
    """
    # Verifiers need not tell: those that write at length cannot say beforehand what a judgement costs.
    size: int | None = getattr(model, "parameters", None)
    if size is None or (size == 0 and role == "engine"):
        raise UsageError(
            f"budget.flops: what a token costs the {role} ({type(model).__name__}) is unknown; name the model's size "
            f"where it takes one ({role}.parameters), or limit tokens or seconds instead"
        )
    return forward_flops(size, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What is set aside for one request and for the judgement of what it writes.

    Args:
        tokens: to be written at most.
        writing: FLOPs of the engine.
        judging: FLOPs of the verifier.
    """

    tokens: int
    writing: float
    judging: float


class Ledger:
    """Keeps samples, tokens and FLOPs within a budget, strictly: what may be spent is set aside before it is spent."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._seats = 0
        self._tokens = 0
        self._flops = 0.0
        self._under_way = 0
        self._settled = asyncio.Event()

    @property
    def metered(self) -> bool:
        """Whether tokens or FLOPs are limited, so that each child has to be granted its own."""
        return self._budget.tokens is not None or self._budget.flops is not None

    @property
    def counts_flops(self) -> bool:
        """Whether FLOPs are limited, so that what a token costs has to be known."""
        return self._budget.flops is not None

    @property
    def seats_left(self) -> float:
        """How many more solutions may be set aside."""
        return math.inf if self._budget.samples is None else self._budget.samples - self._seats

    def take_seats(self, n: int) -> None:
        """Set `n` finished solutions aside.

        Raises:
            BudgetExhausted: so many more would be too many.
        """
        if n > self.seats_left:
            raise BudgetExhausted("samples")
        self._seats += n

    def return_seat(self) -> None:
        """A solution set aside was not finished by its step."""
        self._seats -= 1

    async def take(self, wanted: int, *, prefix: int = 0, writing: float = 0.0, judging: float = 0.0) -> Grant:
        """Set aside what one request may spend: on all that is wanted, or on what is left if nothing is under way.

        While something is under way that may give some of its own back, it waits for that. So a search that ends here
        has everything it wrote scored.

        Args:
            wanted: tokens to write.
            prefix: tokens they follow upon; in the worst case these are computed again.
            writing: FLOPs of the engine for a token.
            judging: FLOPs of the verifier for a token; 0 if it is not asked.

        Raises:
            BudgetExhausted: nothing is left.
        """
        if not self.metered:
            return Grant(tokens=wanted, writing=0.0, judging=0.0)
        while True:
            left, limit = self._left(prefix, writing + judging)
            idle = not self._under_way
            if left >= wanted or (left > 0 and idle):
                tokens = int(min(wanted, left))
                touched = prefix + tokens
                grant = Grant(tokens=tokens, writing=touched * writing, judging=touched * judging)
                self._tokens += tokens
                self._flops += grant.writing + grant.judging
                # Two things: the writing and the judging.
                self._under_way += 2
                return grant
            if idle:
                raise BudgetExhausted(limit)
            self._settled.clear()
            await self._settled.wait()

    def wrote(self, grant: Grant, tokens: int, flops: float) -> None:
        """Exchange what was set aside for writing for what was used."""
        self._tokens += tokens - grant.tokens
        self._settle(grant.writing, flops)

    def judged(self, grant: Grant, flops: float) -> None:
        """Exchange what was set aside for judging for what was used."""
        self._settle(grant.judging, flops)

    def _settle(self, aside: float, used: float) -> None:
        if not self.metered:
            return
        self._flops += used - aside
        self._under_way -= 1
        self._settled.set()

    def _left(self, prefix: int, rate: float) -> tuple[float, str]:
        """How many tokens can still be written, and which limit says so."""
        tokens = math.inf if self._budget.tokens is None else self._budget.tokens - self._tokens
        if self._budget.flops is None or rate == 0:
            return tokens, "tokens"
        flops = (self._budget.flops - self._flops) // rate - prefix
        return min((tokens, "tokens"), (flops, "flops"))
