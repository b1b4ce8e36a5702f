"""Expert iteration: what a policy finds and gets right is what the next one learns.

ReST-EM (Singh et al. 2023, arXiv 2312.06585) and STaR (Zelikman et al. 2022, arXiv 2203.14465): each round starts from
the base model again, so that mistakes of one round are not handed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from outthink.budget import Budget
from outthink.errors import ProblemError
from outthink.grade import Grader
from outthink.learn.labels import read_labels
from outthink.learn.train.base import GGUF, MODEL
from outthink.learn.train.policy import Worked
from outthink.learn.train.recipe import PolicyRecipe
from outthink.learn.values import is_right
from outthink.prompt import Prompt
from outthink.runs import Store
from outthink.runs import run as carry_out
from outthink.runs.recipe import StrategyEntry, compose
from outthink.runs.runner import Progress
from outthink.strategies.sample import Sample
from outthink.tree import Path as Solution

__all__ = ["found", "improve"]

T = TypeVar("T")


def improve(
    recipe: PolicyRecipe,
    folder: Path,
    learn: Callable[[Sequence[Worked], Path], T],
    watch: Callable[[Progress], None],
) -> T:
    """Sample, keep what is right, learn it; again, with what was learnt. Returns what the last `learn` did.

    Args:
        recipe: with at least one round.
        folder: gets a folder for each round's samples, `samples-1` and so on; the last round's model lies in it itself,
            those of earlier rounds in `round-1` and so on.
        learn: fits the base model to solutions, in a folder.
        watch: told of every problem that is sampled.
    """
    teacher: Path | None = None
    for number in range(1, recipe.rounds + 1):
        samples = folder / f"samples-{number}"
        asyncio.run(carry_out(_sampling(recipe, teacher, number), samples, watch))
        place = folder if number == recipe.rounds else folder / f"round-{number}"
        place.mkdir(exist_ok=True)
        learnt = learn(list(found(samples, recipe.prompt, keep=recipe.sample.keep)), place)
        teacher = place
    return learnt


def found(place: Path, prompt: Prompt, *, keep: int) -> Iterator[Worked]:
    """Distinct right solutions, at most `keep` of each problem, the first written first.

    Args:
        place: a run's folder, whatever its strategies, or a file of labelled solutions.
        prompt: whose separator parts a run's steps.
        keep: of each problem.
    """
    kept: dict[str, set[tuple[str, ...]]] = {}
    for worked in _all(place, prompt):
        mine = kept.setdefault(worked.problem, set())
        if len(mine) < keep and worked.steps not in mine:
            mine.add(worked.steps)
            yield worked


def _all(place: Path, prompt: Prompt) -> Iterator[Worked]:
    if place.is_dir():
        with Store.read(place) as store:
            yield from asyncio.run(_right(store))
        return
    for each in read_labels(place):
        if each.correct is None:
            raise ProblemError(f"{place}: problem {each.problem}: `correct` is missing; a policy learns what is right")
        if each.correct:
            yield Worked(problem=each.problem, question=each.question, steps=each.steps)


async def _right(store: Store) -> list[Worked]:
    problems = {problem.id: problem for problem in store.problems()}
    right: list[Worked] = []
    async with Grader() as grader:
        for result in store.results():
            problem = problems[result.unit.problem]
            if result.error is not None or problem.answer is None:
                continue
            tree = store.tree(result.unit)
            for path in map(tree.path, tree.leaves):
                if await is_right(grader, problem.answer, path):
                    right.append(Worked(problem=problem.id, question=problem.question, steps=_steps(path)))
    return right


def _steps(path: Solution) -> tuple[str, ...]:
    return tuple(step.text.strip() for step in path.steps)


def _sampling(recipe: PolicyRecipe, teacher: Path | None, number: int) -> Any:
    """A round's run: the policy of the round before, on the same problems with other seeds."""
    assert recipe.problems is not None
    spec = recipe.sample.engine
    engine: dict[str, Any] = dict(spec) if isinstance(spec, Mapping) else {"kind": spec}
    engine["model"] = recipe.model
    if teacher is not None:
        # llama.cpp takes the adapter; other engines a whole checkpoint.
        if (teacher / GGUF).exists() and engine["kind"] == "llamacpp":
            engine["adapter"] = str(teacher / GGUF)
        else:
            engine["model"] = str(teacher / MODEL)
    strategy = Sample(n=recipe.sample.n)
    entry = StrategyEntry(
        name="sample", strategy=strategy, select=("majority",), aggregate=None, budget=Budget(samples=strategy.n)
    )
    given = {
        "problems": asdict(recipe.problems),
        "prompt": asdict(recipe.prompt),
        "engine": engine,
        "sampling": asdict(recipe.sample.sampling),
        # What else the samples hang on: a folder of others is not added to.
        "sample": {"n": strategy.n, "seed": recipe.seed},
        "seeds": [recipe.seed + number],
    }
    return compose(given, (entry,), "sample")
