"""Verdicts: what selections choose from finished searches, those of earlier sittings too. No model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from outthink.problems import Problem
from outthink.runs.recipe import StrategyEntry
from outthink.runs.results import Unit, Verdict
from outthink.runs.store import Store
from outthink.select import Aggregate, Select
from outthink.solver import Attempt, Solver
from outthink.tree import Tree

__all__ = ["Missing", "add_verdicts", "missing_verdicts", "verdict", "verdicts_on"]


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


async def verdicts_on(solver: Solver, entry: StrategyEntry, problem: Problem, attempt: Attempt) -> tuple[Verdict, ...]:
    """What all of an entry's selections make of a search that has just ended."""
    # A failed search is wrong, whatever it had finished by then: its budget was not spent as the recipe says.
    wanted = entry.select if attempt.error is None else ()
    return tuple([await verdict(solver, problem, attempt.tree, each, entry.aggregate) for each in wanted])


class Missing(NamedTuple):
    """The selections by which a stored search has not been judged yet."""

    unit: Unit
    selections: tuple[Select, ...]
    aggregate: Aggregate | None


def missing_verdicts(store: Store, strategies: Sequence[StrategyEntry]) -> list[Missing]:
    """What verdicts stored searches lack of those their strategies now ask for; one that failed lacks none."""
    entries = {entry.name: entry for entry in strategies}
    found = []
    for result in store.results():
        entry = entries.get(result.unit.strategy)
        if entry is not None and result.error is None:
            had = {each.selection for each in result.verdicts}
            found.append(Missing(result.unit, tuple(each for each in entry.select if each not in had), entry.aggregate))
    return [each for each in found if each.selections]


async def add_verdicts(solver: Solver, store: Store, problems: Sequence[Problem], lacking: Sequence[Missing]) -> None:
    """Read missing verdicts off the stored trees.

    Args:
        solver: need not be open.
        store: open for writing.
        problems: the store's.
        lacking: which.
    """
    known = {problem.id: problem for problem in problems}
    async with solver.grader:
        for unit, selections, how in lacking:
            problem, tree = known[unit.problem], store.tree(unit)
            store.judge(unit, [await verdict(solver, problem, tree, each, how) for each in selections])
