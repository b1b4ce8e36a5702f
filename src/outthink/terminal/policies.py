"""Compute-optimal policies, shown: what each level of difficulty gets at each budget, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table

from outthink.study.cells import Cell
from outthink.study.compute_optimal import Shared
from outthink.study.policy import Decision
from outthink.terminal.estimates import estimate, selected_by
from outthink.terminal.numbers import percent

__all__ = ["decisions_view", "shares_view"]

_HEADS = ("budget", "policy\n% [95 %]", "best single\n% [95 %]", "gain\npoints [95 %]", "best for each\n%")
_SHARED = ("each", "select", "as many for each\n% [95 %]", "shared out\n% [95 %]", "gain\npoints [95 %]")


def decisions_view(decisions: Sequence[Decision], title: str) -> RenderableType:
    """What a policy is worth at each budget, and what each level gets, easiest first, and in which share of folds.

    Args:
        decisions: one for each budget.
        title: stands above.
    """
    worth = _table(_HEADS, title)
    chosen = _table(["budget", *(choice.level for choice in decisions[0].choices), "single"], "")
    cells = [choice.cell for each in decisions for choice in each.choices] + [each.single for each in decisions]
    several = len({selected_by(cell.method) for cell in cells}) > 1
    for each in decisions:
        budget = f"{each.budget:,.4g}"
        figures = estimate(each.accuracy), estimate(each.single_accuracy), estimate(each.gain, sign=True)
        worth.add_row(budget, *figures, percent(each.ceiling))
        levels = [f"{_named(choice.cell, several)}\n{percent(choice.steady, digits=0)} %" for choice in each.choices]
        chosen.add_row(budget, *levels, _named(each.single, several))
    return Group(worth, chosen)


def shares_view(shared: Shared, title: str) -> RenderableType:
    """What it is worth to share samples out, and how many a problem of each level gets, easiest first.

    Args:
        shared: at some number of samples at least.
        title: stands above.
    """
    levels = range(len(shared.allocations[0][1].by_level))
    table = _table([*_SHARED, *(f"level {level + 1}\ngets" for level in levels)], title)
    for method, each in shared.allocations:
        figures = estimate(each.uniform), estimate(each.accuracy), estimate(each.gain, sign=True)
        table.add_row(f"{each.each:,}", selected_by(method), *figures, *map(str, each.by_level))
    return table


def _table(heads: Sequence[str], title: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, title=title or None, title_justify="left")
    for head in heads:
        table.add_column(head, justify="right", overflow="fold")
    return table


def _named(cell: Cell, several: bool) -> str:
    """A method, with its selection where there are several."""
    name = f"{cell.method.strategy}-{cell.n}"
    return f"{name}\n{selected_by(cell.method)}" if several else name
