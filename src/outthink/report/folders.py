"""Which runs a report is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from outthink.errors import StoreError

__all__ = ["run_folders"]


def run_folders(given: Sequence[Path]) -> dict[str, Path]:
    """The folders of runs, by label: a folder's name, or its whole path where names repeat.

    Args:
        given: folders of runs, and of studies, whose runs lie in `runs/`.

    Raises:
        StoreError: there is no run in one of them.
    """
    found = list(dict.fromkeys(run for folder in given for run in _runs(folder)))
    names = Counter(run.resolve().name for run in found)
    return {name if names[name := run.resolve().name] == 1 else str(run): run for run in found}


def _runs(folder: Path) -> list[Path]:
    if (folder / "run.db").is_file():
        return [folder]
    inside = sorted(file.parent for file in folder.glob("runs/*/run.db"))
    if not inside:
        raise StoreError(f"{folder}: no run here; give the folder of a run, or of a study with its runs in runs/")
    return inside
