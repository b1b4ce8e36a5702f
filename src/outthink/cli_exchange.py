"""The commands that take in others' completions and give ours away. `outthink.cli` takes them in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Literal

import typer

from outthink.errors import UsageError
from outthink.select import Aggregate
from outthink.terminal.consoles import stderr, stdout
from outthink.terminal.resumable import resumable

__all__ = ["commands"]

commands = typer.Typer()


@commands.command("import", epilog="Example: [bold]outthink import completions.jsonl --out runs/theirs[/bold]")
def import_run(
    source: Annotated[
        str, typer.Argument(help="A file (.jsonl, .json, .csv, .parquet), or a data set on the Hub: owner/name.")
    ],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    columns: Annotated[
        list[str] | None,
        typer.Option(help="Where a field stands that is called otherwise: field=name, such as question=prompt."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Of a data set on the Hub.", show_default="test")] = None,
    step: Annotated[str, typer.Option(help=r"What ends a step; \n is a line break.")] = r"\n\n",
    scores: Annotated[
        Literal["steps", "last"],
        typer.Option(help="One for each step, or one for the whole; last keeps each completion's last one alone."),
    ] = "steps",
    aggregate: Annotated[Aggregate, typer.Option(help="How step scores become one.")] = "last",
    searched: Annotated[
        bool, typer.Option("--searched", help="A search wrote them: they are no independent samples.")
    ] = False,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Pass over rows that cannot be used, and list them.")
    ] = False,
) -> None:
    """Make a run of completions that were written elsewhere, to look at and analyse like any other.

    Rows hold a problem and its completions, as the data sets of search-and-learn do, or one completion each.
    """
    from outthink.study.interchange import SKIPPED, import_completions
    from outthink.terminal.counting import counting
    from outthink.terminal.exchange import imported_view

    with resumable(lambda: f"what was graded is kept in {out}"), counting(stderr()) as watch:
        imported = asyncio.run(
            import_completions(
                source,
                out,
                split=split,
                columns=dict(_pair(each) for each in columns or ()),
                step=step.replace(r"\n", "\n"),
                scores=scores,
                aggregate=aggregate,
                searched=searched,
                skip_broken=skip_broken,
                watch=watch,
            )
        )
    stderr().print(imported_view(imported, str(out / SKIPPED)))
    stderr().print(f"Answers and trees: outthink show {out}")


@commands.command(
    epilog="Example: [bold]outthink export runs/quickstart --out samples.parquet --strategy sample-16[/bold]"
)
def export(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path, typer.Option(help="The file to write: .parquet or .jsonl.")],
    table: Annotated[
        Literal["completions", "results", "nodes"],
        typer.Option(help="A row a problem, with search-and-learn's columns; or a row a search; or a row a node."),
    ] = "completions",
    strategy: Annotated[str | None, typer.Option(help="Only this strategy, by its name in the run.")] = None,
    seed: Annotated[int | None, typer.Option(help="Only this seed.")] = None,
    rules: Annotated[
        Literal["outthink", "search-and-learn"],
        typer.Option(help="By whose rules completions are told and answers chosen."),
    ] = "outthink",
    columns: Annotated[str | None, typer.Option(help="Only these, such as problem,completions.")] = None,
    hub: Annotated[str | None, typer.Option(help="Upload the file to this data set on the Hub: owner/name.")] = None,
) -> None:
    """Write a run's completions, searches or nodes to a file, for others' scripts and for analyses elsewhere."""
    from outthink.runs import Store
    from outthink.study.interchange import export_completions, export_table, push, series_in, the_series
    from outthink.terminal.counting import counting

    if rules != "outthink" and table != "completions":
        raise UsageError(f"--rules is for completions; {table} are told as they are stored")
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    with Store.read(folder) as store, counting(stderr()) as watch:

        def done(number: int, total: int) -> None:
            watch("searches read", number, total)

        if table == "completions":
            series = the_series(store, strategy, seed)
            rows = asyncio.run(export_completions(store, series, out, rules=rules, names=names, watch=done))
        else:
            rows = export_table(store, series_in(store, strategy, seed), out, table, names=names, watch=done)
    stdout().print(f"{out}: {rows:,} rows")
    if hub is not None:
        with stderr().status(f"uploading {out}"):
            stdout().print(push(out, hub))


@commands.command(epilog="Example: [bold]outthink compare-rules runs/compatibility[/bold]")
def compare_rules(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")],
    strategy: Annotated[str | None, typer.Option(help="Only this strategy, by its name in the run.")] = None,
    seed: Annotated[int | None, typer.Option(help="Only this seed.")] = None,
) -> None:
    """What a run comes to by the rules of search-and-learn, beside ours: docs/compatibility.md."""
    from outthink.runs import Store
    from outthink.study.interchange import compare, series_in
    from outthink.terminal.counting import counting
    from outthink.terminal.exchange import compared_view

    with Store.read(folder) as store, counting(stderr()) as watch:
        series = series_in(store, strategy, seed)
        rows = asyncio.run(compare(store, series, lambda done, total: watch("searches read", done, total)))
    if not rows:
        raise UsageError(
            f"{folder}: nothing to compare: no strategy with scores has a result on a problem with an answer"
        )
    stdout().print(compared_view(rows))


def _pair(given: str) -> tuple[str, str]:
    field, equals, name = given.partition("=")
    if not (field and equals and name):
        raise UsageError(f"--columns {given}: expected field=name")
    return field, name
