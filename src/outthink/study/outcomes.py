"""Searches as analyses see them: finished solutions, each with its key, its scores, and whether it is right."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from outthink.candidates import candidate
from outthink.cost import Cost
from outthink.grade import Grader
from outthink.options import make
from outthink.problems import Problem
from outthink.runs.recipe import StrategyEntry, parse_recipe
from outthink.runs.results import Result, Unit
from outthink.runs.store import Store
from outthink.sandbox import Sandbox
from outthink.select import Candidate
from outthink.shape import Shape
from outthink.strategies import Pool
from outthink.study.account import Account, account
from outthink.study.axes import machine_seconds
from outthink.study.sweep import seats
from outthink.tree import Path, Tree

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
        n: seats it was given; of a pool, the solutions it was asked for.
        pooled: whether its solutions are independent: any k of them are what k samples would have been.
        seed: the recipe's.
        problem: its id.
        graded: whether the problem has an answer or tests to be right by.
        solved: its finished solutions that vote, in the order of writing; none if it failed.
        ranks: whether the strategy itself reads scores, whatever selects among its solutions.
        account: what its models did.
        cost: all that was billed.
        seconds: its share of the machine's time, see `machine_seconds`; NaN where it is not known how long it took.
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
    ranks: bool
    account: Account
    cost: Cost
    seconds: float
    error: str | None

    @property
    def samples(self) -> list[Solved | None]:
        """Of a pool: all its samples. One that was cut is among those that were drawn, and is None."""
        return [*self.solved, *[None] * (self.n - len(self.solved))]


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
    sandbox = make(Sandbox, recipe.sandbox, "sandbox")
    problems = {problem.id: problem for problem in store.problems()}
    results = sorted(store.results(), key=lambda result: result.unit.problem)
    took = machine_seconds([(result.began, result.ended) for result in results])
    seconds = {
        result.unit: share if result.ended > result.began else math.nan
        for result, share in zip(results, took, strict=True)
    }
    read = _Reader(run, {entry.name: entry for entry in recipe.strategies}, store.models(), seconds)
    found: list[Outcome] = []
    for name, group in groupby(results, key=lambda result: result.unit.problem):
        trees = [(result, store.tree(result.unit)) for result in group]
        said = [_said(problems[name], tree) if result.error is None else [] for result, tree in trees]
        grades = await _grades(problems[name], [each for one in said for _, each in one], grader, sandbox)
        for (result, tree), solutions in zip(trees, said, strict=True):
            solved = tuple(_solved(path, grades[each.key]) for path, each in solutions)
            found.append(read.outcome(problems[name], result, tree, solved))
        watch(len(found), len(results))
    return found


def series_name(entry: StrategyEntry) -> str:
    """An entry's name without its budget: what the same strategy is called at every budget."""
    name = entry.name.removesuffix(f"-{seats(entry.strategy)}")
    # A run calls what it has no name for by the solutions that it may leave, which may be more.
    return name if name != entry.name else name.removesuffix(f"-{entry.strategy.samples}")


class _Grade(NamedTuple):
    key: str | None
    correct: bool | None


def _said(problem: Problem, tree: Tree) -> list[tuple[Path, Candidate]]:
    paths = map(tree.path, tree.leaves)
    return [(path, candidate(path, program=bool(problem.tests))) for path in paths]


def _solved(path: Path, grade: _Grade) -> Solved:
    return Solved(
        key=grade.key,
        scores=tuple(path.scores),
        correct=grade.correct,
        weight=path.node.weight,
        tokens=path.node.length,
    )


async def _grades(
    problem: Problem, candidates: Sequence[Candidate], grader: Grader, sandbox: Sandbox
) -> dict[str | None, _Grade]:
    """What each key is merged into, and whether it is right; to state no answer is wrong wherever one can be right."""
    answers = {each.key: each.answer for each in candidates if each.key is not None and each.answer is not None}
    # Programs are not algebra: they are counted as they are written.
    merged = {} if problem.tests else await grader.merge([each.key for each in candidates if each.key is not None])
    found: dict[str | None, _Grade] = {None: _Grade(None, False if _graded(problem) else None)}
    for key, answer in answers.items():
        leader = merged.get(key, key)
        if leader not in found:
            found[leader] = _Grade(leader, await _right(problem, answers.get(leader, answer), grader, sandbox))
        found[key] = found[leader]
    return found


def _graded(problem: Problem) -> bool:
    return problem.answer is not None or bool(problem.tests)


async def _right(problem: Problem, answer: str, grader: Grader, sandbox: Sandbox) -> bool | None:
    if problem.tests:
        await sandbox.open()
        return all(await sandbox.run(answer, problem.tests))
    return None if problem.answer is None else await grader.equivalent(problem.answer, answer)


class _Reader(NamedTuple):
    """What the searches of one run have in common."""

    run: str
    entries: Mapping[str, StrategyEntry]
    models: Mapping[str, Shape | None]
    seconds: Mapping[Unit, float]

    def outcome(self, problem: Problem, result: Result, tree: Tree, solved: tuple[Solved, ...]) -> Outcome:
        entry = self.entries[result.unit.strategy]
        n, pooled = seats(entry.strategy), isinstance(entry.strategy, Pool)
        return Outcome(
            run=self.run,
            strategy=series_name(entry),
            # A budget may have allowed fewer, and of imported ones there may be fewer; what failed had all its seats.
            n=min(n, tree.root.children) if pooled and result.error is None else n,
            pooled=pooled,
            seed=result.unit.seed,
            problem=problem.id,
            graded=_graded(problem),
            solved=solved,
            ranks=entry.strategy.ranks,
            account=account(tree, self.models),
            cost=result.cost,
            seconds=self.seconds[result.unit],
            error=result.error,
        )
