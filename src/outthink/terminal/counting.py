"""How far something has come: nothing for the first two seconds, then a bar, or lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Watch", "counting"]

Watch = Callable[[str, int, int | None], None]
"""Told what is counted, how many are done, and of how many, where that is known."""

_PATIENCE = 2.0
"""Seconds in which nothing has to be said."""

_PAUSE = 10.0
"""Seconds between lines where there is no terminal."""


@contextmanager
def counting(console: Console) -> Iterator[Watch]:
    """Something to be told how far it is, that shows what takes long."""
    due = time.monotonic() + _PATIENCE
    if not console.is_terminal:
        yield _lines(console, due)
        return
    bar = Progress(
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task("")
    current = ""

    def watch(what: str, done: int, total: int | None) -> None:
        nonlocal current
        if what != current:
            current = what
            bar.reset(task, description=what, total=total)
        bar.update(task, completed=done, total=total)
        if time.monotonic() >= due:
            bar.start()

    try:
        yield watch
    finally:
        bar.stop()


def _lines(console: Console, due: float) -> Watch:
    began = due

    def watch(what: str, done: int, total: int | None) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due or (now >= began and done == total):
            due = now + _PAUSE
            console.print(f"{done:,} {what}" if total is None else f"{done:,}/{total:,} {what}")

    return watch
