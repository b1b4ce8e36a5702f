"""What the formats of labelled solutions have in common: rows of a given shape, read and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from outthink.errors import ProblemError, UsageError
from outthink.learn.labels import Labelled
from outthink.problems.load import name_of
from outthink.problems.rows import SUFFIXES, read_rows

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Dropped", "Format", "read_shaped", "solution", "write_shaped"]

Shape = TypeVar("Shape")


class Dropped(Exception):
    """There is nothing to learn from a row, or a format cannot hold a solution; the message is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format(Generic[Shape]):
    """A form in which labelled solutions are kept.

    Args:
        shape: a dataclass with the columns of a row.
        load: what a row says; raises `Dropped` where that is nothing, `ProblemError` where it contradicts itself.
        dump: the row that says the same; raises `Dropped` where there is none.
    """

    shape: type[Shape]
    load: Callable[[Shape], Labelled]
    dump: Callable[[Labelled], Shape]


def solution(
    question: str, steps: Iterable[tuple[str, int]], *, answer: str | None = None, correct: bool | None = None
) -> Labelled:
    """A labelled solution of a problem that has no id.

    Args:
        question: as asked.
        steps: texts and labels.
        answer, correct: as for `Labelled`.

    Raises:
        Dropped: nobody is asked, no step is labelled, or one says nothing.
    """
    pairs = list(steps)
    texts, labels = tuple(text for text, _ in pairs), tuple(label for _, label in pairs)
    if not question.strip():
        raise Dropped("the question is missing")
    if not texts:
        raise Dropped("no step is labelled")
    if not all(text.strip() for text in texts):
        raise Dropped("a step says nothing")
    # As problems without an id are named when they are loaded, so that labels and problems find each other.
    problem = name_of(question)
    return Labelled(problem=problem, question=question, steps=texts, labels=labels, answer=answer, correct=correct)


def read_shaped(path: Path, shape: type[Shape]) -> Iterator[tuple[str, Shape]]:
    """Read a file: where each row stands, for messages, and the row.

    Args:
        path: of a type that problems come in.
        shape: a dataclass with the columns; others are passed over.

    Raises:
        ProblemError: the file is missing or malformed; line and field are named.
        UsageError: it is of another type, or Parquet and pyarrow is not installed.
    """
    from pydantic import TypeAdapter, ValidationError

    _check_suffix(path, SUFFIXES)
    reader = TypeAdapter(shape)
    for where, row in read_rows(path):
        try:
            shaped = reader.validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "object"
            raise ProblemError(f"{where}: {field}: {first['msg']} (got {str(first['input'])[:80]!r})") from None
        except ProblemError as error:
            raise ProblemError(f"{where}: {error}") from None
        yield where, shaped


def write_shaped(path: Path, rows: Iterable[DataclassInstance]) -> None:
    """Write rows into a file, whole or not at all.

    Args:
        path: .jsonl or .parquet.
        rows: all of one shape; if they fail, so does this, and the file stays as it was.

    Raises:
        UsageError: the file is of another type, or Parquet and pyarrow is not installed.
    """
    _check_suffix(path, tuple(_WRITERS))
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.part")
    try:
        _WRITERS[path.suffix.lower()](scratch, map(asdict, rows))
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _check_suffix(path: Path, valid: Sequence[str]) -> None:
    if path.suffix.lower() not in valid:
        raise UsageError(f"{path}: name a file that ends in one of {', '.join(valid)}")


def _jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _parquet(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError('Parquet files need pyarrow: pip install "outthink[data]"') from None
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)


_WRITERS: dict[str, Callable[[Path, Iterable[dict[str, Any]]], None]] = {".jsonl": _jsonl, ".parquet": _parquet}
