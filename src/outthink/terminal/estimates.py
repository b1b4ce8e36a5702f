"""Estimates, and the methods they are of, as they are printed."""

from __future__ import annotations

from outthink.study.cells import Method
from outthink.study.intervals import Estimate
from outthink.terminal.numbers import NOTHING, percent

__all__ = ["estimate", "selected_by"]


def estimate(given: Estimate, *, sign: bool = False) -> str:
    """A figure in percent with its interval."""
    if given.value is None:
        return NOTHING
    value = percent(given.value, sign=sign)
    if given.interval is None:
        return value
    low, high = (percent(end, sign=sign, digits=0) for end in given.interval)
    return f"{value} [{low}, {high}]"


def selected_by(method: Method) -> str:
    """What turns a method's solutions into an answer, as it is called in tables."""
    selection = "any right" if method.selection == "oracle" else method.selection
    return selection if method.aggregate is None else f"{selection} ({method.aggregate})"
