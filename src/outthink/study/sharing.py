"""Sharing: a pool that was sampled for one verifier is not sampled again for another; it is scored anew.

The solutions of a pool do not hang on their scores. So two runs of a study with the same engine, strategy, seed and
problem would write the same (where the engine is deterministic), or as good as the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from outthink.budget import Budget
from outthink.problems import Problem
from outthink.runs.recipe import Recipe, StrategyEntry
from outthink.runs.results import Result, Unit
from outthink.runs.runner import Work, result_of, searched
from outthink.runs.store import Store
from outthink.runs.verdicts import verdicts_on
from outthink.solver import Attempt, Solver
from outthink.strategies import Pool
from outthink.tree import Tree

__all__ = ["shared"]


@contextmanager
def shared(recipe: Recipe, others: Sequence[tuple[Recipe, Path]]) -> Iterator[Work]:
    """How a run's searches are done: pools that another run with the same engine has sampled are taken over.

    What they cost to write is on their bill as if they had been written here. How long that would have taken is not
    known.

    Args:
        recipe: of the run.
        others: recipes and folders of the study's other runs.
    """
    with ExitStack() as opened:
        twins = [
            opened.enter_context(Store.read(folder))
            for other, folder in others
            if other.engine == recipe.engine and (folder / "run.db").is_file()
        ]

        @cache
        def done(twin: Store) -> set[Unit]:
            return {result.unit for result in twin.results() if result.error is None}

        def written(entry: StrategyEntry, unit: Unit) -> Tree | None:
            # Under other limits than on samples a search may end sooner, and when may hang on the verifier.
            if not isinstance(entry.strategy, Pool) or entry.budget != Budget(samples=entry.budget.samples):
                return None
            return next((twin.tree(unit) for twin in twins if unit in done(twin)), None)

        async def work(
            solver: Solver, entry: StrategyEntry, seed: int, problem: Problem, priority: int
        ) -> tuple[Result, Attempt]:
            unit = Unit(entry.name, seed, problem.id)
            tree = written(entry, unit)
            if tree is None:
                return await searched(solver, entry, seed, problem, priority)
            attempt = await solver.judge(problem, tree, scored=entry.scored, priority=priority)
            result = result_of(unit, attempt, time.time(), await verdicts_on(solver, entry, problem, attempt))
            return replace(result, ended=result.began), attempt

        yield work
