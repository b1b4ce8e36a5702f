"""What token sequences have in common."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["shared"]


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many of the first ids are equal."""
    if one == other:
        return len(one)
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
