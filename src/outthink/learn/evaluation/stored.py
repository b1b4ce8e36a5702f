"""The independent samples in a run's folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from outthink.answer import extract_answer
from outthink.errors import UsageError
from outthink.prompt import Prompt
from outthink.runs.recipe import Recipe, StrategyEntry, parse_recipe
from outthink.runs.store import Store
from outthink.strategies import Pool
from outthink.tree import Tree

__all__ = ["Sample", "stored_samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sampled solution.

    Args:
        problem: the problem's id.
        question: as asked.
        reference: the problem's answer.
        steps: those that say something, without separators.
        answer: the solution's own, if it came to an end and gives one.
        finished: whether it came to an end.
    """

    problem: str
    question: str
    reference: str
    steps: tuple[str, ...]
    answer: str | None
    finished: bool


def stored_samples(store: Store) -> tuple[list[Sample], Prompt]:
    """All seeds' samples of the strategy that writes most, among those that write solutions independently.

    What never came to an end is among them: it was sampled, and counts. Of other strategies there is no telling
    what fewer samples would have given: their trees depend on how many were asked for.

    Returns:
        The samples, and how the run put its questions.

    Raises:
        UsageError: the run has no such strategy, no result of it, or no problem with an answer.
    """
    recipe = parse_recipe(json.loads(store.recipe()), str(store.folder))
    entry = _entry(recipe, store)
    problems = {problem.id: problem for problem in store.problems()}
    found = []
    for result in store.results():
        problem = problems[result.unit.problem]
        if result.unit.strategy != entry.name or result.error is not None or problem.answer is None:
            continue
        for steps, text, finished in _written(store.tree(result.unit), recipe.prompt.step):
            sample = Sample(
                problem=problem.id,
                question=problem.question,
                reference=problem.answer,
                steps=steps,
                answer=extract_answer(text) if finished else None,
                finished=finished,
            )
            found.append(sample)
    if not found:
        raise UsageError(f"{store.folder}: no samples of a problem with an answer; let the run go on, or use another")
    return found, recipe.prompt


def _entry(recipe: Recipe, store: Store) -> StrategyEntry:
    independent = [entry for entry in recipe.strategies if isinstance(entry.strategy, Pool)]
    if not independent:
        raise UsageError(
            f"{store.folder}: none of its strategies writes independent samples; run the recipe with `sample` as well"
        )
    return max(independent, key=lambda entry: entry.strategy.samples)


def _written(tree: Tree, separator: str) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    """Steps, text and whether it is finished, of every solution begun."""
    parents = {node.parent for node in tree.nodes}
    for node in tree.nodes[1:]:
        if node.index not in parents:
            path = tree.path(node)
            yield tuple(step.text.removesuffix(separator) for step in path.steps), path.text, node.finished
