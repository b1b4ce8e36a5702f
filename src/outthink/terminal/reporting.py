"""A report while it is made: nothing for the first two seconds, then a bar, or lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

__all__ = ["reporting"]

_PATIENCE = 2.0
"""Seconds in which nothing has to be said."""

_PAUSE = 10.0
"""Seconds between lines where there is no terminal."""


@contextmanager
def reporting(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Something to be told what is being done, and how much of how much is done, that shows it."""
    due = time.monotonic() + _PATIENCE
    if not console.is_terminal:
        yield _lines(console, due)
        return
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), console=console, transient=True
    )
    task = bar.add_task("")

    def watch(doing: str, done: int, total: int) -> None:
        bar.update(task, description=doing, completed=done, total=total)
        if time.monotonic() >= due:
            bar.start()

    try:
        yield watch
    finally:
        bar.stop()


def _lines(console: Console, due: float) -> Callable[[str, int, int], None]:
    def watch(doing: str, done: int, total: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _PAUSE
            console.print(f"{doing}: {done}/{total}")

    return watch
