"""Trainings from recipe to files: what is learnt is read, fitted, saved, and told in `training.json`."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import torch
from accelerate import Accelerator, PartialState

from outthink.errors import ProblemError, UsageError
from outthink.learn.broken import broken
from outthink.learn.labels import Labelled, held_out, read_labels
from outthink.learn.train.base import load_base, save
from outthink.learn.train.expert import found, improve
from outthink.learn.train.fit import CHECKPOINT, Course, fit
from outthink.learn.train.policy import PolicyTask, Worked
from outthink.learn.train.recipe import PolicyRecipe, RewardRecipe
from outthink.learn.train.report import Report, Watch, read_report, write_report
from outthink.learn.train.reward import RewardTask, examples, shape_of
from outthink.learn.train.tries import Example
from outthink.precision import emulates_bfloat16
from outthink.problems import Problem, load_problems
from outthink.verifiers.families import OUTCOME, PROCESS, family_of
from outthink.verifiers.words import Words

__all__ = ["taught", "train"]


def train(recipe: RewardRecipe | PolicyRecipe, folder: Path, watch: Watch | None = None) -> Report:
    """Carry out a training, or what is left of it.

    Args:
        recipe: what to do.
        folder: gets checkpoints, the model and the report; the same recipe on the same data resumes there.
        watch: told how it goes.

    Raises:
        ProblemError: the data is missing or wrong; the line is named.
        StoreError: the folder holds another training.
        ModelNotFound: there is no such model.
        UsageError: rounds of sampling were asked of several processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    watching = watch or Watch()
    if recipe.fit.precision == "auto":
        exact = emulates_bfloat16(Accelerator().device.type)
        recipe = replace(recipe, fit=replace(recipe.fit, precision="float32" if exact else "bfloat16"))
    if isinstance(recipe, RewardRecipe):
        return _reward(recipe, folder, watching)
    if recipe.rounds:
        if (processes := Accelerator().num_processes) > 1:
            raise UsageError(
                f"rounds: {processes} processes would each sample with an engine of their own; start one process, or "
                "sample with `outthink run` and name the run's folder as data"
            )
        return improve(recipe, folder, lambda worked, place: _policy(recipe, worked, place, watching), watching.search)
    return _policy(recipe, _worked(recipe), folder, watching)


def _reward(recipe: RewardRecipe, folder: Path, watch: Watch) -> Report:
    labelled = [each for file in recipe.data for each in read_labels(Path(file))]
    labelled += _broken(recipe)
    identity = _identity(recipe.text, labelled)
    if (done := read_report(folder, identity)) is not None:
        return done
    learnt, measured = _split(labelled, recipe.held_out)
    if not learnt:
        raise ProblemError(f"{', '.join(recipe.data)}: every problem is held out; label more, or lower held_out")
    family = family_of(recipe.model, recipe.family, PROCESS if recipe.train == "prm" else OUTCOME)
    shape, outputs = shape_of(family.head)
    torch.manual_seed(recipe.seed)
    base = load_base(recipe.model, shape, outputs=outputs, lora=recipe.lora, precision=recipe.fit.precision)
    own = base.tokenizer.own
    words = Words(base.tokenizer, bos=own.bos_token or "", eos=own.eos_token or "")

    def shown(some: Sequence[Labelled], *, soft: bool) -> list[Example[float]]:
        return asyncio.run(
            examples(
                some,
                family,
                words,
                recipe.prompt,
                whole=recipe.train == "orm",
                soft=soft,
                last_step_only=recipe.last_step_only,
            )
        )

    # Held out, values count whatever was learnt: that is what a search needs to know.
    learning, measuring = shown(learnt, soft=recipe.labels == "soft"), shown(measured, soft=True)
    task = RewardTask(base, family.head, learning, measuring, batch_tokens=recipe.fit.batch_tokens)
    course = fit(task, recipe.fit, seed=recipe.seed, folder=folder, identity=identity, watch=watch.step)
    counts = len(learnt), len(measured)
    return _closed(folder, identity, recipe.text, counts, course, lambda: save(base, folder, family=recipe.family))


def _broken(recipe: RewardRecipe) -> list[Labelled]:
    if recipe.broken is None:
        return []
    separator, times = recipe.prompt.step, recipe.broken.times
    worked = [taught(problem, separator) for problem in load_problems(**asdict(recipe.broken.problems))]
    return [
        labelled
        for each in worked
        for labelled in broken(each.problem, each.question, each.steps, times=times, seed=recipe.seed)
    ]


def _policy(recipe: PolicyRecipe, worked: Sequence[Worked], folder: Path, watch: Watch) -> Report:
    identity = _identity(recipe.text, worked)
    if (done := read_report(folder, identity)) is not None:
        return done
    learnt, measured = _split(worked, recipe.held_out)
    if not learnt:
        raise ProblemError("no right solution is left to learn from; give more problems, or sample more of each")
    torch.manual_seed(recipe.seed)
    base = load_base(recipe.model, "words", outputs=0, lora=recipe.lora, precision=recipe.fit.precision)
    task = PolicyTask(base, learnt, measured, recipe.prompt, batch_tokens=recipe.fit.batch_tokens)
    course = fit(task, recipe.fit, seed=recipe.seed, folder=folder, identity=identity, watch=watch.step)
    counts = len(learnt), len(measured)
    return _closed(folder, identity, recipe.text, counts, course, lambda: save(base, folder, family=None))


_CONCLUDED = re.compile(r"answer is|\\boxed|####", re.IGNORECASE)

T = TypeVar("T", Labelled, Worked)


def _split(solutions: Sequence[T], share: float) -> tuple[list[T], list[T]]:
    """Solutions to learn from, and those to measure on; those of one problem stay together."""
    return (
        [each for each in solutions if not held_out(each.problem, share)],
        [each for each in solutions if held_out(each.problem, share)],
    )


def _worked(recipe: PolicyRecipe) -> list[Worked]:
    if recipe.problems is None:
        return [each for place in recipe.data for each in found(Path(place), recipe.prompt, keep=recipe.sample.keep)]
    problems = load_problems(**asdict(recipe.problems))
    return [taught(problem, recipe.prompt.step) for problem in problems]


def taught(problem: Problem, separator: str) -> Worked:
    """A problem's own solution, in steps, the last of which says what the answer is.

    Raises:
        ProblemError: it has none.
    """
    if not problem.solution:
        raise ProblemError(f"problem {problem.id} has no worked solution; set rounds, to learn sampled ones")
    steps = [step.strip() for step in problem.solution.split(separator) if step.strip()]
    if problem.answer is not None and not _CONCLUDED.search(steps[-1]):
        # A policy has to say which of its numbers is the answer; GSM8K's solutions leave that to a column of their own.
        steps.append(f"The answer is {problem.answer}.")
    return Worked(problem=problem.id, question=problem.question, steps=tuple(steps))


def _identity(recipe: str, data: Sequence[object]) -> str:
    digest = hashlib.sha256(recipe.encode())
    for each in data:
        digest.update(repr(each).encode())
    return digest.hexdigest()


def _closed(
    folder: Path, identity: str, recipe: str, counts: tuple[int, int], course: Course, save: Callable[[], list[str]]
) -> Report:
    """What came of a training; of several processes the first alone writes it down."""
    first = PartialState().is_main_process
    report = Report(
        identity=identity,
        recipe=recipe,
        examples=counts[0],
        held_out=counts[1],
        seconds=course.seconds,
        records=tuple(course.records),
        written=tuple(save() if first else ()),
    )
    if first:
        # The report is there before the checkpoint goes: there is one of them whenever the process is killed.
        write_report(report, folder)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return report
