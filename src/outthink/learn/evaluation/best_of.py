"""Best-of-k curves: how right the answers are that a verifier helps to choose among k stored samples.

Each point is the expectation over all subsets of k of a problem's samples, as `outthink.study.pools` tells it, not the
first k that happen to be there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outthink.answer import canonical
from outthink.grade import Grader
from outthink.seeding import for_problem
from outthink.study.intervals import Estimate, accuracy_estimates, difference_estimates
from outthink.study.pools import Ballots, Selection, ballots, chance, powers

__all__ = ["Point", "Pool", "curve", "pool_of"]

# Of what a point tells how often it is right.
_CHOSEN: tuple[Selection, ...] = ("oracle", "majority", "best", "weighted")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """All independent samples of one problem.

    Args:
        problem: its id.
        samples: each one's answer and score.
    """

    problem: str
    samples: Ballots

    def __len__(self) -> int:
        return len(self.samples.keys)


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


async def pool_of(
    problem: str, reference: str, answers: Sequence[str | None], scores: Sequence[float | None], grader: Grader
) -> Pool:
    """One problem's samples, graded; equal answers, however they are spelled, count as one.

    Args:
        problem: its id.
        reference: the right answer.
        answers: of each sample, None where it states none.
        scores: of each sample, None where it has none.
        grader: says which answers are equal.
    """
    spelled = [None if answer is None else canonical(answer) for answer in answers]
    merged = await grader.merge([key for key in spelled if key is not None])
    keys = [None if key is None else merged[key] for key in spelled]
    right = {key for key in sorted(set(filter(None, keys))) if await grader.equivalent(reference, key)}
    # In an order of their own, so that the same samples give the same figures in whatever order they come.
    order = sorted(range(len(keys)), key=lambda place: (keys[place] or "", scores[place] or 0.0))
    return Pool(
        problem=problem,
        samples=ballots(
            [keys[place] for place in order],
            [keys[place] in right for place in order],
            [scores[place] for place in order],
        ),
    )


def curve(pools: Sequence[Pool]) -> tuple[Point, ...]:
    """Points at k = 1, 2, 4, ... up to the largest number of samples that half of the problems have.

    A problem with fewer than k samples has no part in the point at k.
    """
    return tuple(_point(k, [pool for pool in pools if len(pool) >= k]) for k in _sizes(pools))


def _sizes(pools: Sequence[Pool]) -> list[int]:
    lengths = sorted(map(len, pools))
    reached = lengths[len(lengths) // 2] if lengths else 0
    return sorted({*powers(reached), *([reached] if reached else [])})


def _point(k: int, pools: Sequence[Pool]) -> Point:
    shares = np.array([_chances(pool, k) for pool in pools])
    _, majority, best, weighted = shares.T
    gains = np.stack([best - majority, weighted - majority], axis=1)
    found = [*accuracy_estimates(shares), *difference_estimates(gains)]
    names = ("passed", "majority", "best", "weighted", "best_gain", "weighted_gain")
    return Point(k=k, problems=len(pools), **dict(zip(names, found, strict=True)))


def _chances(pool: Pool, k: int) -> list[float]:
    rng = np.random.default_rng(for_problem(k, pool.problem))
    return [chance(pool.samples, k, selection, rng) for selection in _CHOSEN]
