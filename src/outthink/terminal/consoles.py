"""The two consoles of the command line: results go to stdout, progress and errors to stderr."""

from __future__ import annotations

import logging
import os
import re
import sys

from rich.console import Console
from rich.text import Text

__all__ = ["PLAIN_WIDTH", "clean", "print_error", "show_log", "stderr", "stdout"]

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


def show_log() -> None:
    """Show what the library has to say while it works: how a server is used, what died and was started again."""
    log = logging.getLogger("outthink")
    if not any(isinstance(handler, _Shown) for handler in log.handlers):
        log.addHandler(_Shown())
        log.setLevel(logging.INFO)


class _Shown(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        stderr().print(Text(clean(record.getMessage()), "yellow" if record.levelno > logging.INFO else "dim"))


def clean(text: str) -> str:
    """Text from a model or a file without the control characters that would steer the terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
