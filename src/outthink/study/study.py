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
from outthink.runs.recipe import Recipe, parse_recipe
from outthink.runs.store import Store
from outthink.select import NEEDS_SCORES, Aggregate
from outthink.strategies import Pool
from outthink.study.axes import Prices
from outthink.study.cells import Cell, Method, cells
from outthink.study.outcomes import Outcome, read_outcomes, series_name
from outthink.study.pools import powers
from outthink.study.recipe import Series, StudyRecipe
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
    recipe: StudyRecipe | None = None,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Study:
    """Read runs and work out what they were worth; no model is asked.

    Args:
        folders: of the runs, by the labels of their engines and verifiers.
        recipe: what is looked at: its series, budgets, selections, aggregates, seeds and prices. All that the runs hold
            if None, pools cut to powers of 2 and their own size, the prices unknown.
        watch: told how many of how many searches are read, run by run.

    Raises:
        StoreError: a folder holds no run, or a strategy that the recipe has otherwise, or the runs are over different
            problems.
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
                held = parse_recipe(json.loads(store.recipe()), str(folder))
                series = _held_series(held) if recipe is None else _asked_series(recipe, held, folder)
                methods += [method for each in series for method in _methods(label, each, _own_aggregate(held))]
                found = await read_outcomes(store, label, grader, watch)
                outcomes += [each for each in found if recipe is None or _is_asked_for(each, recipe)]
    seeds = sorted({outcome.seed for outcome in outcomes})
    prices = recipe.prices if recipe else None
    largest = max((outcome.n for outcome in outcomes if outcome.pooled), default=1)
    made = cells(
        outcomes,
        list(dict.fromkeys(methods)),
        recipe.budgets if recipe else sorted({*powers(largest), largest}),
        [problem.id for problem in problems],
        seeds,
        prices,
    )
    return Study(
        problems=tuple(problems), seeds=tuple(seeds), outcomes=tuple(outcomes), cells=tuple(made), prices=prices
    )


def _held_series(held: Recipe) -> list[Series]:
    """Every entry of a run as a series of its own."""
    return [
        Series(
            name=series_name(entry),
            entries={seats(entry.strategy): entry},
            pooled=isinstance(entry.strategy, Pool),
            aggregates=(entry.aggregate,),
        )
        for entry in held.strategies
    ]


def _asked_series(recipe: StudyRecipe, held: Recipe, folder: Path) -> Sequence[Series]:
    """A recipe's series. What a run holds under their names has to be what the recipe says it is."""
    named = {series.name: series for series in recipe.series}
    for entry in held.strategies:
        series = named.get(series_name(entry))
        if series is None:
            continue
        if not series.entries.get(seats(entry.strategy), entry).searches_as(entry):
            raise StoreError(
                f"{folder}: strategy {entry.name!r} has results with other options than it is now given; "
                "give it these, or leave it out"
            )
        if not entry.scored and not NEEDS_SCORES.isdisjoint(series.select):
            raise StoreError(
                f"{folder}: strategy {entry.name!r} has results that were not scored, and is now selected by "
                f"{', '.join(series.select)}; select them by majority, or leave it out"
            )
    return recipe.series


def _is_asked_for(outcome: Outcome, recipe: StudyRecipe) -> bool:
    return outcome.seed in recipe.seeds and any(
        outcome.strategy == series.name and (outcome.pooled or outcome.n in series.entries) for series in recipe.series
    )


def _methods(run: str, series: Series, own: Aggregate) -> list[Method]:
    """What can be made of a series' searches: its selections, and what none of them can beat."""
    chosen = [
        Method(run, series.name, selection, how)
        for selection in series.select
        for how in ([each or own for each in series.aggregates] if selection in NEEDS_SCORES else [None])
    ]
    return [*chosen, Method(run, series.name, "oracle", None)] if max(series.entries) > 1 else chosen


def _own_aggregate(recipe: Recipe) -> Aggregate:
    return "last" if recipe.verifier is None else make_verifier(recipe.verifier).aggregate
