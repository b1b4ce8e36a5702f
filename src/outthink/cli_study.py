"""The commands on studies: many methods, budgets, engines and verifiers, compared. `outthink.cli` takes them in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from outthink.errors import StoreError, UsageError
from outthink.select import Aggregate, Select
from outthink.strategies.parts.policy import Predictor
from outthink.study.axes import Axis
from outthink.study.smoke import StandIns, smoke
from outthink.terminal.consoles import clean, print_error, stderr, stdout
from outthink.terminal.formats import Format
from outthink.terminal.resumable import kept, resumable

if TYPE_CHECKING:
    from outthink.study.opening import Opened
    from outthink.study.recipe import StudyRecipe

__all__ = ["commands"]

commands = typer.Typer()


@commands.command(epilog="Example: [bold]outthink study recipes/nano-study.yaml --set problems.limit=20[/bold]")
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
    axis: Annotated[
        Axis, typer.Option(help="What costs the same where a method is compared with the baseline.")
    ] = "samples",
    form: Annotated[Format, typer.Option("--format", help="How to print the table.")] = "table",
) -> None:
    """Carry out what a study lacks, go on where it was interrupted, and compare its methods.

    A recipe with more budgets, strategies, seeds, engines or verifiers adds to the study's folder; what is there is not
    computed again.
    """
    from outthink.study.carry_out import RECIPE, carry_out, run_folder, steps
    from outthink.study.recipe import load_study_recipe
    from outthink.terminal.progress import watching
    from outthink.terminal.study import show_study

    loaded = load_study_recipe(recipe, changes or ())
    folder = out or Path("studies") / (f"{recipe.stem}-smoke-{stand_ins}" if stand_ins else recipe.stem)
    if stand_ins:
        loaded = smoke(loaded, stand_ins)
    for name, reason in loaded.left_out:
        stderr().print(Text(clean(f"{name} is left out: {reason}"), "yellow"))
    ended = {}
    if offline and not (folder / RECIPE).is_file():
        raise StoreError(f"{folder}: no study here; carry it out without --offline")
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
    opened = _opened(folder, loaded)
    show_study(opened, form, axis)
    for label, error in ended.items():
        print_error(f"{label} is not complete: {error}")
    if ended:
        raise typer.Exit(1)


@commands.command(epilog="Example: [bold]outthink policy studies/nano-study --select weighted -o policy.yaml[/bold]")
def policy(
    folder: Annotated[Path, typer.Argument(help="A study's folder, or a run's.")],
    run: Annotated[
        str | None, typer.Option(help="Which engine and verifier, by label.", show_default="the only one")
    ] = None,
    predictor: Annotated[
        Predictor, typer.Option(help="Difficulty is told by the pilots' mean score, or by how far they agree.")
    ] = "score",
    pilots: Annotated[int, typer.Option(help="Solutions that are looked at first.")] = 4,
    select: Annotated[
        Select | None, typer.Option(help="How solutions become one answer.", show_default="any of the study's")
    ] = None,
    aggregate: Annotated[
        Aggregate | None, typer.Option(help="How step scores become one number.", show_default="any of the study's")
    ] = None,
    axis: Annotated[Axis, typer.Option(help="What budgets count.")] = "samples",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write it here, for the strategy auto.")] = None,
    share: Annotated[bool, typer.Option("--share", help="Write the third table instead of the second.")] = False,
) -> None:
    """Learn from a study which method is best for problems of which difficulty, and what that is worth.

    What is best is chosen on some problems and counted on others. The first table is told the difficulty, the second
    has to predict it and pays for that. The third keeps to samples and gives more of them to some problems than to
    others.
    """
    from outthink.runs import Store
    from outthink.runs.recipe import parse_recipe
    from outthink.study.compute_optimal import if_known, if_predicted, if_shared
    from outthink.study.policy_file import write_policy, write_shares
    from outthink.terminal.policies import decisions_view, shares_view

    if share and out is None:
        raise UsageError("--share says what is written; say where with --out")
    opened = _opened(folder)
    label = _label(opened.folders, run)
    study = opened.study
    known = if_known(study, label, axis=axis, selection=select, aggregate=aggregate)
    learned = if_predicted(study, label, by=predictor, pilots=pilots, axis=axis, selection=select, aggregate=aggregate)
    shared = if_shared(study, label, by=predictor, pilots=pilots, selection=select, aggregate=aggregate)
    looked = f"by {predictor} of {pilots} pilots"
    stdout().print(decisions_view(known, "The difficulty known, by pass@1 of other solutions"))
    stdout().print(decisions_view(learned.decisions, f"The difficulty predicted, {looked}"))
    if shared.allocations:
        stdout().print(shares_view(shared, f"Samples shared out over the problems, {looked}"))
    if out is None:
        return
    if share:
        written = write_shares(out, shared, str(folder))
    else:
        with Store.read(opened.folders[label]) as store:
            recipe = parse_recipe(json.loads(store.recipe()), str(store.folder))
        written = write_policy(out, learned, recipe, str(folder))
    most = max(map(written.samples, written.rows))
    stderr().print(f"Written: {out}. Follow it with the strategy {{kind: auto, policy: {out}, n: {most}}}")


def _opened(folder: Path, recipe: StudyRecipe | None = None) -> Opened:
    """What a study's or a run's folder holds."""
    from outthink.study.opening import open_study
    from outthink.terminal.counting import counting

    with counting(stderr()) as watch:
        return asyncio.run(open_study(folder, lambda done, total: watch("searches read", done, total), recipe=recipe))


def _label(folders: Mapping[str, Path], asked: str | None) -> str:
    if asked is None and len(folders) == 1:
        return next(iter(folders))
    if asked is None or asked not in folders:
        raise UsageError(f"--run {asked or ''}: name one of {', '.join(folders)}")
    return asked
