"""Sweeping: which number of a strategy is its budget, and the strategy at each size of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from outthink.errors import RecipeError
from outthink.registry import parts, read_spec, signature, spec_of
from outthink.strategies import Strategy

__all__ = ["Place", "budget_place", "resized", "seats"]

_N = "n"


class Place(NamedTuple):
    """Where a strategy's budget stands.

    Args:
        options: names from outside in: ("n",), or ("inner", "n").
        given: whether the spec says how much it is.
    """

    options: tuple[str, ...]
    given: bool


def budget_place(spec: object, where: str) -> Place | None:
    """Where the budget of a strategy stands: in its own `n`, else in that of the strategy inside it, and so on.

    Args:
        spec: the strategy's.
        where: the field it stands in, for messages.

    Returns:
        The place; None where nothing like it is found, as in `greedy`.

    Raises:
        RecipeError: no spec, an unknown kind, or several strategies inside, whose budgets are all left open.
    """
    kind, given = read_spec("strategies", spec, where)
    options = signature("strategies", kind, where)
    if _N in options:
        return Place((_N,), _N in given)
    inside = []
    for part in parts(kind):
        inner = _inner(kind, given, part)
        place = None if inner is None else budget_place(inner, f"{where}.{part}")
        if place is not None:
            # A default says how much it is too, but nobody asked for that.
            inside.append(Place((part, *place.options), place.given and given.get(part) is not None))
    still_open = [place for place in inside if not place.given]
    if len(still_open) > 1:
        places = " and ".join(".".join((where, *place.options)) for place in still_open)
        raise RecipeError(f"{places} may each be the budget; give all but one of them")
    return next(iter(still_open or inside), None)


def resized(spec: object, options: tuple[str, ...], n: int) -> dict[str, Any]:
    """The spec of a strategy with another budget.

    Args:
        spec: the strategy's, known to have a budget there.
        options: where it stands.
        n: how much it is to be.
    """
    kind, given = read_spec("strategies", spec, "strategy")
    part, *rest = options
    return {"kind": kind, **given, part: resized(_inner(kind, given, part), tuple(rest), n) if rest else n}


def seats(strategy: Strategy) -> int:
    """A strategy's budget: its own `n`, else that of the one inside it, else the most solutions it leaves."""
    n, inner = getattr(strategy, _N, None), getattr(strategy, "inner", None)
    if isinstance(n, int):
        return n
    return seats(inner) if isinstance(inner, Strategy) else strategy.samples


def _inner(kind: str, given: Mapping[str, Any], part: str) -> Any:
    """The spec of a strategy inside another, its default where it is not given; None where there is none."""
    default = signature("strategies", kind)[part].default
    return spec_of(default) if given.get(part) is None and isinstance(default, Strategy) else given.get(part)
