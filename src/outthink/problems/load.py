"""Loading problems: the built-in set, a file, or a data set on the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from typing import Literal, cast

from outthink.errors import ProblemError, UsageError
from outthink.problems.arithmetic import arithmetic
from outthink.problems.columns import problem_columns, read_problem
from outthink.problems.hub import hub_rows
from outthink.problems.problem import Problem
from outthink.problems.rows import SUFFIXES, Broken, Row, read_rows, refuse
from outthink.problems.scripted import scripted

__all__ = ["load_problems", "name_of", "open_rows"]

BUILTIN_COUNT = 60

_HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)(?::([\w.-]+))?")


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
    names = problem_columns(columns)
    with closing(open_rows(source, split)) as rows:
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


def open_rows(source: str, split: str | None = None, broken: Broken = refuse) -> Generator[Row]:
    """Yields the rows of a file or of a data set on the Hub; arguments and errors like those of `load_problems`.

    Args:
        source: A path or the id of a data set.
        split: Of a data set; by default `test`.
        broken: As for `read_rows`.
    """
    path = Path(source).expanduser()
    if path.suffix.lower() in SUFFIXES:
        if split is not None:
            raise UsageError(f"{source} is a file and has no split {split!r}: leave the split out")
        return read_rows(path, broken=broken)
    hub = _HUB_ID.fullmatch(source)
    if hub is None or path.exists():
        raise UsageError(
            f"{source!r} is no source of problems: name a file that ends in {', '.join(SUFFIXES)}, "
            "a data set on the Hub as owner/name, or builtin"
        )
    return hub_rows(hub[1], config=hub[2], split=split or "test")


def _problems(rows: Iterator[Row], names: dict[str, tuple[str, ...]]) -> list[Problem]:
    problems: list[Problem] = []
    places: dict[str, str] = {}
    for where, row in rows:
        problem = read_problem(row, where, names)
        named = problem.id
        if not named:
            named = _unused(name_of(problem.question), places)
        elif named in places:
            raise ProblemError(f"{where}: the id {named!r} was given before, at {places[named]}; give each its own")
        places[named] = where
        problems.append(replace(problem, id=named))
    return problems


def name_of(question: str) -> str:
    """The id of a problem that was given none."""
    return hashlib.sha256(question.encode()).hexdigest()[:12]


def _unused(name: str, taken: Mapping[str, str]) -> str:
    """The name, numbered where the same question was met before."""
    numbered = (name if number == 1 else f"{name}-{number}" for number in count_from(1))
    return next(candidate for candidate in numbered if candidate not in taken)
