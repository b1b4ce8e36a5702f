"""Labelled solutions: the one form in which labels are kept, read and trained on.

One JSON object a line:

    {"problem": "arithmetic-train-0-7", "question": "Ann has 3 ...", "steps": ["3 + 4 = 7", "The answer is 7."],
     "values": [0.8, 1.0], "labels": [1, 1], "counts": [5, 1], "answer": "7", "correct": true, "cost": {...}}
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from outthink.cost import Usage
from outthink.errors import ProblemError
from outthink.options import nearest

__all__ = ["Labelled", "held_out", "read_labels", "write_labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A solution and what is known about each of its steps.

    Args:
        problem: the problem's id; solutions of one problem are not independent, and are kept together when split.
        question: as asked.
        steps: their texts, without separators.
        values: P(the answer comes out right | the steps so far), in [0, 1]; None where it was not estimated.
        labels: 1 for a step that is good, 0 for one that is not.
        counts: rollouts behind each value; 0 where labels came from elsewhere.
        answer: the solution's own, if one could be found.
        correct: whether it is right; None if unknown.
        cost: what finding it out took, in this solution's share.

    Raises:
        ProblemError: steps, values, labels and counts differ in length, or one of them is out of its range.
    """

    problem: str
    question: str
    steps: tuple[str, ...]
    labels: tuple[int, ...]
    values: tuple[float | None, ...] = ()
    counts: tuple[int, ...] = ()
    answer: str | None = None
    correct: bool | None = None
    cost: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ProblemError("steps: a labelled solution has at least one step")
        if any(not step.strip() for step in self.steps):
            raise ProblemError("steps: one of them says nothing; leave blank steps out")
        for name in ("labels", "values", "counts"):
            given = getattr(self, name)
            if (given and len(given) != len(self.steps)) or (name == "labels" and not given):
                raise ProblemError(f"{name}: there are {len(given)} for {len(self.steps)} steps; each step has one")
        if any(label not in (0, 1) for label in self.labels):
            raise ProblemError(f"labels: {list(self.labels)}; each is 0 or 1, soft ones belong into `values`")
        for value in self.values:
            if value is not None and not (math.isfinite(value) and 0.0 <= value <= 1.0):
                raise ProblemError(f"values: {value} is no probability; they lie in [0, 1]")
        if any(count < 0 for count in self.counts):
            raise ProblemError(f"counts: {list(self.counts)}; a number of rollouts is not negative")

    @property
    def targets(self) -> tuple[float, ...]:
        """What a model learns of each step: its value, or its label where there is none."""
        values = self.values or (None,) * len(self.steps)
        return tuple(label if value is None else value for value, label in zip(values, self.labels, strict=True))


_FIELDS = tuple(each.name for each in fields(Labelled))


def read_labels(path: Path) -> Iterator[Labelled]:
    """The labelled solutions in a JSONL file.

    Raises:
        ProblemError: the file is missing, empty or malformed; the line and the field are named.
    """
    from pydantic import TypeAdapter, ValidationError

    from outthink.problems.rows import read_rows

    reader, empty = TypeAdapter(Labelled), True
    for where, row in read_rows(path):
        empty = False
        if unknown := next((key for key in row if key not in _FIELDS), None):
            raise ProblemError(f"{where}: unknown field {unknown!r}{nearest(unknown, _FIELDS)}")
        try:
            yield reader.validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "object"
            raise ProblemError(f"{where}: {field}: {first['msg']} (got {str(first['input'])[:80]!r})") from None
        except ProblemError as error:
            raise ProblemError(f"{where}: {error}") from None
    if empty:
        raise ProblemError(f"{path} holds no labelled solution; check that it is the right file")


def held_out(problem: str, share: float) -> bool:
    """Whether a problem is kept from training, to be measured on; that hangs on its id alone."""
    return zlib.crc32(f"held out {problem}".encode()) % 10_000 < share * 10_000


def write_labels(path: Path, labelled: Iterable[Labelled]) -> int:
    """Write a JSONL file, whole or not at all; returns how many solutions it holds."""
    scratch, count = path.with_name(f"{path.name}.part"), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch.open("w", encoding="utf-8") as file:
        for each in labelled:
            file.write(json.dumps(asdict(each), ensure_ascii=False) + "\n")
            count += 1
    scratch.replace(path)
    return count
