"""Files that are written: rows of known columns, as Parquet or JSONL, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from outthink.errors import UsageError
from outthink.options import nearest

__all__ = ["Columns", "Row", "chosen_columns", "writing"]

Columns = Mapping[str, Any]
"""What each column holds: `str`, `int`, `float` or `bool`, a list of one of them (`[float]`), or a mapping of names."""

Row = Mapping[str, object]

_AT_ONCE = 256  # rows that are held back before they are written


def chosen_columns(columns: Columns, names: Sequence[str] | None) -> Columns:
    """Some of the columns, in the order named; all if None.

    Raises:
        UsageError: there is no such column.
    """
    for name in names or ():
        if name not in columns:
            raise UsageError(f"columns: there is no column {name!r}{nearest(name, columns)}")
    return columns if names is None else {name: columns[name] for name in names}


@contextmanager
def writing(path: Path, columns: Columns) -> Iterator[Callable[[Row], None]]:
    """Something to hand rows to, that writes them; the file is there when all have been.

    Args:
        path: .parquet or .jsonl.
        columns: those to write; what else a row holds is left out.

    Raises:
        UsageError: the file is of another type, or it is Parquet and pyarrow is not installed.
    """
    sink = _SINKS.get(path.suffix.lower())
    if sink is None:
        raise UsageError(f"{path}: name a file that ends in one of {', '.join(_SINKS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.part")
    waiting: list[Row] = []

    def write(row: Row) -> None:
        waiting.append({name: row[name] for name in columns})
        if len(waiting) == _AT_ONCE:
            flush(waiting)
            waiting.clear()

    try:
        with sink(scratch, columns) as flush:
            yield write
            flush(waiting)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def _jsonl(path: Path, columns: Columns) -> Iterator[Callable[[list[Row]], None]]:
    with path.open("w", encoding="utf-8") as file:
        yield lambda rows: file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@contextmanager
def _parquet(path: Path, columns: Columns) -> Iterator[Callable[[list[Row]], None]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError('Parquet files need pyarrow: pip install "outthink[data]"') from None
    schema = pyarrow.schema([(name, _arrow(pyarrow, kind)) for name, kind in columns.items()])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        yield lambda rows: writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _arrow(pyarrow: Any, kind: Any) -> Any:
    """A column's type in Arrow."""
    if isinstance(kind, Mapping):
        return pyarrow.struct([(name, _arrow(pyarrow, inner)) for name, inner in kind.items()])
    if isinstance(kind, list):
        return pyarrow.list_(_arrow(pyarrow, kind[0]))
    return {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}[kind]


_SINKS = {".parquet": _parquet, ".jsonl": _jsonl}
