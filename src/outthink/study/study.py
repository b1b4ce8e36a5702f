"""A study: all searches of one or several runs over the same problems, and every method's worth at every budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from outthink.errors import StoreError
from outthink.grade import Grader
from outthink.problems import Problem
from outthink.registry import make_verifier
from outthink.runs.recipe import Recipe, StrategyEntry, parse_recipe
from outthink.runs.store import Store
from outthink.select import NEEDS_SCORES, Aggregate
from outthink.study.axes import Prices
from outthink.study.cells import Cell, Method, cells
from outthink.study.outcomes import Outcome, read_outcomes, series_name
from outthink.study.pools import powers
from outthink.study.sweep import seats

__all__ = ["Study", "load_study"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """What is known of some methods over some problems.

    Args:
        problems: the rows of every cell.
        seeds: the columns of every cell.
        outcomes: all searches.
        cells: every method at every budget.
        prices: of the models' work; None where nobody told.
    """

    problems: tuple[Problem, ...]
    seeds: tuple[int, ...]
    outcomes: tuple[Outcome, ...]
    cells: tuple[Cell, ...]
    prices: Prices | None = None

    def places(self) -> Callable[[Outcome], tuple[int, int]]:
        """Tells a search's row and column."""
        rows = {problem.id: row for row, problem in enumerate(self.problems)}
        columns = {seed: column for column, seed in enumerate(self.seeds)}
        return lambda outcome: (rows[outcome.problem], columns[outcome.seed])

    def pool(self, run: str) -> dict[tuple[str, int], Outcome]:
        """Of a run's independent solutions the largest set there is, for each problem and seed."""
        found: dict[tuple[str, int], Outcome] = {}
        for outcome in self.outcomes:
            place = outcome.problem, outcome.seed
            if outcome.run == run and outcome.pooled and (place not in found or found[place].n < outcome.n):
                found[place] = outcome
        return found


async def load_study(
    folders: Mapping[str, Path],
    budgets: Sequence[int] | None = None,
    aggregates: Mapping[str, Sequence[Aggregate | None]] | None = None,
    prices: Prices | None = None,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Study:
    """Read runs and work out what they were worth; no model is asked.

    Args:
        folders: of the runs, by the labels of their engines and verifiers.
        budgets: what pools are cut to; powers of 2, and the largest pool, if None.
        aggregates: ways to make step scores one number, by series; None is the verifier's own. A series that is left
            out has that of its entry in the run's recipe.
        prices: of the models' work; None leaves the money unknown.
        watch: told how many of how many searches are read, run by run.

    Raises:
        StoreError: a folder holds no run, or the runs are over different problems.
    """
    outcomes: list[Outcome] = []
    methods: list[Method] = []
    problems: list[Problem] = []
    async with Grader() as grader:
        for label, folder in folders.items():
            with Store.read(folder) as store:
                if problems and store.problems() != problems:
                    raise StoreError(f"{folder}: is over other problems than {next(iter(folders.values()))}")
                problems = store.problems()
                recipe = parse_recipe(json.loads(store.recipe()), str(folder))
                for entry in recipe.strategies:
                    hows = (aggregates or {}).get(series_name(entry), (entry.aggregate,))
                    methods += _methods(label, entry, [how or _own_aggregate(recipe) for how in hows])
                outcomes += await read_outcomes(store, label, grader, watch)
    seeds = sorted({outcome.seed for outcome in outcomes})
    largest = max((outcome.n for outcome in outcomes if outcome.pooled), default=1)
    made = cells(
        outcomes,
        list(dict.fromkeys(methods)),
        budgets or sorted({*powers(largest), largest}),
        [problem.id for problem in problems],
        seeds,
        prices,
    )
    return Study(
        problems=tuple(problems), seeds=tuple(seeds), outcomes=tuple(outcomes), cells=tuple(made), prices=prices
    )


def _methods(run: str, entry: StrategyEntry, aggregates: Sequence[Aggregate]) -> list[Method]:
    """What can be made of an entry's searches: its selections, and what none of them can beat."""
    series = series_name(entry)
    chosen = [
        Method(run, series, selection, how)
        for selection in entry.select
        for how in (aggregates if selection in NEEDS_SCORES else [None])
    ]
    return [*chosen, Method(run, series, "oracle", None)] if seats(entry.strategy) > 1 else chosen


def _own_aggregate(recipe: Recipe) -> Aggregate:
    return "last" if recipe.verifier is None else make_verifier(recipe.verifier).aggregate
