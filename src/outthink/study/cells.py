"""Cells: what one method is worth at one budget, problem by problem and seed by seed. All figures are made of these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outthink.seeding import for_problem
from outthink.select import NEEDS_SCORES, SELECTIONS, Aggregate, Candidate, Choice, Select, aggregate
from outthink.study import axes
from outthink.study.axes import AXES, Axis, Prices
from outthink.study.outcomes import Outcome, Solved
from outthink.study.pools import Ballots, Selection, ballots, chance

__all__ = [
    "Cell",
    "Method",
    "cells",
    "choose",
    "draws",
    "empty",
    "expense",
    "is_right",
    "pool_ballots",
    "reads_scores",
    "score_of",
]


class Method(NamedTuple):
    """What a budget is spent by, and how its solutions become one answer.

    Args:
        run: the label of engine and verifier.
        strategy: the series.
        selection: "oracle" is right if any solution is: pass@N, which no selection can beat.
        aggregate: how step scores become one number; None where the selection reads none.
    """

    run: str
    strategy: str
    selection: Selection
    aggregate: Aggregate | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One method at one budget. Rows are problems, columns seeds, in the study's order.

    Args:
        method: which.
        n: seats.
        accuracy: in [0, 1], NaN where there is no result or no reference; of a pool, the chance that n of its solutions
            give the right answer. A failed search is 0.
        costs: by axis; NaN where there is no result or the cost is unknown.
    """

    method: Method
    n: int
    accuracy: NDArray[np.float64]
    costs: Mapping[Axis, NDArray[np.float64]]


def cells(
    outcomes: Iterable[Outcome],
    methods: Iterable[Method],
    budgets: Sequence[int],
    problems: Sequence[str],
    seeds: Sequence[int],
    prices: Prices | None = None,
) -> list[Cell]:
    """What each method was worth at each budget.

    Args:
        outcomes: all searches.
        methods: wanted; one whose run and strategy have no outcomes gives no cells.
        budgets: what pools are cut to, as far as they reach; other series have the budgets they were run with.
        problems: ids, for the rows.
        seeds: for the columns.
        prices: of the models' work; None leaves the money unknown.
    """
    series: dict[tuple[str, str], list[Outcome]] = {}
    # Of several pools the largest, which comes last, says most.
    for outcome in sorted(outcomes, key=lambda outcome: outcome.n):
        series.setdefault((outcome.run, outcome.strategy), []).append(outcome)
    rows = {problem: row for row, problem in enumerate(problems)}
    columns = {seed: column for column, seed in enumerate(seeds)}
    found = []
    for method in methods:
        made: dict[int, Cell] = {}
        for outcome in series.get((method.run, method.strategy), ()):
            place = rows[outcome.problem], columns[outcome.seed]
            for n, value in _worth(outcome, method, budgets):
                cell = made.setdefault(n, empty(method, n, (len(rows), len(columns))))
                cell.accuracy[place] = value if outcome.graded else np.nan
                for axis, spent in expense(outcome, n, scored=reads_scores(outcome, method), prices=prices).items():
                    cell.costs[axis][place] = spent
        found += [made[n] for n in sorted(made)]
    return found


def empty(method: Method, n: int, shape: tuple[int, int]) -> Cell:
    """A cell without any result yet, for so many problems and seeds."""
    nothing = np.full(shape, np.nan)
    return Cell(method=method, n=n, accuracy=nothing, costs={axis: nothing.copy() for axis in AXES})


def _worth(outcome: Outcome, method: Method, budgets: Sequence[int]) -> Iterator[tuple[int, float]]:
    """At each budget the outcome tells of, the chance that the method's answer is right."""
    if not outcome.pooled:
        yield outcome.n, float(is_right(outcome.solved, method))
        return
    pool = pool_ballots(outcome.samples, method.aggregate)
    for n in budgets:
        if n <= outcome.n:
            # Draws of its own, so that a figure does not depend on what else is asked for.
            yield n, chance(pool, n, method.selection, draws(outcome, n))


def draws(outcome: Outcome, purpose: int) -> np.random.Generator:
    """Random numbers for one purpose, always the same for the same search."""
    return np.random.default_rng(for_problem(outcome.seed, outcome.problem, purpose))


def is_right(solved: Sequence[Solved], method: Method) -> bool:
    """Whether the answer that a method chooses from finished solutions is right."""
    if method.selection == "oracle":
        return any(each.correct for each in solved)
    chosen = choose(solved, method.selection, method.aggregate).key
    return any(each.correct for each in solved if each.key == chosen)


def choose(solved: Sequence[Solved], selection: Select, how: Aggregate | None) -> Choice:
    """What a selection makes of finished solutions."""
    candidates = [
        Candidate(answer=each.key, key=each.key, score=score_of(each, how), weight=each.weight) for each in solved
    ]
    # As in a search: what was stopped before anything had a score is put to the vote.
    scored = selection not in NEEDS_SCORES or any(candidate.score is not None for candidate in candidates)
    return SELECTIONS[selection if scored else "majority"](candidates)


def pool_ballots(seats: Sequence[Solved | None], how: Aggregate | None) -> Ballots:
    """A pool's solutions as arrays, in their order; None is one that was not finished."""
    return ballots(
        [None if each is None else each.key for each in seats],
        [each is not None and bool(each.correct) for each in seats],
        [None if each is None else score_of(each, how) for each in seats],
    )


def score_of(solved: Solved, how: Aggregate | None) -> float | None:
    """A solution's step scores as one number; None where it has none, or none is read."""
    return aggregate(solved.scores, how) if solved.scores and how is not None else None


def reads_scores(outcome: Outcome, method: Method) -> bool:
    """Whether a method needs the verifier: for its search, or for its selection."""
    return outcome.ranks or method.selection in NEEDS_SCORES


def expense(outcome: Outcome, n: int, *, scored: bool, prices: Prices | None) -> dict[Axis, float]:
    """What a search cost, or `n` of a pool's solutions on average.

    Args:
        outcome: the search.
        n: solutions; those of the whole search where it is no pool.
        scored: whether the verifier is paid.
        prices: of the models' work; None leaves the money unknown.
    """
    pool = outcome.n if outcome.pooled else None
    return axes.expense(outcome.account, outcome.seconds, prices, n=n, pool=pool, scored=scored)
