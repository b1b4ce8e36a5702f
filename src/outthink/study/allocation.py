"""One number of samples for a whole batch of problems, shared out where one more sample is worth most.

Damani et al. (2024, arXiv 2410.04707) predict what each further sample of a problem gains, and give the next one to the
problem where that is most. Here it is told from a few pilots.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.strategies.parts.policy import Predictor
from outthink.study.bootstrap import over_seeds
from outthink.study.cells import Method
from outthink.study.difficulty import predicted
from outthink.study.folds import folds
from outthink.study.intervals import Estimate, mean_estimates
from outthink.study.pilots import Pilots

__all__ = ["Allocation", "allocate", "allocation", "expected_gains", "gains"]

# As evenly spread as beta distributions of success rates get, and as narrow.
_LEAST, _MOST = 1e-3, 1e6


def gains(success: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """What each further sample adds to the chance that at least one is right, p (1 - p)^b after b samples.

    Args:
        success: p, of single samples; shape (problems,).
        most: samples.

    Returns:
        Shape (problems, most).
    """
    p = success[:, None]
    values: NDArray[np.float64] = p * (1.0 - p) ** np.arange(most)
    return values


def expected_gains(right: NDArray[np.float64], wrong: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """The same where p is not known, but believed to be Beta(right, wrong): the mean of `gains` over that.

    After samples that all failed p is believed to be lower, so this falls off faster at first, and slower later, than
    the gains at the mean of p.
    """
    a, b = right[:, None], wrong[:, None]
    failed = np.arange(most - 1)
    factors = np.concatenate([a / (a + b), (b + failed) / (a + b + 1 + failed)], axis=1)
    values: NDArray[np.float64] = np.cumprod(factors, axis=1)
    return values


def allocate(worth: NDArray[np.float64], total: int, least: int = 0) -> NDArray[np.int64]:
    """How many samples each problem gets: `total` in all, each where it gains most; of equals the first problem.

    No other way to share them out gains more, as long as no problem's gains rise.

    Args:
        worth: of each problem's first, second ... sample; shape (problems, most).
        total: samples.
        least: for each problem, whatever they gain.

    Raises:
        UsageError: total is less than the least or more than the most for every problem.
    """
    problems, most = worth.shape
    if not problems * least <= total <= problems * most:
        raise UsageError(
            f"{total} samples for {problems} problems; it must be between {problems * least} and {problems * most}"
        )
    counts = np.full(problems, least, dtype=np.int64)
    heap = [(-worth[problem, least], problem) for problem in range(problems) if least < most]
    heapq.heapify(heap)
    for _ in range(total - problems * least):
        _, problem = heap[0]
        counts[problem] += 1
        if counts[problem] < most:
            heapq.heapreplace(heap, (-worth[problem, counts[problem]], problem))
        else:
            heapq.heappop(heap)
    return counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Allocation:
    """Samples shared out by what pilots look like, against as many for every problem.

    Args:
        each: samples for every problem, and so on average where they are shared out.
        counts: samples that each got; shape (problems, seeds), 0 where there is no pool.
        by_level: their mean at each level of predicted difficulty, easiest first.
        accuracy, uniform: shared out, and the same for every problem.
        gain: the difference, problem by problem.
    """

    each: int
    counts: NDArray[np.int64]
    by_level: tuple[float, ...]
    accuracy: Estimate
    uniform: Estimate
    gain: Estimate


def allocation(
    pilots: Pilots, method: Method, each: int, *, by: Predictor = "score", parts: int = 5, count: int = 5
) -> Allocation:
    """What it is worth to share samples out, from pools alone.

    Problems come in levels by their pilots. What success rates a level's problems have is learned from the pools of
    other problems, by cross-validation; the problems of a fold, with one seed, are the batch. What is shared out is
    meant for the chance that any solution is right; what is counted is the method's own.

    Args:
        pilots: from pools of graded problems; each problem gets at least these.
        method: how its solutions become an answer.
        each: samples for every problem, on average.
        by: what tells how easy a problem looks.
        parts: levels.
        count: folds.

    Raises:
        UsageError: `each` is less than the pilots or more than the smallest pool, or there are too few problems.
    """
    most = min(pool.n for pool in pilots.pools.values())
    if not pilots.count <= each <= most:
        raise UsageError(f"each is {each}; it must be between {pilots.count} pilots and {most} solutions in a pool")
    difficulty = predicted(pilots, by, method.aggregate or "last", parts)
    rates = _rates(pilots)
    known = ~np.isnan(rates)
    counts = np.zeros(pilots.shape, dtype=np.int64)
    for left_out in folds(len(difficulty.ease), count):
        edges = difficulty.fit(~left_out)
        levels = difficulty.levels(edges)
        train = known & ~left_out[:, None]
        believed = np.array([_fit(rates[train & (levels == level)], most) for level in range(len(edges) + 1)])
        for seed in range(pilots.shape[1]):
            batch = np.flatnonzero(left_out & known[:, seed])
            right, wrong = believed[levels[batch, seed]].T
            worth = expected_gains(right, wrong, most)
            counts[batch, seed] = allocate(worth, each * len(batch), pilots.count)
    return _counted(pilots, method, each, counts, difficulty.levels(difficulty.fit()))


def _rates(pilots: Pilots) -> NDArray[np.float64]:
    found = np.full(pilots.shape, np.nan)
    for place, pool in pilots.pools.items():
        if pool.graded:
            found[place] = sum(bool(solved.correct) for solved in pool.solved) / pool.n
    return found


def _fit(rates: NDArray[np.float64], n: int) -> tuple[float, float]:
    """The beta distribution with the mean and variance of success rates, of which n samples each were seen."""
    if not len(rates):
        return 1.0, 1.0
    mean = min(max(float(rates.mean()), _LEAST), 1.0 - _LEAST)
    # What n samples alone make the rates differ by is taken off.
    within = float((rates * (1 - rates)).mean()) / max(1, n - 1)
    variance = max(float(rates.var()) - within, mean * (1 - mean) / _MOST)
    size = max(mean * (1 - mean) / variance - 1.0, _LEAST)
    return mean * size, (1 - mean) * size


def _counted(
    pilots: Pilots, method: Method, each: int, counts: NDArray[np.int64], levels: NDArray[np.int64]
) -> Allocation:
    results = np.full((2, *pilots.shape), np.nan)
    for place in zip(*np.nonzero(counts), strict=True):
        results[:, *place] = [pilots.chance(place, n, method) for n in (int(counts[place]), each)]
    shared_out, uniform = map(over_seeds, results)
    columns = np.stack([shared_out, uniform, shared_out - uniform], axis=1)
    accuracy, same, gain = mean_estimates(columns)
    used = [counts[(levels == level) & (counts > 0)] for level in range(levels.max() + 1)]
    return Allocation(
        each=each,
        counts=counts,
        by_level=tuple(float(group.mean()) if len(group) else 0.0 for group in used),
        accuracy=accuracy,
        uniform=same,
        gain=gain,
    )
