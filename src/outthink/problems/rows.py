"""Rows of problem sets in files: JSONL, JSON, CSV and Parquet, read no further than they are asked for."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from outthink.errors import ProblemError, UsageError

__all__ = ["SUFFIXES", "Broken", "Row", "read_rows", "refuse"]

Row = tuple[str, dict[str, object]]
"""Where a row stands, for messages, and its columns."""

Broken = Callable[[ProblemError], None]
"""Told of a row that cannot be read: raises the error, or returns and so passes the row over."""


def refuse(error: ProblemError) -> None:
    """Passes nothing over."""
    raise error


def read_rows(path: Path, *, name: str | None = None, broken: Broken = refuse) -> Generator[Row]:
    """Yields the rows of a file, whose format is told by its suffix.

    Args:
        path: A file whose suffix is one of `SUFFIXES`, in small or capital letters.
        name: What messages call it; by default the path.
        broken: Told of a line of JSONL that is none; in the other formats there is no going on after a fault.

    Raises:
        ProblemError: The file is missing, of another suffix or malformed; the message names the line or the row.
        UsageError: A Parquet file, and pyarrow is not installed.
    """
    name = name or str(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ProblemError(f"{name}: files ending in {path.suffix!r} are not read; give one of {', '.join(SUFFIXES)}")
    try:
        yield from reader(path, name, broken)
    except FileNotFoundError:
        raise ProblemError(f"{name}: no such file; check the path (it is taken from {Path.cwd()})") from None
    except OSError as error:
        raise ProblemError(f"{name} cannot be read: {error}") from error


def _lines(path: Path, name: str, broken: Broken) -> Iterator[str]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                broken(ProblemError(f"{name}, line {number}: not UTF-8 ({error.reason}); save the file as UTF-8"))
                text = ""  # as a blank line: those that follow keep their numbers
            yield text


def _jsonl(path: Path, name: str, broken: Broken) -> Iterator[Row]:
    for number, line in enumerate(_lines(path, name, broken), start=1):
        if line.strip():
            where = f"{name}, line {number}"
            try:
                columns = _object(_parse(line, where), where)
            except ProblemError as error:
                broken(error)
                continue
            yield where, columns


def _json(path: Path, name: str, broken: Broken) -> Iterator[Row]:
    items = _parse("".join(_lines(path, name, refuse)), name)
    if not isinstance(items, list):
        raise ProblemError(f"{name}: not a list of objects; one object a line belongs into a file named .jsonl")
    for number, item in enumerate(items, start=1):
        where = f"{name}, item {number}"
        yield where, _object(item, where)


def _parse(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{where}, column {error.colno}" if ", line " in where else f"{where}, line {error.lineno}"
        raise ProblemError(f"{place}: not JSON ({error.msg}); correct or remove it") from None
    except RecursionError:
        raise ProblemError(f"{where}: nested too deeply to be a problem; correct or remove it") from None


def _object(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ProblemError(
            f'{where}: not an object but {type(value).__name__}; write {{"question": ..., "answer": ...}}'
        )
    return value


def _csv(path: Path, name: str, broken: Broken) -> Iterator[Row]:
    reader = csv.reader(_lines(path, name, refuse), strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            raise ProblemError(f"{name}, line 1: a column stands twice in {', '.join(header)}; rename one")
        for row in reader:
            where = f"{name}, line {reader.line_num}"
            if row and len(row) != len(header):
                raise ProblemError(
                    f"{where}: {len(row)} fields where the header has {len(header)}; quote what has commas"
                )
            if row:
                yield where, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise ProblemError(f"{name}, line {reader.line_num}: not CSV ({error}); check its quotes") from None


def _parquet(path: Path, name: str, broken: Broken) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError('Parquet files need pyarrow: pip install "outthink[data]"') from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{name}, row {number}", row
    except pyarrow.ArrowInvalid as error:
        raise ProblemError(f"{name}, after row {number}: not Parquet ({error}); fetch or write it again") from error


_READERS = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}
SUFFIXES = tuple(_READERS)
