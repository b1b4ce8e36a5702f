"""Labelling: a recipe's problems are solved, the steps of the solutions judged by rollouts, the labels written down.

    problems: {source: builtin, split: train, limit: 500}
    engine: {kind: llamacpp, context: 512}
    sampling: {temperature: 0.8, max_step_tokens: 48, max_tokens: 200}
    label: {kind: rollouts, solutions: 4, rollouts: 4}        # or first-error
    harvest: 4                                                # so many rollouts a problem are labelled too
    seeds: [0]

It is a run like any other: many problems in flight, prefixes cached, stored problem by problem, resumed by the same
command. The labels are read off the stored trees, so that another `harvest` costs no model call.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path as File

from outthink.answer import extract_answer
from outthink.budget import Budget
from outthink.cost import Usage
from outthink.errors import ProblemError, RecipeError
from outthink.grade import Grader
from outthink.learn.labellers import Judged, Labeller
from outthink.learn.labels import Labelled, write_labels
from outthink.learn.values import is_right, tips
from outthink.problems import Problem, load_problems
from outthink.registry import make_labeller
from outthink.runs.recipe import ProblemSource, Recipe, StrategyEntry, compose, read_recipe
from outthink.runs.results import Result, Unit
from outthink.runs.runner import Progress, result_of, run
from outthink.runs.store import Store
from outthink.search import Search
from outthink.seeding import for_problem
from outthink.solver import Attempt, Solver
from outthink.tree import Path, Tree

__all__ = ["LABELS", "LabelRecipe", "Tally", "label", "load_label_recipe"]

LABELS = "labels.jsonl"
"""The file in a run's folder that holds its labels."""

_NAME = "label"
_KEYS = ("problems", "prompt", "engine", "sampling", "label", "harvest", "seeds", "in_flight")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRecipe:
    """A checked recipe for labelling.

    Args:
        recipe: a run without verifier whose one strategy is the labeller.
        labeller: says what is written, and what that tells of steps.
        harvest: rollouts of each problem that are labelled as solutions of their own, evenly from all there are. Many
            of their steps have a single continuation, so their values are noisy; but they are right on average.
    """

    recipe: Recipe
    labeller: Labeller
    harvest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What labelling came to.

    Args:
        problems: problems whose solutions were labelled, once for each seed; those that failed are not among them.
        failed: problems whose search failed, likewise.
        solutions, steps: labelled ones.
        good: steps with label 1.
        right: solutions with the right answer.
        unfinished: solutions dropped because they did not come to an end.
        unanswered: solutions dropped because no answer could be found in them.
        cost: of everything.
    """

    problems: int
    failed: int
    solutions: int
    steps: int
    good: int
    right: int
    unfinished: int
    unanswered: int
    cost: Usage


def load_label_recipe(path: File, overrides: Sequence[str] = ()) -> LabelRecipe:
    """The recipe in a file.

    Args:
        path: a YAML file.
        overrides: `a.b=value` each, as for `load_recipe`.

    Raises:
        RecipeError: the file is missing or no valid recipe; the field or line is named.
    """
    given = read_recipe(path, overrides, _KEYS)
    if "label" not in given:
        raise RecipeError(
            f"{path}: label is missing; for example: label: {{kind: rollouts, solutions: 4, rollouts: 8}}"
        )
    labeller, harvest = make_labeller(given["label"]), given.pop("harvest", 0)
    if type(harvest) is not int or harvest < 0:
        raise RecipeError(f"{path}: harvest: expected a whole number from 0 on, got {harvest!r}")
    entry = StrategyEntry(
        name=_NAME,
        strategy=_Bound(labeller, _unknown),
        select=(),
        aggregate=None,
        budget=Budget(samples=labeller.samples),
    )
    return LabelRecipe(recipe=compose(given, (entry,), str(path)), labeller=labeller, harvest=harvest)


async def label(
    recipe: LabelRecipe,
    folder: File,
    watch: Callable[[Progress], None] = lambda progress: None,
    *,
    retry_failed: bool = False,
) -> Tally:
    """Carry out what the folder does not hold yet, and write all its labels to `labels.jsonl` in it.

    Args:
        recipe: what to do.
        folder: where results go; the same recipe resumes there.
        watch: told of every problem.
        retry_failed: problems that failed in an earlier sitting are tried again.

    Raises:
        ProblemError: a problem has no answer to compare with.
        StoreError, ModelNotFound, EngineDown: as for `run`.
    """

    answers = _answers(recipe.recipe.problems)

    async def work(
        solver: Solver, entry: StrategyEntry, seed: int, problem: Problem, priority: int
    ) -> tuple[Result, Attempt]:
        reference, began = answers[problem.id], time.time()
        attempt = await solver.search(
            problem,
            _Bound(recipe.labeller, lambda path: is_right(solver.grader, reference, path)),
            aggregate=None,
            budget=entry.budget,
            seed=for_problem(seed, problem.id),
            scored=False,
            priority=priority,
        )
        return result_of(Unit(entry.name, seed, problem.id), attempt, began), attempt

    await run(recipe.recipe, folder, watch, retry_failed=retry_failed, unit=work)
    with Store.read(folder) as store:
        return await _write(store, recipe, folder / LABELS)


def _answers(source: ProblemSource) -> dict[str, str]:
    """The problems' answers by id. Read before the run reads them, so that nothing is written in vain."""
    problems = load_problems(**asdict(source))
    answers = {problem.id: problem.answer for problem in problems if problem.answer is not None}
    unanswered = [problem.id for problem in problems if problem.answer is None]
    if unanswered:
        raise ProblemError(
            f"{source.source}: {len(unanswered)} of {len(problems)} problems have no answer, first {unanswered[0]}; "
            "labels need answers to compare with: name their column in problems.columns, or leave these problems out"
        )
    return answers


async def _write(store: Store, recipe: LabelRecipe, file: File) -> Tally:
    count: Counter[str] = Counter()
    cost = Usage()
    labelled: list[Labelled] = []
    async with Grader() as grader:
        problems = {problem.id: problem for problem in store.problems()}
        # Not in the order of storing: that depends on the clock, and on interruptions.
        for result in sorted(store.results(), key=lambda result: (result.unit.problem, result.unit.seed)):
            cost += result.cost.engine
            count["failed" if result.error else "problems"] += 1
            if result.error is None:
                tree = store.tree(result.unit)
                count.update(_dropped(tree))
                labelled += [each async for each in _read(recipe, tree, problems[result.unit.problem], grader)]
    write_labels(file, labelled)
    return Tally(
        problems=count["problems"],
        failed=count["failed"],
        solutions=len(labelled),
        steps=sum(len(each.steps) for each in labelled),
        good=sum(sum(each.labels) for each in labelled),
        right=sum(each.correct is True for each in labelled),
        unfinished=count["unfinished"],
        unanswered=count["unanswered"],
        cost=cost,
    )


async def _read(recipe: LabelRecipe, tree: Tree, problem: Problem, grader: Grader) -> AsyncIterator[Labelled]:
    right = {tip.index: await is_right(grader, str(problem.answer), tree.path(tip)) for tip in tips(tree)}
    judged = _harvested(list(recipe.labeller.read(tree, right)), recipe.harvest)
    for each in judged:
        yield _labelled(each, problem, right[each.path.node.index], _share(tree.cost.engine, len(judged)))


def _harvested(judged: Sequence[Judged], n: int) -> list[Judged]:
    """All solutions, and so many of the rollouts, evenly from first to last: neighbours differ least."""
    rollouts = [each for each in judged if each.rollout]
    chosen = rollouts if len(rollouts) <= n else [rollouts[place * len(rollouts) // n] for place in range(n)]
    return [*(each for each in judged if not each.rollout), *chosen]


def _labelled(judged: Judged, problem: Problem, right: bool, cost: Usage) -> Labelled:
    return Labelled(
        problem=problem.id,
        question=problem.question,
        steps=tuple(step.text.strip() for step in judged.path.steps),
        values=judged.values,
        labels=judged.labels,
        counts=judged.counts,
        answer=extract_answer(judged.path.text),
        correct=right,
        cost=cost,
    )


def _dropped(tree: Tree) -> Counter[str]:
    """Why solutions were dropped that were written in one go from the root."""
    count: Counter[str] = Counter()
    for path in map(tree.path, tips(tree)):
        if all(node.ordinal == 0 for node in path.nodes[1:]):
            count["unfinished"] += not path.node.finished
            count["unanswered"] += path.node.finished and extract_answer(path.text) is None
    return count


def _share(usage: Usage, parts: int) -> Usage:
    return Usage(
        prompt_tokens=usage.prompt_tokens // parts,
        cached_tokens=usage.cached_tokens // parts,
        generated_tokens=usage.generated_tokens // parts,
        calls=usage.calls // parts,
        seconds=usage.seconds / parts,
        flops=usage.flops / parts,
    )


@dataclass(frozen=True, slots=True)
class _Bound:
    """A labeller as a strategy on one problem, of which it is known what is right."""

    labeller: Labeller
    right: Callable[[Path], Awaitable[bool]]

    @property
    def samples(self) -> int:
        return self.labeller.samples

    @property
    def ranks(self) -> bool:
        return False

    async def __call__(self, search: Search) -> None:
        await self.labeller(search, self.right)


async def _unknown(path: Path) -> bool:
    """Of no problem in particular: the recipe's labeller is bound anew for each."""
    raise ProblemError(f"{path.question}: there is no answer to compare with")
