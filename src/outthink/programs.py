"""The program in a solution, and the key under which its spellings are counted as one."""

from __future__ import annotations

import re

__all__ = ["canonical_program", "extract_program"]

_BLOCK = re.compile(r"^```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
_PYTHON = frozenset({"", "python", "python3", "py"})


def extract_program(text: str) -> str | None:
    """The last fenced block of Python in a solution, or None where there is none.

    A block without a language is taken for Python, and one that is never closed ends where the text does.
    """
    found = None
    for block in _BLOCK.finditer(text):
        if block[1].lower() in _PYTHON and block[2].strip():
            found = block[2].strip("\n")
    return found


def canonical_program(program: str) -> str:
    """A program without blank lines and without spaces at the ends of lines; nothing else is known not to matter."""
    lines = (line.rstrip() for line in program.splitlines())
    return "\n".join(line for line in lines if line)
