"""A grid of words and figures, the words first: for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

__all__ = ["Grid"]

_WORDS = 2
"""Leading columns that are words, aligned left."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose first two columns are words and whose others are figures.

    Args:
        title: stands above.
        heads: a column's name each, with its unit on a second line where it has one.
        rows: a cell for each column.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def view(self) -> Table:
        """For a terminal: words give way where there is no room, figures do not."""
        table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, title=self.title, title_justify="left")
        for place, head in enumerate(self.heads):
            figure = place >= _WORDS
            table.add_column(head, justify="right" if figure else "left", no_wrap=figure)
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def markdown(self) -> str:
        """As Markdown, units in brackets."""
        names = (head.partition("\n") for head in self.heads)
        heads = [f"{name} ({unit})" if unit else name for name, _, unit in names]
        rule = ["---" if place < _WORDS else "---:" for place in range(len(heads))]
        lines = "\n".join(f"| {' | '.join(line)} |" for line in [heads, rule, *self.rows])
        return f"{self.title}\n\n{lines}"
