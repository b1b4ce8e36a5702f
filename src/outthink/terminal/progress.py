"""A run while it goes on: a bar that moves in a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from outthink.runs.runner import Progress
from outthink.terminal.numbers import duration, percent

__all__ = ["Pace", "watching"]

_PAUSE = 10.0
"""Seconds between lines where there is no terminal."""

_PART = 0.05
"""Share of a run's work that must be done before the rest is guessed."""


@contextmanager
def watching(console: Console, samples: Mapping[str, int]) -> Iterator[Callable[[Progress], None]]:
    """Something to be told of every result, that shows it.

    Args:
        console: to show it on.
        samples: the strategies' names, in the order of the run, and how many solutions each writes.
    """
    pace = Pace(samples)
    if not console.is_terminal:
        yield _lines(console, pace)
        return
    # Started by the first result, since fetching a model before it draws a bar of its own.
    bar = Bar(BarColumn(24), MofNCompleteColumn(), TextColumn("{task.description}"), console=console, transient=True)
    task = bar.add_task("")

    def watch(progress: Progress) -> None:
        bar.update(task, completed=progress.done, total=progress.total, description=_line(progress, pace))
        bar.start()

    try:
        yield watch
    finally:
        bar.stop()


def _lines(console: Console, pace: Pace) -> Callable[[Progress], None]:
    due = 0.0

    def watch(progress: Progress) -> None:
        nonlocal due
        line = _line(progress, pace)
        if progress.seconds >= due or progress.done == progress.total:
            due = progress.seconds + _PAUSE
            console.print(f"{progress.done}/{progress.total}  {line}")

    return watch


def _line(progress: Progress, pace: Pace) -> str:
    parts = [
        progress.strategy,
        f"{percent(progress.correct / progress.graded)} % right" if progress.graded else "",
        f"{progress.generated_tokens / max(progress.seconds, 1e-9):,.0f} tokens/s",
        f"{duration(left)} left" if (left := pace.left(progress)) is not None else "",
        f"{progress.failed} failed" if progress.failed else "",
    ]
    return ", ".join(part for part in parts if part)


class Pace:
    """Guesses the time left, taking a search to last in proportion to the solutions that its strategy writes.

    Without that, a run that begins with `greedy` would promise to be over in no time. Nothing is said before a part is
    done: many searches are under way by then, and the first results come late.
    """

    def __init__(self, samples: Mapping[str, int]) -> None:
        self._samples = samples
        self._done: dict[str, int] = {}
        self._written = 0

    def left(self, progress: Progress) -> float | None:
        """Seconds, if there is something to go by; to be asked once for each result."""
        self._done[progress.strategy] = progress.ended
        self._written += self._samples[progress.strategy]
        names = list(self._samples)
        latest = max(names.index(name) for name in self._done)
        each = progress.total // len(names)
        ahead = 0
        for place, name in enumerate(names):
            # An earlier strategy without a result in this sitting was done in another.
            done = self._done.get(name, each if place < latest else 0)
            ahead += (each - done) * self._samples[name]
        if self._written < _PART * (self._written + ahead):
            return None
        return progress.seconds * ahead / self._written
