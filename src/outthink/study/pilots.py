"""Pilots: the first few solutions of a problem, looked at before the rest of its budget is spent.

They are drawn from a pool, so no model is asked. What is then counted is what a search would have made of it that
begins with just these solutions: they vote with what follows, and they are paid for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.select import Aggregate
from outthink.strategies.parts.policy import Predictor, ease
from outthink.study.axes import Axis
from outthink.study.cells import Cell, Method, draws, empty, expense, is_right, pool_ballots, reads_scores, score_of
from outthink.study.outcomes import Outcome, Solved
from outthink.study.pools import chosen_right
from outthink.study.study import Study

__all__ = ["Pilots", "after_pilots", "draw_pilots", "shuffled"]

# What follows the pilots is drawn so often from the rest of a pool; the error is small beside that of the pilots
# themselves.
_SUBSETS = 64

Place = tuple[int, int]
"""A problem's row and a seed's column."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pilots:
    """Pools in a random order of their solutions, of which the first few are pilots.

    Args:
        count: pilots of each problem and seed.
        shape: problems and seeds.
        pools: by place.
        seats: of each pool, its solutions in the order drawn; None is one that was not finished.
    """

    count: int
    shape: tuple[int, int]
    pools: Mapping[Place, Outcome]
    seats: Mapping[Place, tuple[Solved | None, ...]]

    def ease(self, by: Predictor, how: Aggregate) -> NDArray[np.float64]:
        """How easy each problem looks from its pilots; shape (problems, seeds), NaN where there is no pool.

        Args:
            by: what tells it.
            how: a pilot's step scores become one number.

        Raises:
            UsageError: it is to be told by scores, and there are none.
        """
        if by == "score" and not any(each.scores for pool in self.pools.values() for each in pool.solved):
            raise UsageError("the run's solutions have no scores to predict difficulty by; predict it by agreement")
        found = np.full(self.shape, np.nan)
        for place, seats in self.seats.items():
            pilots = seats[: self.count]
            found[place] = ease(
                by,
                [None if each is None else each.key for each in pilots],
                [None if each is None else score_of(each, how) for each in pilots],
            )
        return found

    def chance(self, place: Place, n: int, method: Method) -> float:
        """The chance that a method's answer from the pilots and n - count others of the pool is right."""
        pool = pool_ballots(self.seats[place], method.aggregate)
        if not pool.right.any():
            return 0.0
        held, rest = np.arange(self.count), len(self.seats[place]) - self.count
        subsets = _SUBSETS if 0 < n - self.count < rest else 1
        order = np.argsort(draws(self.pools[place], n).random((subsets, rest)), axis=1)
        others = self.count + order[:, : n - self.count]
        members = np.concatenate([np.tile(held, (subsets, 1)), others], axis=1)
        if method.selection == "oracle":
            keys = pool.keys[members]
            return float(((keys >= 0) & pool.right[keys]).any(axis=1).mean())
        return float(chosen_right(pool, members, method.selection).mean())


def draw_pilots(study: Study, run: str, count: int) -> Pilots:
    """Pilots of every problem and seed of a run that has a pool.

    Raises:
        UsageError: it has none, or its pools are too small.
    """
    place = study.places()
    pools = {place(pool): pool for pool in study.pool(run).values()}
    if not pools:
        raise UsageError(f"run {run!r} has no independent solutions to take pilots from; add the strategy sample to it")
    least = min(pool.n for pool in pools.values())
    if not 1 <= count <= least:
        raise UsageError(f"pilots is {count}; it must be between 1 and the {least} solutions of the smallest pool")
    return Pilots(
        count=count,
        shape=(len(study.problems), len(study.seeds)),
        pools=pools,
        seats={at: shuffled(pool) for at, pool in pools.items()},
    )


def shuffled(pool: Outcome) -> tuple[Solved | None, ...]:
    """A pool's solutions in a random order, always the same; None is one that was not finished.

    Not in the order of writing: the first to be finished are the shortest.
    """
    seats = pool.samples
    return tuple(seats[place] for place in draws(pool, 0).permutation(pool.n))


def after_pilots(
    study: Study, pilots: Pilots, methods: Iterable[Method], budgets: Sequence[int], *, scored: bool
) -> list[Cell]:
    """What each method is worth after pilots, and what it costs with them.

    Of a pool, n solutions of which the pilots are the first; of any other series a search of n seats after the pilots,
    all of them voting together, so that n and the pilots is what it takes in samples. The prompt is then charged for
    twice.

    Args:
        study: has all searches.
        pilots: of the run that the methods are of.
        methods: wanted.
        budgets: of pools; those below the pilots or above a pool are left out.
        scored: whether the verifier reads the pilots even where the method reads no scores.
    """
    place, found = study.places(), []
    for method in methods:
        made: dict[int, Cell] = {}
        for outcome in study.outcomes:
            at = place(outcome)
            pool = pilots.pools.get(at)
            if (outcome.run, outcome.strategy) != (method.run, method.strategy) or pool is None:
                continue
            if outcome.pooled and outcome is not pool:
                continue
            for n in [n for n in budgets if pilots.count <= n <= pool.n] if outcome.pooled else [outcome.n]:
                cell = made.setdefault(n, empty(method, n, pilots.shape))
                cell.accuracy[at] = _worth(outcome, pilots, at, n, method) if outcome.graded else np.nan
                for axis, spent in _spent(study, pilots, outcome, at, n, method, scored).items():
                    cell.costs[axis][at] = spent
        found += [made[n] for n in sorted(made)]
    return found


def _worth(outcome: Outcome, pilots: Pilots, at: Place, n: int, method: Method) -> float:
    if outcome.pooled:
        return pilots.chance(at, n, method)
    first = [each for each in pilots.seats[at][: pilots.count] if each is not None]
    # A search that failed has no answer, whatever its pilots said.
    return float(outcome.error is None and is_right([*first, *outcome.solved], method))


def _spent(
    study: Study, pilots: Pilots, outcome: Outcome, at: Place, n: int, method: Method, scored: bool
) -> dict[Axis, float]:
    reads = reads_scores(outcome, method)
    found = expense(outcome, n, scored=reads, prices=study.prices)
    pool = pilots.pools[at]
    looked = expense(pool, pilots.count, scored=reads or scored, prices=study.prices)
    if not outcome.pooled:
        return {axis: found[axis] + looked[axis] for axis in found}
    # The pilots are among the n; only that they are looked at may come on top.
    own = expense(pool, pilots.count, scored=reads, prices=study.prices)
    return {axis: found[axis] + looked[axis] - own[axis] for axis in found}
