"""Math-Shepherd: steps labelled by rollouts (Wang et al. 2023, arXiv 2312.08935; the data set peiyi9979/Math-Shepherd).

Question and steps are one text with a mark after each step, and once more with the labels in the marks' places:

    {"input": "Ann has 3 ... Step 1: 3 + 4 = 7 ки\\nStep 2: The answer is: 7 ки",
     "label": "Ann has 3 ... Step 1: 3 + 4 = 7 +\\nStep 2: The answer is: 7 +", "task": "GSM8K"}

The solution begins at the last "Step 1:" before the first mark. The numbers belong to the steps, as the models wrote
them; steps that have none are given theirs when written. White space around question and steps is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from outthink.errors import ProblemError
from outthink.learn.interchange.rows import Dropped, Format, solution
from outthink.learn.labels import Labelled

__all__ = ["MATH_SHEPHERD"]

_MARK = "ки"
_FIRST = "Step 1:"
_SIGNS = {"+": 1, "-": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row; `task` is the set its problem is from, GSM8K or MATH in the original."""

    input: str
    label: str
    task: str = "unknown"


def load(row: Row) -> Labelled:
    """The solution in a row; text after the last mark has no label and is left out.

    Raises:
        Dropped: no step is marked as the first.
        ProblemError: the label is not the input with + or - in place of its marks.
    """
    marked = list(_marked(row))
    if not marked:
        raise Dropped("no step is labelled")
    opening, label = marked[0]
    begin = opening.rfind(_FIRST)
    if begin < 0:
        raise Dropped(f"no {_FIRST!r} tells where the question ends")
    steps = [(opening[begin:], label), *marked[1:]]
    return solution(opening[:begin].strip(), ((text.strip(), label) for text, label in steps))


def dump(labelled: Labelled) -> Row:
    """The row of a solution.

    Raises:
        Dropped: the texts cannot be told apart from the format's own marks.
    """
    steps = [_numbered(text.strip(), number) for number, text in enumerate(labelled.steps, 1)]
    if any(_MARK in text for text in (labelled.question, *steps)) or _FIRST in steps[0].removeprefix(_FIRST):
        raise Dropped(f"{_MARK!r} or {_FIRST!r} stands in its text, where this format means something else by it")
    signs = ["+" if label else "-" for label in labelled.labels]
    texts = [
        f"{labelled.question.strip()} " + "\n".join(f"{step} {mark}" for step, mark in zip(steps, marks, strict=True))
        for marks in ([_MARK] * len(steps), signs)
    ]
    return Row(input=texts[0], label=texts[1])


def _marked(row: Row) -> Iterator[tuple[str, int]]:
    """The texts before each mark, and what stands in the mark's place."""
    rest = row.label
    *texts, tail = row.input.split(_MARK)
    for number, text in enumerate(texts, 1):
        sign = rest[len(text) : len(text) + 1]
        if not rest.startswith(text) or sign not in _SIGNS:
            raise ProblemError(f"label: it is not the input with + or - in place of its mark number {number}")
        yield text, _SIGNS[sign]
        rest = rest[len(text) + 1 :]
    if rest != tail:
        raise ProblemError("label: it does not end as the input does")


def _numbered(step: str, number: int) -> str:
    label = f"Step {number}:"
    return step if step.startswith(label) else f"{label} {step}"


MATH_SHEPHERD = Format(shape=Row, load=load, dump=dump)
