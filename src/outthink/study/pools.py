"""What k of a pool's independent solutions would have been worth, from all n of them: exactly, or over many subsets.

Taking the first k instead, as is often done, throws away what the other n - k tell.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from outthink.select import DIGITS, FREQUENT, Select

__all__ = ["SUBSETS", "Ballots", "Selection", "ballots", "chance", "chosen_right", "pass_at", "powers"]

SUBSETS = 512
"""Subsets drawn where there are more and no closed form is known: the error left in a mean over problems is small."""

# Binomial coefficients of more than this do not fit into a float.
_EXACT = 1000

Selection = Select | Literal["oracle"]
"""How solutions become one answer; "oracle" is right if any of them is."""


def powers(most: int) -> list[int]:
    """1, 2, 4, ..., as far as there are solutions."""
    return [1 << power for power in range(most.bit_length())]


class Ballots(NamedTuple):
    """A pool's solutions as arrays; keys are numbered so that the one that wins a tie comes first.

    Args:
        keys: what each solution is counted under, -1 without an answer; shape (n,).
        right: whether each key is right; shape (keys,).
        scores: of each solution, NaN without one; shape (n,).
    """

    keys: NDArray[np.int64]
    right: NDArray[np.bool_]
    scores: NDArray[np.float64]


def ballots(keys: Sequence[str | None], right: Sequence[bool], scores: Sequence[float | None]) -> Ballots:
    """Solutions as arrays, from each one's key, whether it is right, and its score.

    Of tied keys the shorter one wins, then the first in the alphabet, as in `outthink.select`.
    """
    names = sorted({key for key in keys if key is not None}, key=lambda key: (len(key), key))
    place = {key: number for number, key in enumerate(names)}
    truth = np.zeros(len(names), dtype=bool)
    for key, is_right in zip(keys, right, strict=True):
        if key is not None:
            truth[place[key]] = is_right
    return Ballots(
        keys=np.array([-1 if key is None else place[key] for key in keys], dtype=np.int64),
        right=truth,
        scores=np.array([math.nan if score is None else score for score in scores], dtype=np.float64),
    )


def chance(pool: Ballots, k: int, selection: Selection, rng: np.random.Generator) -> float:
    """The chance that k solutions, drawn from the pool without replacement, give the right answer.

    Args:
        pool: n solutions.
        k: how many are drawn; all of them if there are fewer.
        selection: how they become one answer; "oracle" is right if any of them is.
        rng: draws subsets where there is no closed form: for "weighted" and "best-of-majority", and for "best" where
            right and wrong solutions tie.
    """
    n = len(pool.keys)
    k = min(k, n)
    if not pool.right.any():
        return 0.0
    if selection == "oracle":
        return pass_at(n, sum(_right(pool)), k)
    if selection == "majority" and n <= _EXACT:
        return _majority(pool, k)
    if selection == "best" and (exact := _best(pool, k)) is not None:
        return exact
    if math.comb(n, k) <= SUBSETS:
        members = np.array(list(combinations(range(n), k)))
    else:
        members = np.argsort(rng.random((SUBSETS, n)), axis=1)[:, :k]
    return float(chosen_right(pool, members, selection).mean())


def pass_at(n: int, right: int, k: int) -> float:
    """pass@k: 1 - C(n - right, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374)."""
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def chosen_right(pool: Ballots, members: NDArray[np.int64], selection: Select) -> NDArray[np.bool_]:
    """Whether the answer chosen from each subset is right.

    Args:
        pool: the solutions.
        members: the numbers of each subset's solutions; shape (subsets, k).
        selection: how they become one answer.
    """
    subsets, answers = len(members), len(pool.right)
    keys, scores = pool.keys[members], pool.scores[members]
    heard = keys >= 0 if selection == "majority" else (keys >= 0) & ~np.isnan(scores)
    rows = np.broadcast_to(np.arange(subsets)[:, None], keys.shape)[heard]
    places = (rows, keys[heard])
    votes = np.zeros((subsets, answers))
    np.add.at(votes, places, 1.0)
    totals, highest = votes.copy(), np.full((subsets, answers), -np.inf)
    if selection == "weighted":
        totals[:] = 0.0
        np.add.at(totals, places, scores[heard])
        mantissas, exponents = np.frexp(totals)
        totals = np.ldexp(mantissas.round(DIGITS), exponents)
    elif selection != "majority":
        np.maximum.at(highest, places, scores[heard])
        totals = highest
    if selection == "best-of-majority":
        needed = np.minimum(FREQUENT * votes.sum(axis=1), votes.max(axis=1))
        totals = np.where(votes >= needed[:, None], totals, -np.inf)
    totals = np.where(votes > 0, totals, -np.inf)
    # Among equal totals the most votes, then the first key: argmax takes the first.
    tied = totals == totals.max(axis=1, keepdims=True)
    winner = np.where(tied, votes, -1.0).argmax(axis=1)
    chosen: NDArray[np.bool_] = pool.right[winner] & heard.any(axis=1)
    return chosen


def _right(pool: Ballots) -> list[bool]:
    return [bool(key >= 0 and pool.right[key]) for key in pool.keys]


def _best(pool: Ballots, k: int) -> float | None:
    """The chance that the highest score among k is a right solution's; None where right and wrong ones share a score.

    The highest is s if the k are among the solutions that score no more, and not all among those that score less.
    """
    by_score: dict[float, list[bool]] = {}
    for key, score, right in zip(pool.keys, pool.scores, _right(pool), strict=True):
        if key >= 0 and not math.isnan(score):
            by_score.setdefault(score, []).append(right)
    if any(len(set(tied)) > 1 for tied in by_score.values()):
        return None
    # Solutions without an answer or a score are never chosen, but take a place among the k.
    below = len(pool.keys) - sum(map(len, by_score.values()))
    ways = 0
    for score in sorted(by_score):
        tied = by_score[score]
        if tied[0]:
            ways += math.comb(below + len(tied), k) - math.comb(below, k)
        below += len(tied)
    return ways / math.comb(len(pool.keys), k)


def _majority(pool: Ballots, k: int) -> float:
    """The chance that a right key has the most votes among k: the sum over its votes of the ways to have no rival."""
    held = Counter(int(key) for key in pool.keys)
    silent = held.pop(-1, 0)
    ways = 0.0
    for winner in map(int, np.flatnonzero(pool.right)):
        rivals = [(number, key < winner) for key, number in held.items() if key != winner]
        for votes in range(1, min(held[winner], k) + 1):
            ways += math.comb(held[winner], votes) * _ways(rivals, silent, votes, k - votes)
    return float(ways / math.comb(len(pool.keys), k))


def _ways(rivals: Sequence[tuple[int, bool]], silent: int, votes: int, rest: int) -> float:
    """In how many ways the rest of a subset can be drawn so that no rival beats `votes`.

    Args:
        rivals: how many solutions hold each other key, and whether it wins a tie.
        silent: solutions without an answer.
        votes: of the winner.
        rest: solutions to draw.
    """
    limits = [(number, votes - wins_tie) for number, wins_tie in rivals]
    # What can never reach its limit is drawn as freely as what has no answer.
    free = silent + sum(number for number, limit in limits if number <= limit)
    ways: NDArray[np.floating[Any]] = _binomials(free, rest)
    for number, limit in limits:
        if number > limit:
            ways = np.convolve(ways, _binomials(number, min(limit, rest)))[: rest + 1]
    return float(ways[rest]) if len(ways) > rest else 0.0


def _binomials(n: int, most: int) -> NDArray[np.float64]:
    """C(n, 0) to C(n, most)."""
    return np.array([float(math.comb(n, i)) for i in range(min(n, most) + 1)])
