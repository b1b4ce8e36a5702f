"""Folds of problems: what is chosen on some problems is tried on others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError

__all__ = ["folds"]


def folds(problems: int, count: int, repeats: int = 1) -> Iterator[NDArray[np.bool_]]:
    """Which problems are left out of choosing, fold by fold; each is left out once in every repeat.

    They are dealt out at random, and always alike. Not so that each fold has as many easy problems: how easy a problem
    looks has to do with how lucky methods were on it, so the folds would be lucky alike, and what is chosen on some
    would seem better on the others than it is.

    Args:
        problems: how many there are.
        count: folds in a repeat.
        repeats: how often all is dealt out anew, so that less hangs on one dealing.

    Raises:
        UsageError: there are not enough problems.
    """
    if not 2 <= count <= problems:
        raise UsageError(f"folds is {count}; it must be between 2 and the {problems} problems: study more of them")
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        fold = rng.permutation(problems) % count
        for number in range(count):
            yield fold == number
