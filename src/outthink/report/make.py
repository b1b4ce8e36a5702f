"""From folders to a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from outthink.errors import StoreError
from outthink.report.document import Watch, document
from outthink.report.folders import run_folders
from outthink.report.searches import Trees
from outthink.runs.store import Store
from outthink.study.carry_out import RECIPE
from outthink.study.opening import Opened, open_study
from outthink.study.study import load_study

__all__ = ["make_document"]


async def make_document(
    folders: Sequence[Path],
    *,
    title: str | None = None,
    trees: Trees = None,
    watch: Watch = lambda doing, done, total: None,
) -> dict[str, Any]:
    """Read runs and put together all that a report shows of them; no model is asked.

    Args:
        folders: of runs, and of studies.
        title: of the report; the folders' names if None.
        trees: of how many problems, from the first on, the trees come along; as many as fit into 16 MB if None.
        watch: told how it goes.

    Raises:
        StoreError: a folder holds no run, or none of them has a result, or they are over different problems.
    """
    study, baselines, runs, larger = await _opened(folders, lambda done, total: watch("searches read", done, total))
    if not study.outcomes:
        where = ", ".join(map(str, runs.values()))
        raise StoreError(f"{where}: no search is done yet; carry the run out, or wait for its first result")
    named = title or ", ".join(dict.fromkeys(folder.resolve().name for folder in folders))
    with ExitStack() as opened:
        stores = {label: opened.enter_context(Store.read(folder)) for label, folder in runs.items()}
        return document(
            study, stores, title=named, baselines=baselines.values(), larger=larger, trees=trees, watch=watch
        )


async def _opened(folders: Sequence[Path], watch: Callable[[int, int], None]) -> Opened:
    """What the folders hold. Of a study alone its recipe says the budgets and what methods are compared with."""
    if len(folders) == 1 and (folders[0] / RECIPE).is_file():
        return await open_study(folders[0], watch)
    runs = run_folders(folders)
    return Opened(await load_study(runs, watch=watch), {}, runs)
