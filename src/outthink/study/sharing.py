"""Sharing: what a study has sampled once it does not sample again. Pools are scored for another verifier, and grow.

The solutions of a pool do not hang on their scores, nor on how many there are. So two runs of a study with the same
engine, strategy, seed and problem would write the same (where the engine is deterministic), or as good as the same; and
a larger pool needs only those that a smaller one lacks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from operator import itemgetter
from pathlib import Path

from outthink.budget import Budget
from outthink.problems import Problem
from outthink.registry import spec_of
from outthink.runs.recipe import Recipe, StrategyEntry, parse_recipe
from outthink.runs.results import Result, Unit
from outthink.runs.runner import Work, result_of, searched
from outthink.runs.store import Store
from outthink.runs.verdicts import verdicts_on
from outthink.solver import Attempt, Solver
from outthink.strategies import Pool
from outthink.tree import Tree

__all__ = ["shared"]


@contextmanager
def shared(recipe: Recipe, folder: Path, others: Sequence[tuple[Recipe, Path]]) -> Iterator[Work]:
    """How a run's searches are done: pools that it or another run with the same engine has sampled are gone on with.

    What they cost to write is on their bill as if they had been written here. How long that would have taken at one go
    is not known.

    Args:
        recipe: of the run.
        folder: its own.
        others: recipes and folders of the study's other runs.
    """
    with ExitStack() as opened:
        places = [folder, *(place for other, place in others if other.engine == recipe.engine)]

        @cache
        def shelves() -> list[_Shelf]:
            return [
                _Shelf.of(opened.enter_context(Store.read(place)), own=place == folder)
                for place in places
                if (place / "run.db").is_file()
            ]

        async def work(
            solver: Solver, entry: StrategyEntry, seed: int, problem: Problem, priority: int
        ) -> tuple[Result, Attempt]:
            unit = Unit(entry.name, seed, problem.id)
            tree = _written(shelves(), entry, unit) if isinstance(entry.strategy, Pool) else None
            if tree is None:
                return await searched(solver, entry, seed, problem, priority)
            n = entry.budget.samples or entry.strategy.samples
            attempt = await solver.resume(problem, tree, n, scored=entry.scored, priority=priority)
            result = result_of(unit, attempt, time.time(), await verdicts_on(solver, entry, problem, attempt))
            return replace(result, ended=result.began), attempt

        yield work


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shelf:
    """What a run had found when its pools were first asked for.

    Args:
        store: of the run.
        own: whether the same verifier gave its scores.
        entries: its strategies, those included that are left out by now.
        done: what did not fail.
    """

    store: Store
    own: bool
    entries: tuple[StrategyEntry, ...]
    done: set[Unit]

    @classmethod
    def of(cls, store: Store, *, own: bool) -> _Shelf:
        """What there is of it."""
        entries = parse_recipe(json.loads(store.recipe()), str(store.folder)).strategies
        done = {result.unit for result in store.results() if result.error is None}
        return cls(store=store, own=own, entries=entries, done=done)

    def beginnings(self, entry: StrategyEntry, unit: Unit) -> Iterator[tuple[int, _Shelf, Unit]]:
        """Pools of this problem, seed and strategy, none of them larger than is asked for: how large, and where."""
        for known in self.entries:
            mine = replace(unit, strategy=known.name)
            if mine in self.done and _begins(known, entry):
                yield known.strategy.samples, self, mine


def _written(shelves: Sequence[_Shelf], entry: StrategyEntry, unit: Unit) -> Tree | None:
    """The largest pool that can be gone on with; of those as large the run's own, which has its scores."""
    found = (each for shelf in shelves for each in shelf.beginnings(entry, unit))
    largest = max(found, key=itemgetter(0), default=None)
    if largest is None:
        return None
    _, shelf, mine = largest
    tree = shelf.store.tree(mine)
    return tree if shelf.own else tree.unscored()


def _begins(known: StrategyEntry, entry: StrategyEntry) -> bool:
    """Whether one pool is the beginning of another, or all of it."""
    if spec_of(known.strategy) | {"n": 0} != spec_of(entry.strategy) | {"n": 0}:
        return False
    # Under other limits than on samples a search may end sooner, and when may hang on the verifier.
    there, wanted = known.strategy.samples, entry.strategy.samples
    if there == wanted:
        return known.budget == entry.budget == Budget(samples=entry.budget.samples)
    return there < wanted and known.budget == Budget(samples=there) and entry.budget == Budget(samples=wanted)
