"""Choices at several positions of a sequence, by an engine that makes one at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from outthink.cost import Usage

__all__ = ["at_each"]


async def at_each(
    ids: Sequence[int],
    positions: Sequence[int],
    choose: Callable[[Sequence[int]], Awaitable[tuple[list[float], Usage]]],
) -> tuple[list[list[float]], Usage]:
    """One choice after the other: each continues what the engine cached of the one before.

    Asked all at once, each would compute the whole prefix for itself.

    Args:
        ids: the sequence.
        positions: indices into `ids`, ascending.
        choose: one choice, as the token after the ids it is given.
    """
    found = [await choose(ids[: at + 1]) for at in positions]
    return [row for row, _ in found], sum((usage for _, usage in found), Usage())
