"""The table of a run: what each strategy and selection got right, and what that cost. Also as Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.text import Text

from outthink.study.intervals import Estimate
from outthink.study.summary import Row
from outthink.terminal.estimates import estimate
from outthink.terminal.grid import Grid
from outthink.terminal.numbers import NOTHING, count, teraflop

__all__ = ["table_json", "table_markdown", "table_view"]

_HEADS = (
    "strategy\n",
    "select\n",
    "accuracy\n% [95 %]",
    "gain\npoints [95 %]",
    "written\ntokens",
    "prompt\ntokens",
    "cached\ntokens",
    "verifier\ntokens",
    "time\nseconds",
    "compute\nTFLOP",
)


def table_view(rows: Sequence[Row], notes: Sequence[str] = ()) -> RenderableType:
    """The table with its legend, for 100 columns.

    Args:
        rows: of one run.
        notes: lines to put below.
    """
    legend = Text("\n".join([_LEGEND, *_shortfalls(rows)]), "dim")
    return Group(_grid(rows).view(), legend, *(Text(note, "yellow") for note in notes))


def table_markdown(rows: Sequence[Row], notes: Sequence[str] = ()) -> str:
    """The table and its legend in Markdown; see `table_view`."""
    return "\n\n".join([_grid(rows).markdown(), _LEGEND, *_shortfalls(rows), *notes])


def table_json(rows: Sequence[Row]) -> str:
    """The rows as JSON; shares are of 1, intervals `[low, high]`, a gain `[mean, [low, high]]`."""
    return json.dumps([asdict(row) for row in rows], indent=2)


_LEGEND = (
    "Means per problem. Intervals are over problems; a gain is over the first row, paired by problem. The engine's "
    "tokens: written, prompt (computed) and cached (prompt, not computed again); the verifier's: computed. "
    "Time is wall-clock with others in flight."
)


def _grid(rows: Sequence[Row]) -> Grid:
    title = count(max((row.problems for row in rows), default=0), "problem")
    return Grid(title, _HEADS, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    engine, verifier = row.cost.engine, row.cost.verifier
    gain = NOTHING if row.gain is None else estimate(Estimate(*row.gain), sign=True)
    # Where no model was called, as in a run that was imported, what was not counted is not 0.
    called = engine.calls > 0 or bool(row.seconds)
    tokens = (engine.generated_tokens, engine.prompt_tokens, engine.cached_tokens, verifier.scored_tokens)
    return [
        row.strategy,
        row.selection,
        estimate(Estimate(row.accuracy, row.interval)),
        gain,
        *(f"{n:,}" if n or called else NOTHING for n in tokens),
        f"{row.seconds:.2f}" if called and row.seconds is not None else NOTHING,
        teraflop(row.cost.flops),
    ]


def _shortfalls(rows: Sequence[Row]) -> list[str]:
    """What did not go to plan, once for each strategy."""
    found = {}
    for row in rows:
        failed = [f"{count(row.failed, 'search', 'searches')} failed and counted as wrong"] if row.failed else []
        short = [f"{count(row.short, 'search', 'searches')} left fewer solutions than others"] if row.short else []
        if failed or short:
            found[row.strategy] = f"{row.strategy}: {', '.join(failed + short)}."
    return list(found.values())
