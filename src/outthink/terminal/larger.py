"""A study's methods beside larger models, as tables. Also as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from outthink.study.beside import Beside
from outthink.study.intervals import Estimate
from outthink.terminal.estimates import estimate, selected_by
from outthink.terminal.numbers import NOTHING, count, percent, teraflop

__all__ = ["larger_markdown", "larger_views"]

_HEADS = ("strategy", "select", "N", "TFLOP", "accuracy, %", "difference, points [95 %]")
_WORDS = 2  # leading columns that are words, aligned left


def larger_views(beside: Sequence[Beside]) -> list[RenderableType]:
    """A table for each larger model and each way to count its training, for 100 columns."""
    views: list[RenderableType] = []
    for title, rows in _tables(beside):
        table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, title=title, title_justify="left")
        for place, head in enumerate(_HEADS):
            table.add_column(head, justify="left" if place < _WORDS else "right", no_wrap=place >= _WORDS)
        for row in rows:
            table.add_row(*map(Text, row))
        views.append(table)
    return views


def larger_markdown(beside: Sequence[Beside]) -> list[str]:
    """The tables in Markdown; see `larger_views`."""
    rule = ["---" if place < _WORDS else "---:" for place in range(len(_HEADS))]
    return [
        f"{title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in [list(_HEADS), rule, *rows])
        for title, rows in _tables(beside)
    ]


def _tables(beside: Sequence[Beside]) -> Iterator[tuple[str, list[list[str]]]]:
    for _, alike in groupby(beside, key=lambda each: (each.larger, each.ratio)):
        group = list(alike)
        yield _title(group[0]), [_row(each, several=len({other.method.run for other in group}) > 1) for each in group]


def _title(each: Beside) -> str:
    larger = each.larger
    training = (
        "" if each.ratio == math.inf else f" and to be trained, {each.ratio:g} tokens written for each trained on"
    )
    return (
        f"At the FLOPs that {larger.name} takes to answer{training}\n"
        f"(the largest N that costs no more; {count(larger.parameters, 'parameter')}, {percent(larger.accuracy)} % as "
        f"reported in {larger.source}, taken to be exact)"
    )


def _row(each: Beside, *, several: bool) -> list[str]:
    name = f"{each.method.run} {each.method.strategy}" if several else each.method.strategy
    found = each.match
    if found is None:
        return [name, selected_by(each.method), NOTHING, NOTHING, NOTHING, "even the smallest N costs more"]
    difference = Estimate(found.accuracy - found.large, found.interval)
    figures = [str(found.n), teraflop(found.flops), percent(found.accuracy), estimate(difference, sign=True)]
    return [name, selected_by(each.method), *figures]
