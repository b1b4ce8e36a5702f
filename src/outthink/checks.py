"""What values of options are refused: one check and one wording for what strategies, labellers and verifiers share.

Options are passed by their names, which the messages repeat. NaN is refused everywhere: no comparison holds for it.
"""

from __future__ import annotations

from typing import get_args

from outthink.errors import UsageError

__all__ = ["above", "at_least", "between", "fraction", "one_of"]


def at_least(least: float, /, **options: float) -> None:
    """Refuse options below `least`.

    Raises:
        UsageError: one is; it is named.
    """
    for name, value in options.items():
        if not value >= least:
            raise UsageError(f"{name} is {value}; it must be at least {least}")


def above(bound: float, /, **options: float) -> None:
    """Refuse options that do not exceed `bound`.

    Raises:
        UsageError: one does not; it is named.
    """
    for name, value in options.items():
        if not value > bound:
            raise UsageError(f"{name} is {value}; it must be above {bound}")


def between(low: float, high: float, /, **options: float) -> None:
    """Refuse options outside of [low, high].

    Raises:
        UsageError: one is; it is named.
    """
    for name, value in options.items():
        if not low <= value <= high:
            raise UsageError(f"{name} is {value}; it must lie between {low} and {high}")


def fraction(**options: float) -> None:
    """Refuse options outside of (0, 1]: shares of a whole, and factors that do not make larger.

    Raises:
        UsageError: one is; it is named.
    """
    for name, value in options.items():
        if not 0 < value <= 1:
            raise UsageError(f"{name} is {value}; it must lie above 0 and not above 1")


def one_of(literal: object, /, **options: str) -> None:
    """Refuse options that are none of a `Literal`'s values.

    Raises:
        UsageError: one is not; it is named.
    """
    for name, value in options.items():
        if value not in get_args(literal):
            raise UsageError(f"{name} is {value!r}; it must be one of {', '.join(get_args(literal))}")
