"""Searches as analyses see them: finished solutions, each with its key, its scores, and whether it is right."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from outthink.answer import canonical, extract_answer
from outthink.cost import Cost
from outthink.grade import Grader
from outthink.options import make
from outthink.problems import Problem
from outthink.programs import canonical_program, extract_program
from outthink.runs.recipe import StrategyEntry, parse_recipe
from outthink.runs.store import Result, Store
from outthink.sandbox import Sandbox
from outthink.strategies.sample import Sample
from outthink.tree import Tree

__all__ = ["Outcome", "Solved", "read_outcomes", "series_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """One finished solution.

    Args:
        key: what it is counted under; equal answers have equal keys; None if it states no answer.
        scores: of its steps, in [0, 1]; empty where there was no verifier, or no time to ask it.
        correct: whether the answer is right; None without a reference.
        weight: what its vote counts for.
        tokens: written from the prompt to its end.
    """

    key: str | None
    scores: tuple[float, ...]
    correct: bool | None
    weight: float
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One search.

    Args:
        run: the label of its engine and verifier.
        strategy: the series it belongs to: its entry's name without the budget.
        n: seats it was given.
        pooled: whether its solutions are independent: any k of them are what k samples would have been.
        seed: the recipe's.
        problem: its id.
        graded: whether the problem has an answer or tests to be right by.
        solved: its finished solutions that vote, in the order of writing; none if it failed.
        shared: what its solutions share, the prompt's cost.
        cost: all that was spent.
        seconds: wall-clock, with other searches in flight beside it.
        error: why it failed; None if it did not.
    """

    run: str
    strategy: str
    n: int
    pooled: bool
    seed: int
    problem: str
    graded: bool
    solved: tuple[Solved, ...]
    shared: Cost
    cost: Cost
    seconds: float
    error: str | None


async def read_outcomes(
    store: Store, run: str, grader: Grader, watch: Callable[[int, int], None] = lambda done, total: None
) -> list[Outcome]:
    """All searches of a run's folder, from their stored trees; no model is asked.

    Equal answers are merged, and compared with the reference, over all of a problem's searches together.

    Args:
        store: open for reading.
        run: the label of its engine and verifier.
        grader: compares answers.
        watch: told how many of how many searches are read.

    Raises:
        StoreError: a tree cannot be read.
        UsageError: programs have to be run to grade them, and cannot be.
    """
    recipe = parse_recipe(json.loads(store.recipe()), str(store.folder))
    entries = {entry.name: entry for entry in recipe.strategies}
    sandbox = make(Sandbox, recipe.sandbox, "sandbox")
    problems = {problem.id: problem for problem in store.problems()}
    results = sorted(store.results(), key=lambda result: result.unit.problem)
    found: list[Outcome] = []
    for name, group in groupby(results, key=lambda result: result.unit.problem):
        trees = [(result, store.tree(result.unit)) for result in group]
        leaves = [_leaves(problems[name], tree) if result.error is None else [] for result, tree in trees]
        answers = [leaf.answer for each in leaves for leaf in each if leaf.answer is not None]
        grades = await _grades(problems[name], answers, grader, sandbox)
        for (result, tree), written in zip(trees, leaves, strict=True):
            solved = tuple(_solved(leaf, grades[leaf.answer]) for leaf in written)
            found.append(_outcome(run, entries[result.unit.strategy], problems[name], result, tree, solved))
        watch(len(found), len(results))
    return found


def series_name(entry: StrategyEntry) -> str:
    """An entry's name without its budget: what the same strategy is called at every budget."""
    return entry.name.removesuffix(f"-{entry.strategy.samples}")


class _Leaf(NamedTuple):
    answer: str | None
    scores: tuple[float, ...]
    weight: float
    tokens: int


class _Grade(NamedTuple):
    key: str | None
    correct: bool | None


def _leaves(problem: Problem, tree: Tree) -> list[_Leaf]:
    found = []
    for leaf in tree.leaves:
        path = tree.path(leaf)
        answer = extract_program(path.text) if problem.tests else extract_answer(path.text)
        found.append(_Leaf(answer, tuple(path.scores), leaf.weight, leaf.length))
    return found


def _solved(leaf: _Leaf, grade: _Grade) -> Solved:
    return Solved(key=grade.key, scores=leaf.scores, correct=grade.correct, weight=leaf.weight, tokens=leaf.tokens)


async def _grades(
    problem: Problem, answers: Sequence[str], grader: Grader, sandbox: Sandbox
) -> dict[str | None, _Grade]:
    """Of each answer: its key, and whether it is right. To state none is wrong wherever an answer can be."""
    if problem.tests:
        # Programs are not algebra: they are counted as they are written.
        keys = {answer: canonical_program(answer) for answer in answers}
    else:
        merged = await grader.merge(answers)
        keys = {answer: merged[canonical(answer)] for answer in answers}
    right = {key: await _right(problem, key, answer, grader, sandbox) for answer, key in keys.items()}
    nothing = _Grade(None, False if _graded(problem) else None)
    return {None: nothing} | {a: _Grade(key, right[key]) for a, key in keys.items()}


def _graded(problem: Problem) -> bool:
    return problem.answer is not None or bool(problem.tests)


async def _right(problem: Problem, key: str, answer: str, grader: Grader, sandbox: Sandbox) -> bool | None:
    if problem.tests:
        await sandbox.open()
        return all(await sandbox.run(answer, problem.tests))
    return None if problem.answer is None else await grader.equivalent(problem.answer, key)


def _outcome(
    run: str, entry: StrategyEntry, problem: Problem, result: Result, tree: Tree, solved: tuple[Solved, ...]
) -> Outcome:
    return Outcome(
        run=run,
        strategy=series_name(entry),
        n=entry.strategy.samples,
        pooled=isinstance(entry.strategy, Sample),
        seed=result.unit.seed,
        problem=problem.id,
        graded=_graded(problem),
        solved=solved,
        shared=tree.root.cost,
        cost=result.cost,
        seconds=result.ended - result.began,
        error=result.error,
    )
