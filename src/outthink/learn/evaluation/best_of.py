"""Best-of-k curves: how right the answers are that a verifier helps to choose among k stored samples.

Each point is the expectation over all subsets of k of a problem's samples, not the first k that happen to be there:
exact where there is a closed form or there are few subsets, else over subsets drawn with a fixed seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from random import Random

from outthink.answer import canonical
from outthink.grade import Grader
from outthink.select import SELECTIONS, Candidate, Select
from outthink.study.intervals import Estimate, estimates

__all__ = ["Point", "Pool", "best_at", "candidates_of", "curve", "pass_at", "selected_at"]

DRAWS = 100
"""Subsets where not all are tried. They leave a standard error of at most 0.05 on one problem, of 0.0035 on 200."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """All independent samples of one problem.

    Args:
        problem: its id.
        candidates: one for each sample; without a key where it gives no answer.
        right: the keys that are right.
    """

    problem: str
    candidates: tuple[Candidate, ...]
    right: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Accuracies at k samples; means over problems, with intervals over problems.

    Args:
        k: samples.
        problems: how many have at least so many.
        passed: share in which one of k samples is right (pass@k): no selection does better.
        majority, best, weighted: share answered right by each selection.
        best_gain, weighted_gain: difference to the majority of as many samples, paired by problem.
    """

    k: int
    problems: int
    passed: Estimate
    majority: Estimate
    best: Estimate
    weighted: Estimate
    best_gain: Estimate
    weighted_gain: Estimate


async def candidates_of(
    answers: Sequence[str | None], scores: Sequence[float | None], grader: Grader
) -> tuple[Candidate, ...]:
    """One problem's answers as candidates; equal ones, however they are spelled, under one key."""
    keys = [None if answer is None else canonical(answer) for answer in answers]
    merged = await grader.merge([key for key in keys if key is not None])
    return tuple(
        Candidate(answer=answer, key=None if key is None else merged.get(key, key), score=score)
        for answer, key, score in zip(answers, keys, scores, strict=True)
    )


def curve(pools: Sequence[Pool]) -> tuple[Point, ...]:
    """Points at k = 1, 2, 4, ... up to the largest number of samples that half of the problems have.

    A problem with fewer than k samples has no part in the point at k.
    """
    return tuple(_point(k, [pool for pool in pools if len(pool.candidates) >= k]) for k in _sizes(pools))


def pass_at(pool: Pool, k: int) -> float:
    """P(at least one of k samples is right) = 1 - C(n - c, k) / C(n, k) (Chen et al. 2021, arXiv 2107.03374)."""
    n, right = len(pool.candidates), sum(_is_right(pool, each) for each in pool.candidates)
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def best_at(pool: Pool, k: int) -> float:
    """P(the best of k samples is right).

    From the ranks of the scores: the best of a subset is among those that share a score if none is above them, and not
    all are below. Where right and wrong answers share a score, the selection's own way with ties has to decide.
    """
    n, above, total = len(pool.candidates), 0, 0
    voting = sorted((each for each in pool.candidates if each.key is not None), key=_score, reverse=True)
    for _, tied in groupby(voting, key=_score):
        kinds = [_is_right(pool, each) for each in tied]
        if len(set(kinds)) > 1:
            return selected_at(pool, k, "best")
        if kinds[0]:
            total += math.comb(n - above, k) - math.comb(n - above - len(kinds), k)
        above += len(kinds)
    return total / math.comb(n, k)


def selected_at(pool: Pool, k: int, how: Select) -> float:
    """P(a selection among k samples is right)."""
    if not pool.right:
        return 0.0
    if all(_is_right(pool, each) for each in pool.candidates):
        return 1.0
    select, right, tried = SELECTIONS[how], 0, 0
    for subset in _subsets(pool, k):
        right += select(subset).key in pool.right
        tried += 1
    return right / tried


def _subsets(pool: Pool, k: int) -> Iterator[Sequence[Candidate]]:
    # Put in an order of their own, so that the same samples give the same subsets in whatever order they come.
    ordered = sorted(pool.candidates, key=lambda each: (each.key or "", _score(each), each.answer or ""))
    if math.comb(len(ordered), k) <= DRAWS:
        yield from combinations(ordered, k)
        return
    rng, each = Random(f"{pool.problem} {k}"), len(ordered) // k
    for _ in range(math.ceil(DRAWS / each)):
        # Cutting one shuffle into subsets makes all candidates take part about as often, which leaves less to chance.
        rng.shuffle(ordered)
        for start in range(0, each * k, k):
            yield ordered[start : start + k]


def _sizes(pools: Sequence[Pool]) -> list[int]:
    lengths = sorted(len(pool.candidates) for pool in pools)
    reached = lengths[len(lengths) // 2] if lengths else 0
    powers = {1 << power for power in range(reached.bit_length())}
    return sorted(powers | ({reached} if reached else set()))


def _point(k: int, pools: Sequence[Pool]) -> Point:
    passed = [pass_at(pool, k) for pool in pools]
    majority = [selected_at(pool, k, "majority") for pool in pools]
    best = [best_at(pool, k) for pool in pools]
    weighted = [selected_at(pool, k, "weighted") for pool in pools]
    columns = [passed, majority, best, weighted, _less(best, majority), _less(weighted, majority)]
    found = estimates(
        len(pools), lambda drawn: [math.fsum(map(column.__getitem__, drawn)) / len(drawn) for column in columns]
    )
    names = ("passed", "majority", "best", "weighted", "best_gain", "weighted_gain")
    return Point(k=k, problems=len(pools), **dict(zip(names, found, strict=True)))


def _less(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(first, second, strict=True)]


def _is_right(pool: Pool, candidate: Candidate) -> bool:
    return candidate.key in pool.right


def _score(candidate: Candidate) -> float:
    return candidate.score or 0.0
