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
from outthink.select import Aggregate
from outthink.strategies.parts.policy import Predictor
from outthink.study.bootstrap import over_seeds
from outthink.study.cells import Method
from outthink.study.difficulty import Difficulty, predicted
from outthink.study.folds import folds
from outthink.study.intervals import Estimate, accuracy_estimates, difference_estimates
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
        edges: between levels of predicted difficulty, learned from all problems.
        by_level: samples for problems of each level, easiest first, learned from all problems.
        accuracy, uniform: shared out, and the same for every problem.
        gain: the difference, problem by problem.
    """

    each: int
    counts: NDArray[np.int64]
    edges: tuple[float, ...]
    by_level: tuple[int, ...]
    accuracy: Estimate
    uniform: Estimate
    gain: Estimate


def allocation(
    pilots: Pilots,
    method: Method,
    each: int,
    *,
    by: Predictor = "score",
    how: Aggregate = "last",
    parts: int = 5,
    count: int = 5,
) -> Allocation:
    """What it is worth to share samples out, from pools alone.

    Problems come in levels by their pilots. What success rates a level's problems have is learned from the pools of
    other problems, by cross-validation; the problems of a fold, with one seed, are the batch. What is shared out is
    meant for the chance that any solution is right; what is counted is the method's own.

    Args:
        pilots: from pools of graded problems; each problem gets at least these.
        method: how its solutions become an answer.
        each: samples for every problem, on average.
        by, how: what tells how easy a problem looks; see `Pilots.ease`.
        parts: levels.
        count: folds.

    Raises:
        UsageError: `each` is less than the pilots or more than the smallest pool, or there are too few problems.
    """
    most = min(pool.n for pool in pilots.pools.values())
    if not pilots.count <= each <= most:
        raise UsageError(f"each is {each}; it must be between {pilots.count} pilots and {most} solutions in a pool")
    difficulty = predicted(pilots, by, how, parts)
    rates = _rates(pilots)
    known = ~np.isnan(rates)
    counts = np.zeros(pilots.shape, dtype=np.int64)
    for left_out in folds(len(difficulty.ease), count):
        learned = _learn(difficulty, rates, ~left_out, most)
        levels = difficulty.levels(learned.edges)
        for seed in range(pilots.shape[1]):
            batch = np.flatnonzero(left_out & known[:, seed])
            worth = learned.worth(levels[batch, seed], most)
            counts[batch, seed] = allocate(worth, each * len(batch), pilots.count)
    learned = _learn(difficulty, rates, np.full(len(rates), True), most)
    accuracy, uniform, gain = _counted(pilots, method, each, counts)
    return Allocation(
        each=each,
        counts=counts,
        edges=learned.edges,
        by_level=_by_level(learned, difficulty.levels(learned.edges)[known], each, pilots.count, most),
        accuracy=accuracy,
        uniform=uniform,
        gain=gain,
    )


@dataclass(frozen=True, slots=True)
class _Learned:
    """What success rates problems of each level are believed to have: the two numbers of a beta distribution."""

    edges: tuple[float, ...]
    believed: NDArray[np.float64]

    def worth(self, levels: NDArray[np.int64], most: int) -> NDArray[np.float64]:
        """What each further sample of problems of these levels adds."""
        right, wrong = self.believed[levels].T
        return expected_gains(right, wrong, most)


def _learn(difficulty: Difficulty, rates: NDArray[np.float64], rows: NDArray[np.bool_], most: int) -> _Learned:
    edges = difficulty.fit(rows)
    levels = difficulty.levels(edges)
    train = ~np.isnan(rates) & rows[:, None]
    return _Learned(edges, np.array([_fit(rates[train & (levels == each)], most) for each in range(len(edges) + 1)]))


def _by_level(learned: _Learned, levels: NDArray[np.int64], each: int, least: int, most: int) -> tuple[int, ...]:
    """How many samples a problem of each level gets, if problems are of these levels, without going over `each`."""
    counts = allocate(learned.worth(levels, most), each * len(levels), least)
    # Problems of a level are alike: what cannot be parted evenly among them is not spent.
    return tuple(int(counts[levels == level].min(initial=most)) for level in range(len(learned.edges) + 1))


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
    pilots: Pilots, method: Method, each: int, counts: NDArray[np.int64]
) -> tuple[Estimate, Estimate, Estimate]:
    """How often a method is right with such counts, with as many for every problem, and the difference."""
    results = np.full((2, *pilots.shape), np.nan)
    for place in zip(*np.nonzero(counts), strict=True):
        results[:, *place] = [pilots.chance(place, n, method) for n in (int(counts[place]), each)]
    shared_out, uniform = map(over_seeds, results)
    accuracy, same = accuracy_estimates(np.stack([shared_out, uniform], axis=1))
    (gain,) = difference_estimates((shared_out - uniform)[:, None])
    return accuracy, same, gain
