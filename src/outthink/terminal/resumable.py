"""Ctrl-C on a command that can be given again: say what is kept, and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from outthink.errors import StoreError
from outthink.terminal.consoles import stderr

__all__ = ["INTERRUPTED", "kept", "resumable"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells count it: 128 and the signal's number."""


@contextmanager
def resumable(told: Callable[[], str]) -> Iterator[None]:
    """Around work that loses nothing when it is interrupted.

    Args:
        told: what is kept, and where: "12 results are kept in runs/mine".
    """
    try:
        yield
    except KeyboardInterrupt:
        stderr().print(f"Interrupted: {told()}; the same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from None


def kept(folder: Path) -> int:
    """How many results a run's folder holds."""
    from outthink.runs import Store

    try:
        with Store.read(folder) as store:
            return len(store.done())
    except StoreError:
        # Interrupted before there was anything to keep.
        return 0
