"""The axes: what a search cost, counted in six ways.

What is unknown is NaN, never 0: FLOPs of a model whose size nobody told, money without prices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

from outthink.errors import UsageError
from outthink.options import check_keys, make
from outthink.study.account import Account, Work

__all__ = ["AXES", "INTENSITY", "Axis", "Prices", "Tariff", "as_much", "expense", "machine_seconds", "read_prices"]

Axis = Literal["samples", "tokens", "flops", "memory_flops", "seconds", "money"]
AXES: tuple[Axis, ...] = get_args(Axis)

INTENSITY = 562.5
"""FLOPs that a machine could do while it reads one byte: an NVIDIA B200's 4.5e15 per second over its 8e12 bytes per
second, as Kinetics has it (Sadhukhan et al. 2025, arXiv 2506.05333)."""

_MEASURED = 1.05
_MILLION = 1e6
_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What a model's tokens cost, in any currency per million.

    Args:
        input: tokens of prompts, and tokens judged.
        output: tokens written.
        cached: tokens that a cache had; as `input` if None.
    """

    input: float
    output: float
    cached: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 <= value < math.inf:
                raise UsageError(f"{field.name} is {value}; a price must be at least 0")

    def of(self, work: Work) -> float:
        """What a model's work costs."""
        cached = self.input if self.cached is None else self.cached
        return (self.input * work.computed + cached * work.cached + self.output * work.written) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What is paid for, all in one currency. What a model did without a tariff is paid by the hour.

    Args:
        engine, verifier: by the token; None if not.
        hour: of the machine; None if none is paid.
    """

    engine: Tariff | None = None
    verifier: Tariff | None = None
    hour: float | None = None

    def __post_init__(self) -> None:
        if self.hour is not None and not 0 <= self.hour < math.inf:
            raise UsageError(f"hour is {self.hour}; a price must be at least 0")

    def of(self, engine: Work, verifier: Work, seconds: float) -> float:
        """What a search costs; NaN if there is no price for something that it took."""
        total = 0.0 if self.hour is None else self.hour * seconds / _HOUR
        for tariff, work in ((self.engine, engine), (self.verifier, verifier)):
            if tariff is not None:
                total += tariff.of(work)
            elif self.hour is None and any(work):
                return math.nan
        return total


def read_prices(given: object, where: str) -> Prices:
    """Prices from a recipe, such as `{engine: {input: 0.1, cached: 0.05, output: 0.4}, hour: 2.5}`.

    Args:
        given: a mapping.
        where: the field it stands in, for messages.

    Raises:
        RecipeError: an unknown or missing option, or a value that is no price; the field is named.
    """
    options = check_keys(given, (field.name for field in fields(Prices)), where)
    tariffs = {
        role: make(Tariff, options.pop(role), f"{where}.{role}") for role in ("engine", "verifier") if role in options
    }
    return make(Prices, options | tariffs, where)


def expense(
    account: Account,
    seconds: float,
    prices: Prices | None = None,
    *,
    n: int,
    pool: int | None = None,
    scored: bool,
    intensity: float = INTENSITY,
) -> dict[Axis, float]:
    """What a search cost, or what some of its independent samples did on average.

    Args:
        account: what its models did.
        seconds: its share of the machine's time, see `machine_seconds`.
        prices: None leaves the money unknown.
        n: solutions it was to find; of a pool, those that are drawn.
        pool: how many independent samples the search took, `n` of which are drawn; None takes the search as a whole.
        scored: whether strategy or selection reads scores. If none does, the verifier need not be asked, and is not
            charged.
        intensity: FLOPs that count as much as reading one byte.

    Raises:
        ValueError: the pool has not so many samples.
    """
    engine, verifier = (account.engine, account.verifier) if pool is None else account.of(n, pool)
    if not scored:
        verifier = Work()
    # All of a pool's samples shared the machine, each for as long as another on average.
    seconds *= 1.0 if pool is None else n / pool
    flops = engine.flops + verifier.flops
    return {
        "samples": float(n),
        "tokens": engine.written + verifier.written,
        "flops": flops,
        "memory_flops": flops + intensity * (engine.read + verifier.read),
        "seconds": seconds,
        "money": math.nan if prices is None else prices.of(engine, verifier, seconds),
    }


def as_much(cost: float, axis: Axis) -> float:
    """The most that still counts as the same mean cost: 5 % more, but of samples none.

    Samples are counted. All else is measured, and searches of as many samples differ in it by a few percent, by chance
    and in the length of what they find. Without an allowance what costs a thousandth more would be held against the
    next smaller budget, a quarter of it.

    Args:
        cost: mean per search.
        axis: in what.
    """
    return cost if axis == "samples" else _MEASURED * cost


def machine_seconds(spans: Sequence[tuple[float, float]]) -> list[float]:
    """Each search's share of the machine's time: at any moment it belongs to all that are under way, in equal parts.

    So the shares add up to the time in which anything was under way, whatever number of searches overlapped; pauses
    between sittings belong to nobody.

    Args:
        spans: when each search of a run began and ended, in seconds on one clock.
    """
    events = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    # What a search that is always under way would have got until each moment at which one begins or ends.
    so_far: dict[float, float] = {}
    total, before, under_way = 0.0, 0.0, 0
    for moment, change in events:
        if under_way:
            total += (moment - before) / under_way
        before, under_way = moment, under_way + change
        so_far[moment] = total
    return [so_far[ended] - so_far[began] for began, ended in spans]
