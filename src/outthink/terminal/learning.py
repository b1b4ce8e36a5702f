"""Views of what was learnt: a tally of labels, the course of a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from outthink.learn.label import Tally
from outthink.learn.train.report import Record, Report, Watch
from outthink.runs.runner import Progress as Searched
from outthink.terminal.numbers import duration, percent

__all__ = ["report_view", "tally_view", "training"]

_PAUSE = 10.0
"""Seconds between lines where there is no terminal."""

_RECENT = 20
"""Steps whose mean loss is shown; one alone says little."""


def tally_view(tally: Tally) -> Table:
    """What labelling came to."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column()
    solved = f"problems, {tally.failed} more failed" if tally.failed else "problems"
    table.add_row(f"{tally.problems:,}", solved)
    table.add_row(f"{tally.solutions:,}", f"solutions, {_share(tally.right, tally.solutions)} right")
    table.add_row(f"{tally.steps:,}", f"steps, {_share(tally.good, tally.steps)} good")
    table.add_row(
        f"{tally.unfinished + tally.unanswered:,}",
        f"solutions dropped: {tally.unfinished:,} did not come to an end, {tally.unanswered:,} gave no answer",
    )
    table.add_row(f"{tally.cost.generated_tokens:,}", f"tokens written, {tally.cost.flops / 1e12:,.1f} TFLOP")
    return table


def _share(part: int, whole: int) -> str:
    return f"{percent(part / whole)} %" if whole else "none"


def report_view(report: Report, folder: Path) -> Table:
    """A training that is done."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{len(report.records):,}", f"steps in {duration(report.seconds)}, {report.tokens:,} tokens")
    table.add_row(f"{report.examples:,}", f"solutions learnt, {report.held_out:,} held out")
    table.add_row(f"{_recent(report.records):.3f}", "loss at the end")
    for name, figure in report.figures.items():
        table.add_row(f"{figure:.3f}", f"{'AUC' if name == 'auc' else name} on what was held out")
    for name in report.written:
        table.add_row("", str(folder / name))
    return table


@contextmanager
def training(console: Console) -> Iterator[Watch]:
    """Something to be told how a training goes, that shows it: a bar in a terminal, a line now and then elsewhere."""
    shown = _Shown(console)
    try:
        yield Watch(step=shown.step, search=shown.search)
    finally:
        shown.bar.stop()


class _Shown:
    def __init__(self, console: Console) -> None:
        self.bar = Progress(BarColumn(24), MofNCompleteColumn(), TextColumn("{task.description}"), console=console)
        self._console = console
        self._task = self.bar.add_task("")
        self._records: list[Record] = []
        self._due = 0.0

    def step(self, record: Record, seconds: float) -> None:
        """One more optimiser step."""
        if self._records and record.step <= self._records[-1].step:
            self._records, self._due = [], 0.0
        self._records.append(record)
        left = (record.steps - record.step) * seconds / len(self._records)
        parts = [
            f"loss {_recent(self._records):.3f}",
            *(f"held out {name} {figure:.3f}" for name, figure in record.held_out.items()),
            f"{(record.tokens - self._records[0].tokens) / max(seconds, 1e-9):,.0f} tokens/s",
            f"{duration(left)} left",
        ]
        self._show(record.step, record.steps, ", ".join(parts), seconds, always=bool(record.held_out))

    def search(self, progress: Searched) -> None:
        """One more problem sampled."""
        right = f"{percent(progress.correct / progress.graded)} % right by majority" if progress.graded else ""
        rate = f"{progress.generated_tokens / max(progress.seconds, 1e-9):,.0f} tokens/s"
        text = ", ".join(part for part in ("sampling", right, rate) if part)
        self._show(progress.done, progress.total, text, progress.seconds, always=False)

    def _show(self, done: int, total: int, text: str, seconds: float, *, always: bool) -> None:
        if self._console.is_terminal:
            self.bar.update(self._task, completed=done, total=total, description=text)
            self.bar.start()
        elif always or done == total or seconds >= self._due:
            self._due = seconds + _PAUSE
            self._console.print(f"{done}/{total}  {text}")


def _recent(records: Sequence[Record]) -> float:
    recent = records[-_RECENT:]
    return sum(record.loss for record in recent) / max(1, len(recent))
