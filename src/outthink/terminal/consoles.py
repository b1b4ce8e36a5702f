"""The two consoles of the command line: results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import os
import re
import sys

from rich.console import Console
from rich.text import Text

__all__ = ["PLAIN_WIDTH", "clean", "print_error", "stderr", "stdout"]

PLAIN_WIDTH = 100
"""Columns where nothing says how many there are: in a file or a pipe."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def stdout() -> Console:
    """For what was asked for."""
    # Made anew each time: streams are swapped while a process lives, by pagers and by tests.
    given = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if given else PLAIN_WIDTH)


def stderr() -> Console:
    """For everything else."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(message: object) -> None:
    """One error, without a traceback."""
    stderr().print(Text.assemble(("error: ", "bold red"), clean(str(message))))


def clean(text: str) -> str:
    """Text from a model or a file without the control characters that would steer the terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
