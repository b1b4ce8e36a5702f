"""What a training tells: of every step while it goes on, and in `training.json` when it is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from outthink.errors import StoreError
from outthink.runs.runner import Progress

__all__ = ["REPORT", "Record", "Report", "Watch", "read_report", "write_report"]

REPORT = "training.json"
"""The file in a training's folder that tells what was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One optimiser step.

    Args:
        step: from 1.
        steps: all there will be.
        loss: on the step's own batch, before it.
        learning_rate: of the step.
        tokens: read until then, filling not counted.
        held_out: figures on held-out data, where they were taken (after each epoch).
    """

    step: int
    steps: int
    loss: float
    learning_rate: float
    tokens: int
    held_out: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A training that is done.

    Args:
        identity: of recipe and data.
        recipe: as canonical JSON.
        examples, held_out: sequences that were learnt from, and that were measured.
        seconds: of training, sittings together.
        records: one for each step.
        written: names of files and folders, in the training's.
    """

    identity: str
    recipe: str
    examples: int
    held_out: int
    seconds: float
    records: tuple[Record, ...]
    written: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """Read in training, filling not counted."""
        return self.records[-1].tokens if self.records else 0

    @property
    def figures(self) -> dict[str, float]:
        """The last figures on held-out data."""
        return next((record.held_out for record in reversed(self.records) if record.held_out), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told how it goes: `step` of each optimiser step, `search` of each problem that is sampled."""

    step: Callable[[Record, float], None] = lambda record, seconds: None
    search: Callable[[Progress], None] = lambda progress: None


def read_report(folder: Path, identity: str) -> Report | None:
    """The report of a training that was finished in an earlier sitting.

    Raises:
        StoreError: it is of another training, or cannot be read.
    """
    try:
        told = json.loads((folder / REPORT).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder / REPORT} cannot be read: {error}; choose another --out") from error
    if told.get("identity") != identity:
        raise StoreError(f"{folder} holds another training, or one on other data; choose another --out")
    told["records"] = tuple(Record(**record) for record in told["records"])
    told["written"] = tuple(told["written"])
    return Report(**told)


def write_report(report: Report, folder: Path) -> None:
    """Write a report, whole or not at all."""
    scratch = folder / f"{REPORT}.part"
    scratch.write_text(json.dumps(asdict(report), indent=1) + "\n")
    scratch.replace(folder / REPORT)
