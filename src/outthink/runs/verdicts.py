"""Verdicts: what selections choose from finished searches, those of earlier sittings too. No model is asked."""

from __future__ import annotations

from collections.abc import Sequence

from outthink.problems import Problem
from outthink.runs.recipe import StrategyEntry
from outthink.runs.store import Store, Verdict
from outthink.select import Aggregate, Select
from outthink.solver import Solver
from outthink.tree import Tree

__all__ = ["add_missing", "verdict"]


async def verdict(
    solver: Solver, problem: Problem, tree: Tree, selection: Select, aggregate: Aggregate | None
) -> Verdict:
    """What a selection makes of a search's tree."""
    choice, correct, ungraded = await solver.conclude(problem, tree, selection, aggregate)
    return Verdict(
        selection=selection,
        answer=choice.answer,
        correct=correct,
        ungraded=ungraded,
        votes=choice.votes,
        weight=choice.weight,
    )


async def add_missing(
    solver: Solver, store: Store, problems: Sequence[Problem], strategies: Sequence[StrategyEntry]
) -> None:
    """Store the verdicts of selections that stored searches do not have yet.

    Args:
        solver: need not be open.
        store: open for writing.
        problems: the store's.
        strategies: whose selections are wanted.
    """
    known = {problem.id: problem for problem in problems}
    entries = {entry.name: entry for entry in strategies}
    async with solver.grader:
        for result in store.results():
            entry = entries.get(result.unit.strategy)
            had = {each.selection for each in result.verdicts}
            wanted = [each for each in entry.select if each not in had] if entry and result.error is None else []
            if entry and wanted:
                problem, tree = known[result.unit.problem], store.tree(result.unit)
                made = [await verdict(solver, problem, tree, each, entry.aggregate) for each in wanted]
                store.judge(result.unit, made)
