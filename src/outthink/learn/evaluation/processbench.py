"""ProcessBench: whether a verifier finds the first wrong step of a solution (Zheng et al. 2024, arXiv 2412.06559)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outthink.errors import ProblemError
from outthink.problems.hub import hub_rows
from outthink.problems.rows import Row, read_rows
from outthink.study.intervals import Estimate, estimates

__all__ = ["HUB_ID", "SPLITS", "Case", "FirstErrors", "fetch_cases", "first_error", "first_errors", "read_cases"]

HUB_ID = "Qwen/ProcessBench"
SPLITS = ("gsm8k", "math", "olympiadbench", "omnimath")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A solution and where it goes wrong.

    Args:
        split: the part of the set it belongs to.
        question: as asked.
        steps: those that say something.
        label: the first wrong one, from 0 on; -1 if all are right.
    """

    split: str
    question: str
    steps: tuple[str, ...]
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstErrors:
    """ProcessBench's figures for one split, or for the mean over all of them.

    Args:
        split: which; "average" for the mean, in which each split weighs the same.
        wrong, right: solutions with an error, and without.
        found: share of those with an error whose first wrong step is named exactly.
        passed: share of those without in which no error is seen.
        f1: the harmonic mean of the two; 0 if either is 0.
    """

    split: str
    wrong: int
    right: int
    found: Estimate
    passed: Estimate
    f1: Estimate


def read_cases(path: Path) -> list[Case]:
    """The cases in a file with ProcessBench's columns `id`, `problem`, `steps` and `label`; others play no part.

    The split is what stands before the number in an id (`gsm8k-12`), or the file's name where there is no such id.

    Raises:
        ProblemError: the file is missing, empty or malformed; the line and the field are named.
        UsageError: a Parquet file, and pyarrow is not installed.
    """
    return _some(_cases(read_rows(path), path.stem), str(path))


def fetch_cases() -> list[Case]:
    """All cases of the set on the Hugging Face Hub; raises like `outthink.problems.hub.hub_rows`."""
    found = (case for split in SPLITS for case in _cases(hub_rows(HUB_ID, config=None, split=split), split))
    return _some(found, HUB_ID)


def first_error(scores: Sequence[float], threshold: float) -> int:
    """The first step whose score is below the threshold, from 0 on; -1 if there is none."""
    return next((place for place, score in enumerate(scores) if score < threshold), -1)


def first_errors(cases: Sequence[Case], predictions: Sequence[int | None]) -> tuple[FirstErrors, ...]:
    """The metric, split by split and, where there are several, on average. Intervals are over problems.

    Args:
        cases: one at least.
        predictions: the first wrong step, or -1, for each; None where there is no prediction, which counts as wrong.
    """
    splits = sorted({case.split for case in cases})
    problems = {question: number for number, question in enumerate(sorted({case.question for case in cases}))}
    # Four columns a split: cases with an error and those found, cases without and those passed.
    columns = {split: [[0] * len(problems) for _ in range(4)] for split in splits}
    for case, prediction in zip(cases, predictions, strict=True):
        first, number = 0 if case.label >= 0 else 2, problems[case.question]
        columns[case.split][first][number] += 1
        columns[case.split][first + 1][number] += prediction == case.label

    def figures(drawn: Sequence[int]) -> list[float]:
        rows = [_figures([sum(map(column.__getitem__, drawn)) for column in columns[split]]) for split in splits]
        means = [math.fsum(row[place] for row in rows) / len(rows) for place in range(3)]
        return [value for row in [*rows, means] for value in row]

    found = estimates(len(problems), figures)
    counts = [(split, sum(columns[split][0]), sum(columns[split][2])) for split in splits]
    if len(splits) > 1:
        counts.append(("average", sum(wrong for _, wrong, _ in counts), sum(right for *_, right in counts)))
    return tuple(
        FirstErrors(split=split, wrong=wrong, right=right, found=found[at], passed=found[at + 1], f1=found[at + 2])
        for at, (split, wrong, right) in zip(range(0, len(found), 3), counts, strict=False)
    )


def _figures(counts: Sequence[int]) -> tuple[float, float, float]:
    wrong, found, right, passed = counts
    a, b = (found / wrong if wrong else math.nan), (passed / right if right else math.nan)
    return a, b, (0.0 if a + b == 0 else 2 * a * b / (a + b))


def _cases(rows: Iterable[Row], name: str) -> Iterator[Case]:
    for where, row in rows:
        question, steps, label = (_field(row, where, field) for field in ("problem", "steps", "label"))
        if not isinstance(question, str) or not question.strip():
            raise ProblemError(f"{where}: problem: {question!r} is no question; write it as text")
        if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
            raise ProblemError(f"{where}: steps: {str(steps)[:80]!r} is no list of texts; give one text a step")
        if type(label) is not int or not -1 <= label < len(steps):
            raise ProblemError(
                f"{where}: label: {label!r} is none of the {len(steps)} steps; "
                "it is the first wrong step's index from 0 on, or -1 if all are right"
            )
        # A verifier scores no step that says nothing, so such steps are not counted either.
        said = [step for step in steps if step.strip()]
        before = sum(bool(step.strip()) for step in steps[: max(label, 0)])
        if before >= len(said):
            raise ProblemError(f"{where}: steps: nothing is said from step {before} on; correct or remove it")
        split = str(row.get("id", "")).rpartition("-")[0] or name
        yield Case(split=split, question=question, steps=tuple(said), label=-1 if label < 0 else before)


def _field(row: dict[str, object], where: str, field: str) -> object:
    if field not in row:
        raise ProblemError(f"{where}: {field}: missing; a case has id, problem, steps and label")
    return row[field]


def _some(cases: Iterable[Case], name: str) -> list[Case]:
    found = list(cases)
    if not found:
        raise ProblemError(f"{name} holds no case; check that it is the right file")
    return found
