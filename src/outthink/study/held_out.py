"""pass@1 from solutions held out, so that a problem's difficulty owes nothing to the results compared on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.study.account import UNKNOWN
from outthink.study.bootstrap import over_seeds
from outthink.study.cells import cells
from outthink.study.outcomes import Outcome, Solved
from outthink.study.pilots import shuffled
from outthink.study.study import Study

__all__ = ["hold_out"]


def hold_out(study: Study, run: str) -> tuple[NDArray[np.float64], Study]:
    """pass@1 of each problem from solutions held out, and the study without these.

    Where several seeds have pools, a problem's difficulty for one seed is told from the pools of the others, and
    nothing is lost. Else half of each pool is held out, drawn at random, and the study's pools are the other halves.

    Returns:
        pass@1, shape (problems, seeds), NaN where there is no pool or no reference; the study.

    Raises:
        UsageError: the run has no pool of two solutions.
    """
    pools = study.pool(run)
    if min((pool.n for pool in pools.values()), default=0) < 2:
        raise UsageError(
            f"run {run!r} has no pools of independent solutions to tell difficulty from; add the strategy sample"
        )
    if len({seed for _, seed in pools}) > 1:
        own = _pass_at_1(study, pools.values())
        others = [np.delete(own, column, axis=1) for column in range(own.shape[1])]
        return np.stack([over_seeds(each) for each in others], axis=1), study
    halves = {place: _halves(pool) for place, pool in pools.items()}
    kept = [
        halves[each.problem, each.seed][1] if each is pools.get((each.problem, each.seed)) else each
        for each in study.outcomes
        if each.run == run
    ]
    return _pass_at_1(study, [held for held, _ in halves.values()]), _evaluated(study, kept)


def _pass_at_1(study: Study, pools: Iterable[Outcome]) -> NDArray[np.float64]:
    place = study.places()
    found = np.full((len(study.problems), len(study.seeds)), np.nan)
    for pool in pools:
        if pool.graded:
            right = sum(bool(each.correct) for each in pool.solved)
            found[place(pool)] = right / pool.n
    return found


def _halves(pool: Outcome) -> tuple[Outcome, Outcome]:
    """The solutions held out, and those that stay; of an odd number one more stays."""
    seats, held = shuffled(pool), pool.n // 2
    return _of(pool, seats[:held]), _of(pool, seats[held:])


def _of(pool: Outcome, seats: Sequence[Solved | None]) -> Outcome:
    solved = tuple(each for each in seats if each is not None)
    # The tree's account is of the whole pool: how many of its copies are here, for one, it does not say.
    return replace(pool, n=len(seats), solved=solved, account=UNKNOWN, seconds=math.nan)


def _evaluated(study: Study, outcomes: Sequence[Outcome]) -> Study:
    """The study of these searches. So many samples cost what they did, out of however many they are drawn."""
    costs = {(cell.method, cell.n): cell.costs for cell in study.cells}
    methods, budgets = dict.fromkeys(method for method, _ in costs), sorted({n for _, n in costs})
    made = cells(outcomes, methods, budgets, [problem.id for problem in study.problems], study.seeds)
    found = [replace(cell, costs=costs[cell.method, cell.n]) for cell in made if (cell.method, cell.n) in costs]
    return replace(study, outcomes=tuple(outcomes), cells=tuple(found))
