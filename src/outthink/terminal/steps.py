"""Steps as lines: the score, in a colour from red over yellow to green, and what was written."""

from __future__ import annotations

import colorsys

from rich.table import Table
from rich.text import Text

from outthink.terminal.consoles import clean
from outthink.tree import Node

__all__ = ["score_style", "step_grid", "step_row"]


def score_style(score: float | None) -> str:
    """The colour of a score in [0, 1]."""
    if score is None:
        return ""
    red, green, blue = colorsys.hls_to_rgb(min(1.0, max(0.0, score)) / 3, 0.45, 0.9)
    return f"rgb({red * 255:.0f},{green * 255:.0f},{blue * 255:.0f})"


def step_grid() -> Table:
    """A grid for rows of steps."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True, width=4)
    grid.add_column(overflow="fold")
    return grid


def step_row(node: Node, *, dim: bool = False) -> tuple[Text, Text]:
    """A step's score and text, both coloured by the score."""
    style = "dim" if dim else score_style(node.score)
    score = "" if node.score is None else f"{node.score:.2f}"
    text = Text("(blank)", "dim") if node.blank else Text(clean(node.text.strip()), style)
    return Text(score, style), text
