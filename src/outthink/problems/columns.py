"""The columns of problem sets: which hold what, and what a row says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches

from outthink.errors import ProblemError, UsageError
from outthink.problems.problem import Problem
from outthink.problems.tests import read_tests

__all__ = ["find_column", "problem_columns", "read_problem"]

# The columns in which the well-known sets keep each field of a problem; the first that a row has is taken.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "question": ("problem", "question"),
    "answer": ("answer",),
    "solution": ("solution",),
    "subject": ("subject", "type"),
    "level": ("level",),
    "id": ("id", "unique_id", "idx"),
    "tests": ("tests", "test_list", "test"),
    "example_tests": ("example_tests",),
    "entry_point": ("entry_point",),
}
_LISTS = ("tests", "example_tests")
_CALCULATOR = re.compile(r"<<[^<>]*>>")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")


def problem_columns(columns: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """The columns to look for, by field of a problem; a name that was given is the only one.

    Raises:
        UsageError: A problem has no such field.
    """
    for field in columns or {}:
        if field not in _COLUMNS:
            raise UsageError(f"a problem has no field {field!r}{_guess(_COLUMNS, field)}: it has {', '.join(_COLUMNS)}")
    return _COLUMNS | {field: (name,) for field, name in (columns or {}).items()}


def read_problem(row: Mapping[str, object], where: str, names: Mapping[str, tuple[str, ...]]) -> Problem:
    """The problem in a row.

    Args:
        row: Its columns.
        where: It stands, for messages.
        names: The columns to look for, see `problem_columns`.

    Raises:
        ProblemError: A column is missing or holds something else.
    """
    found = {
        field: find_column(row, where, field, names[field], needed=field == "question" or names[field] != known)
        for field, known in _COLUMNS.items()
    }
    question = found["question"] and row[found["question"]]
    if not isinstance(question, str) or not question.strip():
        raise ProblemError(f"{where}, column {found['question']!r}: the question is {question!r}; write it as text")
    text = {field: _text(row, where, name) for field, name in found.items() if field not in ("question", *_LISTS)}
    answer, solution = _parted(text["answer"])
    return Problem(
        question=question,
        id=text["id"] or "",
        answer=answer,
        solution=text["solution"] or solution,
        subject=text["subject"],
        level=text["level"],
        tests=read_tests(row, where, found["tests"], text["entry_point"]),
        example_tests=read_tests(row, where, found["example_tests"], text["entry_point"]),
    )


def find_column(
    row: Mapping[str, object], where: str, field: str, names: tuple[str, ...], *, needed: bool
) -> str | None:
    """The name of the column that holds a field; None where it has none and need not.

    Raises:
        ProblemError: There is none, and it is needed.
    """
    for name in names:
        if name in row:
            return name
    if not needed:
        return None
    wanted, there = " or ".join(map(repr, names)), ", ".join(map(repr, row)) or "none"
    raise ProblemError(
        f"{where}: no column {wanted} for the {field}; the columns are {there}{_guess(row, *names)}; "
        f'name it with columns={{"{field}": ...}}'
    )


def _guess(choices: Mapping[str, object], *names: str) -> str:
    """The choice nearest to one of the names, as a question to add to a message."""
    lowered = {choice.lower(): choice for choice in choices}
    near = [match for name in names for match in get_close_matches(name.lower(), lowered, n=1)]
    return f" (do you mean {lowered[near[0]]!r}?)" if near else ""


def _text(row: Mapping[str, object], where: str, name: str | None) -> str | None:
    """A column as text; None where it is missing or empty."""
    value = None if name is None else row[name]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ProblemError(f"{where}, column {name!r}: {value!r} is neither text nor a number; write it as text")
    return str(value).strip() or None


def _parted(answer: str | None) -> tuple[str | None, str | None]:
    """An answer and the solution written before it, if it is in GSM8K's form: `solution #### answer`."""
    solution, mark, final = (answer or "").rpartition("####")
    if not mark or not final.strip():
        return answer, None
    # GSM8K's notes for a calculator, 48/2 = <<48/2=24>>24, say everything twice.
    return _THOUSANDS.sub("", final.strip()), _CALCULATOR.sub("", solution).strip() or None
