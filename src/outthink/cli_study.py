"""The commands on studies: many methods, budgets, engines and verifiers, compared. `outthink.cli` takes them in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from outthink.study.smoke import StandIns, smoke
from outthink.terminal.consoles import clean, print_error, stderr
from outthink.terminal.resumable import kept, resumable
from outthink.terminal.table import Format

__all__ = ["commands"]

commands = typer.Typer()


@commands.command(epilog='Example: [bold]outthink study recipes/nano-study.yaml --set "budgets=[1, 4]"[/bold]')
def study(
    recipe: Annotated[Path, typer.Argument(help="A YAML file: problems, engines, verifiers, budgets and strategies.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: a.b=value; numbers index lists. Repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The study's folder.", show_default="studies/RECIPE")] = None,
    stand_ins: Annotated[
        StandIns | None,
        typer.Option("--smoke", help="Try the recipe in a small size, on stand-ins for its models and problems."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Carry nothing out; show what there is.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Forget the searches that failed earlier, and try them again.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print the table.")] = "table",
) -> None:
    """Carry out what a study lacks, go on where it was interrupted, and compare its methods.

    A recipe with more budgets, strategies, seeds, engines or verifiers adds to the study's folder; what is there is not
    computed again.
    """
    from outthink.study.carry_out import carry_out, run_folder, steps
    from outthink.study.recipe import load_study_recipe
    from outthink.terminal.progress import watching
    from outthink.terminal.study import show

    loaded = load_study_recipe(recipe, changes or ())
    folder = out or Path("studies") / (f"{recipe.stem}-smoke-{stand_ins}" if stand_ins else recipe.stem)
    if stand_ins:
        loaded = smoke(loaded, stand_ins)
    for name, reason in loaded.left_out:
        stderr().print(Text(clean(f"{name} is left out: {reason}"), "yellow"))
    ended = {}
    if not offline:
        runs = [run_folder(folder, label) for label in loaded.runs]
        with (
            resumable(lambda: f"{sum(map(kept, runs))} results are kept in {folder}"),
            watching(stderr(), steps(loaded)) as watch,
        ):
            ended = asyncio.run(carry_out(loaded, folder, watch, retry_failed=retry_failed))
    if stand_ins:
        stderr().print(
            Text("Smoke size, on stand-ins: it shows that the recipe runs. Its figures mean nothing.", "yellow")
        )
    show(loaded, folder, form)
    for label, error in ended.items():
        print_error(f"{label} is not complete: {error}")
    if ended:
        raise typer.Exit(1)
