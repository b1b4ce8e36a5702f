"""Ctrl-C on a command that can be given again: say what is kept, and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from outthink.terminal.consoles import stderr

__all__ = ["INTERRUPTED", "resumable"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells count it: 128 and the signal's number."""


@contextmanager
def resumable(kept: Callable[[], str]) -> Iterator[None]:
    """Around work that loses nothing when it is interrupted.

    Args:
        kept: what is kept, and where: "12 results are kept in runs/mine".
    """
    try:
        yield
    except KeyboardInterrupt:
        stderr().print(f"Interrupted: {kept()}; the same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from None
