"""A study's folder, looked at."""

from __future__ import annotations

from pathlib import Path

from outthink.errors import StoreError
from outthink.runs import Store
from outthink.study.carry_out import run_folder
from outthink.study.recipe import StudyRecipe
from outthink.terminal.consoles import stdout
from outthink.terminal.folder import Folder
from outthink.terminal.table import Format

__all__ = ["show"]


def show(study: StudyRecipe, folder: Path, form: Format = "table") -> None:
    """Print the table of every run of a study.

    Args:
        study: what is asked for.
        folder: the study's own.
        form: how.

    Raises:
        StoreError: there is no run of it in the folder.
    """
    folders = {label: run_folder(folder, label) for label in study.runs}
    there = {label: run for label, run in folders.items() if run.is_dir()}
    if not there:
        raise StoreError(f"{folder}: no study here; carry it out without --offline")
    for label, run in there.items():
        if form != "json":
            stdout().print(label)
        with Store.read(run) as store:
            Folder(store).print_table(form)
