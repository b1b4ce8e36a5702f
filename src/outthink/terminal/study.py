"""A study's table: every method at every budget. Also as Markdown and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.text import Text

from outthink.runs import Store
from outthink.study.axes import AXES, Axis
from outthink.study.comparisons import Comparison
from outthink.study.intervals import Estimate
from outthink.study.limits import voting_limits
from outthink.study.lines import Line, study_lines
from outthink.study.opening import Opened
from outthink.study.study import Study
from outthink.terminal.consoles import stdout
from outthink.terminal.estimates import estimate, selected_by
from outthink.terminal.folder import Folder
from outthink.terminal.formats import Format
from outthink.terminal.grid import Grid
from outthink.terminal.larger import larger_tables
from outthink.terminal.numbers import NOTHING, count, percent, teraflop

__all__ = ["show_study", "study_json", "study_table"]

_UNITS: Mapping[Axis, str] = {
    "samples": "N",
    "tokens": "tokens",
    "flops": "TFLOP",
    "memory_flops": "TFLOP with memory",
    "seconds": "seconds",
    "money": "money",
}

_NOTHING_YET = (
    "There is no result yet of what the recipe names. It is carried out without --offline; "
    "`outthink show` on a run's folder lists what else is there."
)


def show_study(opened: Opened, form: Format = "table", axis: Axis = "samples") -> None:
    """Print a study's tables, one for each engine and verifier.

    Args:
        opened: the study.
        form: how.
        axis: on which a method and the baseline it is compared with cost the same.
    """
    lines = study_lines(opened.study, opened.baselines, axis)
    if form == "json":
        stdout().file.write(study_json(lines) + "\n")
        return
    size = f"{count(len(opened.study.problems), 'problem')}, {count(len(opened.study.seeds), 'seed')}"
    runs = {run: list(group) for run, group in groupby(lines, key=lambda line: line.method.run)}
    tables = [study_table(mine, f"{run}: {size}" if run else size) for run, mine in runs.items()]
    tables += larger_tables(opened.beside)
    below = [_legend(opened, axis), *_limits(opened.study)] if lines else [_NOTHING_YET]
    notes = list(_notes(opened.folders))
    if form == "table":
        views = [table.view() for table in tables]
        stdout().print(Group(*views, Text("\n".join(below), "dim"), *(Text(note, "yellow") for note in notes)))
        return
    # Not through rich, which would wrap long lines.
    stdout().file.write("\n\n".join([*(table.markdown() for table in tables), *below, *notes]) + "\n")


def _limits(study: Study) -> Iterator[str]:
    """What ever more samples would come to."""
    for method, found in voting_limits(study).items():
        name = " ".join(part for part in (method.run, method.strategy, selected_by(method)) if part)
        value = estimate(Estimate(found.accuracy, found.interval))
        open_share = percent(found.open, digits=0)
        yield (
            f"With ever more samples, {name} converges to {value} % (told from few samples it comes out low); "
            f"of {open_share} % of the problems these samples do not tell which answer wins."
        )


def _notes(folders: Mapping[str, Path]) -> Iterator[str]:
    for run, folder in folders.items():
        with Store.read(folder) as store:
            for note in Folder(store).notes():
                yield f"{run}: {note}" if run else note


def _legend(opened: Opened, axis: Axis) -> str:
    names = dict.fromkeys(f"{each.strategy} {selected_by(each)}" for each in opened.baselines.values())
    measured = f"that costs as much in {_UNITS[axis]} (5 % more at most), or else the next less"
    equal = "at the same N" if axis == "samples" else measured
    return (
        "Means per search, over problems and seeds. Intervals are over problems. Of independent solutions, what N of "
        f"them are worth is estimated from all. A gain is over {', '.join(names)} {equal}, paired by problem; p is "
        'corrected for the number of comparisons (Holm). "any right" is what no selection can beat.'
    )


def study_table(lines: Sequence[Line], title: str) -> Grid:
    """A table of lines, for 100 columns, under a title; costs that nobody knows are left out."""
    axes = _known(lines)
    return Grid(title, _heads(axes), [_row(line, axes) for line in lines])


def study_json(lines: Sequence[Line]) -> str:
    """The lines as JSON; shares are of 1, what is unknown is null."""
    return json.dumps([_plain(line) for line in lines], indent=2)


def _known(lines: Sequence[Line]) -> list[Axis]:
    """The axes on which anything has a cost; N has a column of its own."""
    return [axis for axis in AXES if axis != "samples" and any(not math.isnan(line.costs[axis]) for line in lines)]


def _heads(axes: Sequence[Axis]) -> list[str]:
    return [
        "strategy",
        "select",
        "N",
        "accuracy\n% [95 %]",
        "gain\npoints [95 %]",
        "p",
        *(_UNITS[axis] for axis in axes),
    ]


def _row(line: Line, axes: Sequence[Axis]) -> list[str]:
    gain = p = NOTHING
    if line.comparison is not None:
        gain = estimate(_gain(line.comparison), sign=True)
        p = f"{line.comparison.adjusted:.2g}"
    costs = [_cost(axis, line.costs[axis]) for axis in axes]
    return [line.method.strategy, selected_by(line.method), str(line.n), estimate(line.accuracy), gain, p, *costs]


def _gain(comparison: Comparison) -> Estimate:
    return Estimate(comparison.difference, comparison.interval)


def _cost(axis: Axis, value: float) -> str:
    if math.isnan(value):
        return NOTHING
    if axis in ("flops", "memory_flops"):
        return teraflop(value)
    return f"{value:,.0f}" if axis == "tokens" or value >= 100 else f"{value:.3g}"


def _plain(line: Line) -> dict[str, Any]:
    other = line.comparison
    return {
        **line.method._asdict(),
        "n": line.n,
        "problems": line.problems,
        "accuracy": line.accuracy.value,
        "interval": line.accuracy.interval,
        "costs": {axis: None if math.isnan(value) else value for axis, value in line.costs.items()},
        "comparison": other
        and {
            "baseline": {**other.baseline._asdict(), "n": other.baseline_n},
            "difference": other.difference,
            "interval": other.interval,
            "p_value": other.p_value,
            "adjusted": other.adjusted,
            "problems_needed": other.problems_needed,
        },
    }
