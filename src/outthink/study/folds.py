"""Folds of problems: what is chosen on some problems is tried on others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.study.bootstrap import over_seeds

__all__ = ["folds"]


def folds(ease: NDArray[np.float64], count: int, repeats: int = 1) -> Iterator[NDArray[np.bool_]]:
    """Which problems are left out of choosing, fold by fold; each is left out once in every repeat.

    Problems are put in the order of their ease and dealt out, `count` at a time, one to each fold in random order: so
    each fold has as many easy and hard ones. The draws are always the same.

    Args:
        ease: shape (problems, seeds); where it is not known at all a problem is dealt out last.
        count: folds in a repeat.
        repeats: how often all is dealt out anew, so that less hangs on one dealing.

    Raises:
        UsageError: there are not enough problems.
    """
    problems = len(ease)
    if not 2 <= count <= problems:
        raise UsageError(f"folds is {count}; it must be between 2 and the {problems} problems")
    rng = np.random.default_rng(0)
    means = over_seeds(ease)
    for _ in range(repeats):
        # Among equals the order is random, or those who come first would be dealt out together.
        order = np.lexsort((rng.random(problems), means))
        dealt = np.concatenate([rng.permutation(count) for _ in range(-(-problems // count))])[:problems]
        fold = np.empty(problems, dtype=np.int64)
        fold[order] = dealt
        for number in range(count):
            yield fold == number
