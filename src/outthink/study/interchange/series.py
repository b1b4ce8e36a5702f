"""A series of a run: one of its strategies with one of its seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from outthink.errors import UsageError
from outthink.options import nearest
from outthink.problems import Problem
from outthink.registry import make_verifier
from outthink.runs.recipe import StrategyEntry, parse_recipe
from outthink.runs.results import Result
from outthink.runs.store import Store
from outthink.select import Aggregate

__all__ = ["Series", "series_in", "the_series"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One strategy of a run, with one seed.

    Args:
        entry: the strategy, as the run has it.
        seed: the seed.
        how: how step scores become one number.
    """

    entry: StrategyEntry
    seed: int
    how: Aggregate

    def results(self, store: Store) -> Iterator[tuple[Problem, Result]]:
        """Its results, in the order of the problems."""
        mine = {
            result.unit.problem: result
            for result in store.results()
            if (result.unit.strategy, result.unit.seed) == (self.entry.name, self.seed)
        }
        return ((problem, mine[problem.id]) for problem in store.problems() if problem.id in mine)


def series_in(store: Store, strategy: str | None = None, seed: int | None = None) -> list[Series]:
    """The series of a run, all or those of a strategy or a seed.

    Raises:
        UsageError: the run has no such strategy or seed.
    """
    recipe = parse_recipe(json.loads(store.recipe()), str(store.folder))
    names = [entry.name for entry in recipe.strategies]
    if strategy is not None and strategy not in names:
        raise UsageError(f"{store.folder}: has no strategy {strategy!r}{nearest(strategy, names)}")
    if seed is not None and seed not in recipe.seeds:
        raise UsageError(f"{store.folder}: has no seed {seed}; it has {', '.join(map(str, recipe.seeds))}")
    verifier = None if recipe.verifier is None else make_verifier(recipe.verifier)
    usual: Aggregate = "last" if verifier is None else verifier.aggregate
    return [
        Series(entry=entry, seed=each, how=entry.aggregate or usual)
        for entry in recipe.strategies
        for each in recipe.seeds
        if strategy in (None, entry.name) and seed in (None, each)
    ]


def the_series(store: Store, strategy: str | None = None, seed: int | None = None) -> Series:
    """The one series of that strategy and seed.

    Raises:
        UsageError: there is none, or there are several to choose from.
    """
    found = series_in(store, strategy, seed)
    if len(found) > 1:
        names, seeds = (dict.fromkeys(kind) for kind in zip(*((s.entry.name, str(s.seed)) for s in found), strict=True))
        asked = f"strategies: {', '.join(names)}" if len(names) > 1 else f"seeds: {', '.join(seeds)}"
        raise UsageError(f"{store.folder}: name one of its {asked}")
    return found[0]
