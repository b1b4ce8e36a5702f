"""What was imported, and what two rules make of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from outthink.study.interchange import Compared, Imported
from outthink.study.interchange.rules import PREDICTIONS
from outthink.terminal.consoles import clean
from outthink.terminal.numbers import NOTHING, count, percent

__all__ = ["compared_view", "imported_view"]

_LISTED = 10
"""Rows passed over that are listed; the file has them all."""


def imported_view(imported: Imported, skipped: str) -> RenderableType:
    """What came of an import.

    Args:
        imported: what was imported.
        skipped: the name of the file that lists what was passed over.
    """
    scores = "with scores" if imported.scored else "without scores"
    lines = [
        Text(f"{count(imported.completions, 'completion')} of {count(imported.problems, 'problem')}, {scores}."),
    ]
    if imported.unfinished:
        lines.append(Text(f"{count(imported.unfinished, 'completion')} did not come to an end and will not vote."))
    if imported.uncounted:
        lines.append(
            Text(f"The tokens of {count(imported.uncounted, 'completion')} are not known, so no token count is kept.")
        )
    if imported.skipped:
        lines.append(Text(f"{count(len(imported.skipped), 'row')} skipped; all are listed in {skipped}:", "yellow"))
        lines += [Text(f"  {clean(reason)}", "yellow") for reason in imported.skipped[:_LISTED]]
    return Group(*lines)


def compared_view(rows: Sequence[Compared]) -> RenderableType:
    """Accuracies by both rules."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for head in ("strategy", "select"):
        table.add_column(head)
    for head in ("n", "search-and-learn\n%", "outthink\n%", "unfinished\n%"):
        table.add_column(head, justify="right")
    for row in rows:
        ours = NOTHING if row.ours is None else percent(row.ours)
        figures = (str(row.n), percent(row.theirs), ours, percent(row.unfinished))
        table.add_row(Text(clean(row.strategy)), PREDICTIONS[row.how], *figures)
    legend = (
        "Accuracy on the same searches, answers chosen by either's rules. Unfinished: of the solutions that "
        "search-and-learn chooses among."
    )
    return Group(table, Text(legend, "dim"))
