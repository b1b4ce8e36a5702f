"""The commands that learn: labels, training, and what a verifier is worth. `outthink.cli` takes them in."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from outthink.errors import UsageError
from outthink.learn.interchange import FormatName
from outthink.select import Aggregate
from outthink.terminal.consoles import stderr, stdout
from outthink.terminal.resumable import resumable
from outthink.terminal.settings import settings, spec

__all__ = ["commands"]

commands = typer.Typer()


@commands.command(epilog="Example: [bold]outthink label recipes/nano-label.yaml --set problems.limit=20[/bold]")
def label(
    recipe: Annotated[Path, typer.Argument(help="A YAML file: problems with answers, an engine, and how to label.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: a.b=value; numbers index lists. Repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="runs/RECIPE")] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Forget the problems that failed earlier, and try them again.")
    ] = False,
) -> None:
    """Write solutions and find out, by rollouts, what each of their steps is worth; go on where it was interrupted.

    The labels come to lie in labels.jsonl in the run's folder, one solution a line.
    """
    from outthink.learn.label import LABELS, load_label_recipe
    from outthink.learn.label import label as carry_out
    from outthink.terminal.learning import tally_view
    from outthink.terminal.progress import watching

    loaded = load_label_recipe(recipe, changes or ())
    folder = out or Path("runs") / recipe.stem
    samples = {entry.name: entry.strategy.samples for entry in loaded.recipe.strategies}
    with resumable(lambda: f"what was labelled is kept in {folder}"), watching(stderr(), samples) as watch:
        tally = asyncio.run(carry_out(loaded, folder, watch, retry_failed=retry_failed))
    stdout().print(tally_view(tally))
    stderr().print(f"Labels: {folder / LABELS}")


@commands.command(epilog="Example: [bold]outthink train recipes/nano-prm.yaml --set fit.epochs=1[/bold]")
def train(
    recipe: Annotated[Path, typer.Argument(help="A YAML file: train: prm, orm or policy; a base model; the data.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: a.b=value; numbers index lists. Repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The training's folder.", show_default="trained/RECIPE")] = None,
) -> None:
    """Train a reward model on labelled solutions, or a policy on right ones; go on where it was interrupted.

    The folder gets the model as a checkpoint and, of an adapter, the adapter alone, for peft and for llama.cpp.
    Several GPUs: [bold]accelerate launch -m outthink train RECIPE[/bold].
    """
    from outthink.learn.train.recipe import load_train_recipe
    from outthink.terminal.learning import report_view, training

    loaded = load_train_recipe(recipe, changes or ())
    try:
        from outthink.learn.train.train import train as carry_out
    except ImportError as error:
        message = f'training needs the package {error.name}: pip install "outthink[transformers]"'
        raise UsageError(message) from error
    folder = out or Path("trained") / recipe.stem
    with resumable(lambda: f"the last checkpoint is kept in {folder}"), training(stderr()) as watch:
        report = carry_out(loaded, folder, watch)
    # Of several processes the first alone has written something to tell of.
    if report.written:
        stdout().print(report_view(report, folder))


@commands.command(epilog="Example: [bold]outthink convert-labels theirs.jsonl labels.jsonl --from math-shepherd[/bold]")
def convert_labels(
    source: Annotated[Path, typer.Argument(help="Labelled solutions: .jsonl, .json, .csv or .parquet.")],
    destination: Annotated[Path, typer.Argument(help="The file to write: .jsonl or .parquet.")],
    read_as: Annotated[FormatName, typer.Option("--from", help="The format of the source.")] = "outthink",
    write_as: Annotated[FormatName, typer.Option("--to", help="The format to write.")] = "outthink",
) -> None:
    """Rewrite labelled solutions from others, or for them: TRL's stepwise supervision, PRM800K, Math-Shepherd.

    These have hard labels only: values, counts and costs are lost on the way there.
    """
    from outthink.learn.interchange import convert
    from outthink.terminal.numbers import count

    converted = convert(source, destination, read_as=read_as, write_as=write_as)
    stdout().print(f"Converted: {count(converted.solutions, 'solution')}, {count(converted.steps, 'step')}")
    for reason, rows in converted.dropped.items():
        stdout().print(f"Dropped: {count(rows, 'row')}: {reason}")
    stderr().print(f"Written: {destination}")


@commands.command(epilog="Example: [bold]outthink evaluate-verifier rules runs/quickstart --aggregate mean[/bold]")
def evaluate_verifier(
    verifier: Annotated[str, typer.Argument(help="What judges, as kind or kind:model: see outthink verifiers.")],
    data: Annotated[
        str,
        typer.Argument(
            help="The folder of a run or of outthink label, a file of labelled solutions or in ProcessBench's format "
            "(.jsonl, .json, .parquet), or Qwen/ProcessBench."
        ),
    ],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Any other option, such as verifier.of=solution. Repeatable.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="What a verifier asks that has no model of its own, such as judge.")
    ] = "llamacpp",
    out: Annotated[
        Path | None, typer.Option(help="Receives scores and figures.", show_default="evaluations/VERIFIER-DATA")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="A step that is scored lower is taken to be wrong (ProcessBench).")
    ] = 0.5,
    aggregate: Annotated[
        Aggregate | None,
        typer.Option(help="How a solution's step scores become one.", show_default="the verifier's own"),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, help="Solutions under way at once.")] = 64,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Only so many problems, of ProcessBench of each split.", show_default="all"),
    ] = None,
) -> None:
    """Tell what a verifier is worth; go on where it was interrupted.

    Cases of ProcessBench show how often it finds the first wrong step.

    Labelled solutions show how well it ranks steps, whether its scores mean what they say, and what misleads it.

    A run's samples show how right the answers are that its scores choose among 1, 2, 4, ... of them.

    All figures, with 95 % intervals over problems, come to lie in evaluation.json in the folder.
    """
    from outthink.learn.evaluation.evaluate import EVALUATION, evaluate
    from outthink.terminal.counting import counting
    from outthink.terminal.evaluation import evaluation_view

    given = settings(changes or ())
    for part in ("sampling", "strategy"):
        if given[part]:
            raise UsageError(f"--set {part}: nothing is written here; there are options of verifier, engine and prompt")
    folder = out or Path("evaluations") / re.sub(r"[^\w.-]+", "-", f"{verifier}-{Path(data).stem}")
    with resumable(lambda: f"what was scored is kept in {folder}"), counting(stderr()) as watch:
        evaluation = asyncio.run(
            evaluate(
                data,
                folder,
                verifier=spec(verifier, given["verifier"]),
                engine=spec(engine, given["engine"]),
                prompt=given["prompt"],
                aggregate=aggregate,
                threshold=threshold,
                parallel=parallel,
                limit=limit,
                watch=lambda done, total: watch("solutions scored", done, total),
            )
        )
    stdout().print(evaluation_view(evaluation))
    stderr().print(f"All figures: {folder / EVALUATION}")
