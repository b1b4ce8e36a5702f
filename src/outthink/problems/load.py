"""Loading problems: the built-in set, a file, or a data set on the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from difflib import get_close_matches
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from typing import Literal, cast

from outthink.errors import ProblemError, UsageError
from outthink.problems.arithmetic import arithmetic
from outthink.problems.hub import hub_rows
from outthink.problems.problem import Problem
from outthink.problems.rows import SUFFIXES, Row, read_rows
from outthink.problems.scripted import scripted
from outthink.problems.tests import read_tests

__all__ = ["load_problems"]

BUILTIN_COUNT = 60

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
_HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)(?::([\w.-]+))?")
_CALCULATOR = re.compile(r"<<[^<>]*>>")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")


def load_problems(
    source: str,
    *,
    split: str | None = None,
    limit: int | None = None,
    offset: int = 0,
    columns: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Loads problems, reading no more of the source than is asked for.

    The question is taken from a column `problem` or `question`, and where there are such columns, the rest from
    `answer`, `solution`, `subject` or `type`, `level`, `id`, `unique_id` or `idx`, `tests`, `test_list` or `test`, and
    `example_tests`. An answer as GSM8K writes it (`48 + 24 = <<48+24=72>>72 ... #### 72`) is parted into solution and
    answer, without the notes in `<<>>`. Tests are a list of statements, as in MBPP, or one program; if that defines
    `check(candidate)`, as in HumanEval, it is called with what the column `entry_point` names. A problem without an id
    is named by a hash of its question, so that it keeps its name when the set is reordered or grows.

    Args:
        source: `builtin` (or `builtin:arithmetic`), `builtin:scripted` for the scripted engine, a path that ends in
            .jsonl, .json, .csv or .parquet, or the id of a data set on the Hub, `owner/name`, with `:config` where the
            set has several configurations.
        split: Which split of the built-in set or of a data set on the Hub; by default `test`. A file has none.
        limit: At most so many problems; by default all, and of the endless built-in set 60.
        offset: How many problems to pass over first.
        columns: Other names of columns, by field: `{"question": "prompt", "answer": "target"}`.

    Raises:
        ProblemError: The set is missing, empty or malformed; the message names file, line and column.
        UsageError: The source, the split, a number or a field is none there is, or an extra is not installed.
    """
    if offset < 0 or (limit is not None and limit < 1):
        raise UsageError(f"limit {limit} and offset {offset}: a limit is at least 1 and an offset at least 0")
    if source.partition(":")[0] == "builtin":
        return _builtin(source, split or "test", BUILTIN_COUNT if limit is None else limit, offset, columns)
    names = _names(columns)
    with closing(_rows(source, split)) as rows:
        problems = _problems(islice(rows, offset, None if limit is None else offset + limit), names)
    if not problems:
        after = f" after the first {offset}; lower the offset" if offset else "; check that it is the right one"
        raise ProblemError(f"{source} holds no problem{after}")
    return problems


def _builtin(source: str, split: str, limit: int, offset: int, columns: Mapping[str, str] | None) -> list[Problem]:
    if columns:
        raise UsageError("the built-in sets have no columns to name: leave `columns` out")
    if source == "builtin:scripted":
        return scripted(split, count=offset + limit)[offset:]
    if source not in ("builtin", "builtin:arithmetic"):
        raise UsageError(f"there is no built-in set {source!r}: there are builtin:arithmetic and builtin:scripted")
    # Any other split is refused there.
    known = cast("Literal['train', 'validation', 'test']", split)
    return arithmetic(known, count=offset + limit)[offset:]


def _rows(source: str, split: str | None) -> Generator[Row]:
    path = Path(source).expanduser()
    if path.suffix.lower() in SUFFIXES:
        if split is not None:
            raise UsageError(f"{source} is a file and has no split {split!r}: leave the split out")
        return read_rows(path)
    hub = _HUB_ID.fullmatch(source)
    if hub is None or path.exists():
        raise UsageError(
            f"{source!r} is no source of problems: name a file that ends in {', '.join(SUFFIXES)}, "
            "a data set on the Hub as owner/name, or builtin"
        )
    return hub_rows(hub[1], config=hub[2], split=split or "test")


def _names(columns: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """The columns to look for, by field; a name that was given is the only one."""
    for field in columns or {}:
        if field not in _COLUMNS:
            raise UsageError(f"a problem has no field {field!r}{_guess(_COLUMNS, field)}: it has {', '.join(_COLUMNS)}")
    return _COLUMNS | {field: (name,) for field, name in (columns or {}).items()}


def _problems(rows: Iterator[Row], names: dict[str, tuple[str, ...]]) -> list[Problem]:
    problems: list[Problem] = []
    places: dict[str, str] = {}
    for where, row in rows:
        problem = _problem(row, where, names)
        named = problem.id
        if not named:
            named = _unused(hashlib.sha256(problem.question.encode()).hexdigest()[:12], places)
        elif named in places:
            raise ProblemError(f"{where}: the id {named!r} was given before, at {places[named]}; give each its own")
        places[named] = where
        problems.append(replace(problem, id=named))
    return problems


def _unused(name: str, taken: Mapping[str, str]) -> str:
    """The name, numbered where the same question was met before."""
    numbered = (name if number == 1 else f"{name}-{number}" for number in count_from(1))
    return next(candidate for candidate in numbered if candidate not in taken)


def _problem(row: dict[str, object], where: str, names: dict[str, tuple[str, ...]]) -> Problem:
    found = {field: _column(row, where, field, names[field]) for field in names}
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


def _column(row: dict[str, object], where: str, field: str, names: tuple[str, ...]) -> str | None:
    """The name of the column that holds a field; None where a field that may be left out is."""
    for name in names:
        if name in row:
            return name
    if field != "question" and names == _COLUMNS[field]:
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


def _text(row: dict[str, object], where: str, name: str | None) -> str | None:
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
