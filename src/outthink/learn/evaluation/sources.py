"""Where the solutions come from that a verifier is tried on, and what its scores of them can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Protocol, TypeVar

from outthink.errors import ProblemError, UsageError
from outthink.grade import Grader
from outthink.learn.evaluation.best_of import Point, curve, pool_of
from outthink.learn.evaluation.processbench import (
    HUB_ID,
    Case,
    FirstErrors,
    fetch_cases,
    first_error,
    first_errors,
    read_cases,
)
from outthink.learn.evaluation.scoring import Judged, Written
from outthink.learn.evaluation.steps import LengthBias, StepQuality, length_bias, step_quality
from outthink.learn.evaluation.stored import Sample, stored_samples
from outthink.learn.labels import Labelled, read_labels
from outthink.problems.rows import SUFFIXES, read_rows
from outthink.prompt import Prompt
from outthink.select import Aggregate, aggregate

__all__ = ["Findings", "Labels", "Marked", "Sampled", "Source", "read_source"]

Solution = TypeVar("Solution", Case, Labelled, Sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What came out; of its parts those that the source can tell.

    Args:
        first_errors: ProcessBench's metric, split by split and on average.
        steps: scores against what is known of the steps.
        lengths: the same for right and for wrong solutions.
        best_of: accuracies of answers chosen among k samples.
    """

    first_errors: tuple[FirstErrors, ...] = ()
    steps: StepQuality | None = None
    lengths: tuple[LengthBias, ...] = ()
    best_of: tuple[Point, ...] = ()


class Source(Protocol):
    """Solutions, and what is known of them."""

    @property
    def prompt(self) -> Prompt:
        """How the questions were put, and what stood between the steps, as far as that is known."""

    @property
    def written(self) -> Sequence[Written]:
        """The solutions to score."""

    async def findings(self, judged: Mapping[Written, Judged], how: Aggregate, threshold: float) -> Findings:
        """What the scores tell.

        Args:
            judged: every solution in `written`.
            how: how step scores become one number.
            threshold: a step that is scored lower is taken to be wrong.
        """


@dataclass(frozen=True, slots=True)
class Marked:
    """Solutions whose first wrong step is known."""

    cases: Sequence[Case]
    prompt: Prompt = field(default_factory=Prompt)

    @property
    def written(self) -> Sequence[Written]:
        """All of them."""
        return [_written(case) for case in self.cases]

    async def findings(self, judged: Mapping[Written, Judged], how: Aggregate, threshold: float) -> Findings:
        """ProcessBench's metric; what could not be scored counts as wrong."""
        scores = [judged[_written(case)].scores for case in self.cases]
        return Findings(
            first_errors=first_errors(
                self.cases, [None if each is None else first_error(each, threshold) for each in scores]
            )
        )


@dataclass(frozen=True, slots=True)
class Labels:
    """Solutions every step of which is labelled."""

    labelled: Sequence[Labelled]
    prompt: Prompt = field(default_factory=Prompt)

    @property
    def written(self) -> Sequence[Written]:
        """All of them."""
        return [_written(each) for each in self.labelled]

    async def findings(self, judged: Mapping[Written, Judged], how: Aggregate, threshold: float) -> Findings:
        """How well steps are judged; what could not be scored is left out.

        Nothing on choosing among solutions: these are distinct ones, among which there is no majority.
        """
        found = [(each, judged[_written(each)].scores) for each in self.labelled]
        scored = [(each, scores) for each, scores in found if scores is not None]
        solutions, scores = [each for each, _ in scored], [scores for _, scores in scored]
        return Findings(steps=step_quality(solutions, scores), lengths=length_bias(solutions, scores, how))


@dataclass(frozen=True, slots=True)
class Sampled:
    """Independent samples of a run, whose answers can be graded."""

    samples: Sequence[Sample]
    prompt: Prompt

    @property
    def written(self) -> Sequence[Written]:
        """Those that came to an end; the others can never be chosen."""
        return [_written(each) for each in self.samples if each.finished and each.steps]

    async def findings(self, judged: Mapping[Written, Judged], how: Aggregate, threshold: float) -> Findings:
        """How well solutions are chosen; what could not be scored is left out."""
        pools = []
        async with Grader() as grader:
            for problem, group in groupby(sorted(self.samples, key=_problem), key=_problem):
                mine = list(group)
                reference, judgements = mine[0].reference, [judged.get(_written(each)) for each in mine]
                kept = [
                    (each.answer, None if said is None or said.scores is None else aggregate(said.scores, how))
                    for each, said in zip(mine, judgements, strict=True)
                    if said is None or said.scores is not None
                ]
                answers, scores = [answer for answer, _ in kept], [score for _, score in kept]
                pools.append(await pool_of(problem, reference, answers, scores, grader))
        return Findings(best_of=curve(pools))


def read_source(name: str, limit: int | None = None) -> Source:
    """The source of some kind, which is told by what is there.

    Args:
        name: the folder of a run or of labelling, a file of labelled solutions or in ProcessBench's format, or
            `Qwen/ProcessBench` for that set on the Hugging Face Hub.
        limit: only the solutions of so many problems, from the first on, of each split.

    Raises:
        ProblemError, StoreError: it is missing, empty or malformed.
        UsageError: it is of no such kind.
    """
    from outthink.learn.label import LABELS
    from outthink.runs import Store

    path = Path(name).expanduser()
    if (path / LABELS).is_file():
        return Labels(_first(read_labels(path / LABELS), limit))
    if path.is_dir():
        with Store.read(path) as store:
            samples, prompt = stored_samples(store)
        return Sampled(_first(samples, limit), prompt)
    if name == HUB_ID:
        return Marked(_first(fetch_cases(), limit))
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{name!r} is nothing to evaluate on: name a run's folder, a file that ends in {', '.join(SUFFIXES)}, "
            f"or {HUB_ID}"
        )
    return _read_file(path, limit)


def _read_file(path: Path, limit: int | None) -> Source:
    with closing(read_rows(path)) as rows:
        where, first = next(rows, (str(path), None))
    if first is None:
        raise ProblemError(f"{path} holds no solution; check that it is the right file")
    if "labels" in first:
        return Labels(_first(read_labels(path), limit))
    if "label" in first:
        return Marked(_first(read_cases(path), limit))
    raise ProblemError(
        f"{where}: neither `labels`, as labelled solutions have, nor `label`, as ProcessBench has; "
        f"the fields are {', '.join(first) or 'none'}"
    )


def _first(solutions: Iterable[Solution], limit: int | None) -> list[Solution]:
    """The solutions of the first problems of each split."""
    if limit is None:
        return list(solutions)
    seen: dict[str, set[str]] = {}
    kept = []
    for each in solutions:
        asked = seen.setdefault(each.split if isinstance(each, Case) else "", set())
        if each.question in asked or len(asked) < limit:
            asked.add(each.question)
            kept.append(each)
    return kept


def _written(solution: Case | Labelled | Sample) -> Written:
    return Written(question=solution.question, steps=solution.steps)


def _problem(sample: Sample) -> str:
    return sample.problem
