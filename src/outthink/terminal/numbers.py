"""Numbers as they are printed."""

from __future__ import annotations

from datetime import timedelta

__all__ = ["NOTHING", "count", "duration", "percent", "size", "teraflop"]

NOTHING = "\N{EN DASH}"


def count(n: int, thing: str, things: str | None = None) -> str:
    """A number of things: `1 token`, `1,204 tokens`."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def percent(share: float, *, sign: bool = False, digits: int = 1) -> str:
    """A share of 1 in percent, without the sign for it."""
    # Adding 0.0 turns the -0.0 that rounding may leave into 0.0.
    return f"{round(100 * share, digits) + 0.0:{'+' if sign else ''}.{digits}f}"


def size(n: int) -> str:
    """Bytes in megabytes."""
    return f"{n / 1e6:,.0f} MB"


def duration(seconds: float) -> str:
    """Seconds as hours, minutes and seconds: `0:02:05`."""
    return str(timedelta(seconds=round(seconds)))


def teraflop(flops: float) -> str:
    """Floating-point operations in units of 10^12; a dash where they are not known."""
    tera = flops / 1e12
    if not tera:
        return NOTHING
    return f"{tera:,.0f}" if tera >= 100 else f"{tera:.1f}" if tera >= 1 else f"{tera:.2g}"
