"""A study's methods beside larger models, as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from outthink.study.beside import Beside
from outthink.study.intervals import Estimate
from outthink.terminal.estimates import estimate, selected_by
from outthink.terminal.grid import Grid
from outthink.terminal.numbers import NOTHING, count, percent, teraflop

__all__ = ["larger_tables"]

_HEADS = ("strategy", "select", "N", "TFLOP", "accuracy, %", "difference, points [95 %]")


def larger_tables(beside: Sequence[Beside]) -> list[Grid]:
    """A table for each larger model and each way to count its training, for 100 columns."""
    tables = []
    for _, alike in groupby(beside, key=lambda each: (each.larger, each.ratio)):
        group = list(alike)
        several = len({each.method.run for each in group}) > 1
        tables.append(Grid(_title(group[0]), _HEADS, [_row(each, several=several) for each in group]))
    return tables


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
