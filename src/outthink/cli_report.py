"""The command that makes a report of what runs and studies found. `outthink.cli` takes it in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outthink.errors import StoreError, UsageError
from outthink.terminal.consoles import stderr

if TYPE_CHECKING:
    from outthink.report.searches import Trees

__all__ = ["commands"]

commands = typer.Typer()


@commands.command(epilog="Example: [bold]outthink report runs/quickstart -o quickstart.html --figures figures[/bold]")
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs over the same problems, or of studies.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
    figures: Annotated[Path | None, typer.Option(help="Also write figures as PNG, SVG and PDF to this folder.")] = None,
    trees: Annotated[
        str | None,
        typer.Option(
            metavar="all|N|none",
            help="Of how many problems, from the first on, the trees come along.",
            show_default="as many as fit into 16 MB",
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="What the report is called.", show_default="the folders' names")
    ] = None,
) -> None:
    """Make a page of what runs found: curves, difficulty, the verifier, costs, comparisons, and trees to walk through.

    The page is one file that needs no network. Give it away as it is.
    """
    from outthink.report.html import page
    from outthink.report.make import make_document
    from outthink.terminal.counting import counting
    from outthink.terminal.numbers import count, size

    kept = _trees(trees)
    if figures is not None:
        try:
            from outthink.report.figures import write_figures
        except ImportError as error:
            raise UsageError(f'figures need the package {error.name}: pip install "outthink[report]"') from error
    _check_writable(out)
    with counting(stderr()) as watch:
        document = asyncio.run(make_document(runs, title=title, trees=kept, watch=watch))
        try:
            out.write_text(page(document), encoding="utf-8")
            drawn = write_figures(document, figures, watch) if figures is not None else []
        except OSError as error:
            raise StoreError(f"{error.filename or out}: cannot be written: {error.strerror or error}") from error
    problems = len(document["problems"])
    stderr().print(
        f"Written: {out} ({size(out.stat().st_size)}), with the trees of {document['trees']:,} of "
        f"{count(problems, 'problem')}. Open it in a browser."
    )
    if figures is not None:
        stderr().print(f"Written: {count(len(drawn), 'figure')} to {figures}")


def _trees(given: str | None) -> Trees:
    if given is None:
        return None
    if given == "all":
        return "all"
    if given == "none":
        return 0
    if not given.isdecimal():
        raise UsageError(f"--trees {given}: give all, none, or a number of problems")
    return int(given)


def _check_writable(out: Path) -> None:
    """Said before a minute of work, not after."""
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; name the file to write: -o {out / 'report.html'}")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}; make it, or choose another -o")
