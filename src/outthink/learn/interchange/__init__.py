"""Labelled solutions in others' forms: read from them, and written for them.

| format | what it keeps of a solution |
|---|---|
| outthink | everything |
| trl | question, steps, labels |
| prm800k | question, steps, labels, the answer, and that it is right where no step is bad |
| math-shepherd | question, steps with their numbers, labels; white space around them is lost |

The others have hard labels only: values, counts and cost are lost, and so are problems' ids. What is read from them
names a problem by a hash of its question, as problems without an id are named everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from outthink.errors import ProblemError
from outthink.learn.interchange.math_shepherd import MATH_SHEPHERD
from outthink.learn.interchange.prm800k import PRM800K
from outthink.learn.interchange.rows import Dropped, Format, read_shaped, write_shaped
from outthink.learn.interchange.trl import TRL
from outthink.learn.labels import Labelled

__all__ = ["FORMATS", "Converted", "FormatName", "convert"]

FormatName = Literal["outthink", "trl", "prm800k", "math-shepherd"]

FORMATS: Mapping[FormatName, Format[Any]] = {
    "outthink": Format(shape=Labelled, load=lambda row: row, dump=lambda labelled: labelled),
    "trl": TRL,
    "prm800k": PRM800K,
    "math-shepherd": MATH_SHEPHERD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What became of a file.

    Args:
        solutions: how many were converted.
        steps: how many they have together.
        dropped: how many were not, by reason.
    """

    solutions: int
    steps: int
    dropped: Mapping[str, int]


def convert(source: Path, destination: Path, *, read_as: FormatName, write_as: FormatName) -> Converted:
    """Rewrite labelled solutions in another format, one at a time.

    Args:
        source: of a type that problems come in: .jsonl, .json, .csv or .parquet.
        destination: .jsonl or .parquet; written whole or not at all.
        read_as, write_as: the formats of both.

    Raises:
        ProblemError: the source is missing or malformed (line and field are named), or nothing in it can be converted.
        UsageError: a file is of another type, or Parquet and pyarrow is not installed.
    """
    lengths: list[int] = []
    dropped: Counter[str] = Counter()

    def rows() -> Iterator[Any]:
        theirs, ours = FORMATS[read_as], FORMATS[write_as]
        for where, row in read_shaped(source, theirs.shape):
            try:
                labelled = theirs.load(row)
                converted = ours.dump(labelled)
            except Dropped as reason:
                dropped[str(reason)] += 1
                continue
            except ProblemError as error:
                raise ProblemError(f"{where}: {error}") from None
            lengths.append(len(labelled.steps))
            yield converted
        if not lengths:
            reasons = "".join(f"; {reason} ({count})" for reason, count in dropped.items())
            raise ProblemError(f"{source} holds nothing to convert{reasons}; check that it is the right file")

    write_shaped(destination, rows())
    return Converted(solutions=len(lengths), steps=sum(lengths), dropped=dict(dropped))
