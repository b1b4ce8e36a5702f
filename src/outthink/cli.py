"""The command line: what is asked for is read here and handed on; what is printed is drawn in `outthink.terminal`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from outthink.budget import Budget
from outthink.cli_exchange import commands as exchange
from outthink.cli_learn import commands as learning
from outthink.cli_report import commands as reporting
from outthink.cli_study import commands as studying
from outthink.engines import Sampling
from outthink.errors import OutthinkError, UsageError
from outthink.options import make
from outthink.problems import Problem
from outthink.prompt import Prompt
from outthink.registry import Group, make_engine, make_strategy, make_verifier
from outthink.select import Select
from outthink.solver import Solution, Solver
from outthink.terminal.consoles import print_error, show_log, stderr, stdout
from outthink.terminal.formats import Format
from outthink.terminal.resumable import kept, resumable
from outthink.terminal.settings import settings, spec

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # A traceback is for bugs, and those should be shown as they are.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Small language models out-think large ones by searching against verifiers at inference.",
    epilog='Try: [bold]outthink solve "Tom has 24 apples and buys 31 more. How many does he have?"[/bold]',
)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console entry: errors are one line and an exit status, 2 where the request has to change and else 1."""
    try:
        app(arguments)
    except OutthinkError as error:
        print_error(error)
        sys.exit(2 if isinstance(error, UsageError) else 1)


def _version(wanted: bool) -> None:
    if wanted:
        stdout().print(version("outthink"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    show_log()


@app.command(epilog='Example: [bold]outthink solve "What is 3 * 17 + 4?" --strategy beam --n 16 --tree[/bold]')
def solve(
    question: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")],
    strategy: Annotated[str, typer.Option(help="How the budget is spent: see outthink strategies.")] = "sample",
    n: Annotated[int | None, typer.Option(help="Solutions to write; the strategy's own default if left out.")] = None,
    width: Annotated[int | None, typer.Option(help="Children of each kept step, for strategies that prune.")] = None,
    engine: Annotated[str, typer.Option(help="What writes, as kind or kind:model: see outthink engines.")] = "llamacpp",
    adapter: Annotated[str | None, typer.Option(help="A LoRA adapter in GGUF format, for the engine.")] = None,
    verifier: Annotated[str, typer.Option(help="What judges: see outthink verifiers; none for none.")] = "rules",
    select: Annotated[
        Select | None, typer.Option(help="How solutions become one answer.", show_default="weighted if judged")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same search.")] = 0,
    tokens: Annotated[int | None, typer.Option(help="Write at most so many tokens.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Search at most so long.")] = None,
    flops: Annotated[float | None, typer.Option(help="Compute at most so much, such as 2e12.")] = None,
    temperature: Annotated[float | None, typer.Option(help="0 always takes the most likely token.")] = None,
    answer: Annotated[str | None, typer.Option(help="The right answer, to compare with.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Any other option, such as engine.context=4096. Repeatable.")
    ] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Show the whole search.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --tree not possible.")] = False,
) -> None:
    """Search for the answer to one question."""
    from outthink.terminal.solution import solution_json, solution_view
    from outthink.terminal.trees import tree_view

    if tree and as_json:
        raise UsageError("--json does not hold the tree: leave --tree or --json out")
    given = settings(changes or ())
    for part, option, value in (
        ("strategy", "n", n),
        ("strategy", "width", width),
        ("engine", "adapter", adapter),
        ("sampling", "temperature", temperature),
    ):
        if value is not None:
            given[part][option] = value
    judged = verifier != "none"
    how: Select = select or ("weighted" if judged else "majority")
    solver = Solver(
        engine=make_engine(spec(engine, given["engine"])),
        verifier=make_verifier(spec(verifier, given["verifier"])) if judged else None,
        prompt=make(Prompt, given["prompt"], "prompt"),
        sampling=make(Sampling, given["sampling"], "sampling"),
    )
    chosen = make_strategy(spec(strategy, given["strategy"]))
    problem = Problem(question=sys.stdin.read().strip() if question == "-" else question, answer=answer)
    budget = Budget(tokens=tokens, seconds=seconds, flops=flops)

    async def search() -> Solution:
        async with solver:
            # Not before the engine is open: fetching a model draws a bar of its own.
            with stderr().status("searching"):
                return await solver.solve(problem, chosen, select=how, budget=budget, seed=seed)

    solution = asyncio.run(search())
    if as_json:
        sys.stdout.write(solution_json(solution) + "\n")
        return
    if tree:
        stdout().print(tree_view(solution.tree, [(how, solution.answer)]))
    stdout().print(solution_view(solution))


@app.command(epilog="Example: [bold]outthink run recipes/quickstart.yaml --set strategies.1.n=32[/bold]")
def run(
    recipe: Annotated[Path, typer.Argument(help="A YAML file that says everything about the run.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: a.b=value; numbers index lists. Repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="runs/RECIPE")] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Forget the searches that failed earlier, and try them again.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print the table.")] = "table",
) -> None:
    """Carry out a recipe, or go on where it was interrupted; print its table."""
    from outthink.runs import Store, load_recipe
    from outthink.runs import run as carry_out
    from outthink.terminal.folder import Folder
    from outthink.terminal.progress import watching

    loaded = load_recipe(recipe, changes or ())
    folder = out or Path("runs") / recipe.stem
    samples = {entry.name: entry.strategy.samples for entry in loaded.strategies}
    with resumable(lambda: f"{kept(folder)} results are kept in {folder}"), watching(stderr(), samples) as watch:
        asyncio.run(carry_out(loaded, folder, watch, retry_failed=retry_failed))
    with Store.read(folder) as store:
        Folder(store).print_table(form)
    stderr().print(f"Answers and trees: outthink show {folder}")


@app.command(epilog="Example: [bold]outthink show runs/quickstart 3 --strategy beam-16[/bold]")
def show(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")],
    problem: Annotated[
        str | None, typer.Argument(help="Show this problem's trees: its id, or its number in the list.")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Only this strategy, by its name in the run.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Only this seed; the list of answers is of one, by default the first.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="List the searches that failed, and why.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print the table; alone, if not as one.")] = "table",
) -> None:
    """Look at a run, also while it goes on: its table and answers, or one problem's trees."""
    from outthink.runs import Store
    from outthink.terminal.folder import Folder

    with Store.read(folder) as store:
        view = Folder(store, strategy=strategy, seed=seed)
        if problem is not None:
            view.print_problem(problem)
        elif failed:
            view.print_failures()
        else:
            view.print_table(form)
            if form == "table":
                view.print_answers()


@app.command(epilog="Example: [bold]outthink trace runs/quickstart -o quickstart.trace.json[/bold]")
def trace(
    folder: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("trace.json"),
) -> None:
    """Draw a run's time line: what was written and scored when. Open the file at ui.perfetto.dev."""
    import json

    from outthink.runs import Store
    from outthink.runs.trace import activities, busy, trace_events

    with Store.read(folder) as store:
        found = activities(store)
    out.write_text(json.dumps(trace_events(found)))
    shares = busy(found)
    stdout().print(
        f"{out}: {len(found)} activities. Of the run's time the engine had something to write {shares.engine:.0%}, "
        f"the verifier something to score {shares.verifier:.0%}, both at once {shares.both:.0%}."
    )


@app.command(epilog='Example: [bold]outthink solve "What is 2 + 2?" --engine llamacpp:smollm2-135m[/bold]')
def models() -> None:
    """List the models that have a name of their own; any other GGUF file or Hub id works as well."""
    from outthink.terminal.listing import models_view

    stdout().print(models_view())


@app.command(epilog='Example: [bold]outthink solve "What is 2 + 2?" --strategy dvts --set strategy.max_steps=8[/bold]')
def strategies() -> None:
    """List the strategies: ways to spend a budget."""
    _print_kinds("strategies")


@app.command(epilog='Example: [bold]outthink solve "What is 2 + 2?" --verifier judge --set verifier.of=solution[/bold]')
def verifiers() -> None:
    """List the verifiers: what judges steps; and the families of reward models."""
    from outthink.terminal.listing import families_view

    _print_kinds("verifiers")
    stdout().print(families_view())


@app.command(epilog='Example: [bold]outthink solve "What is 2 + 2?" --engine llamacpp --set engine.parallel=4[/bold]')
def engines() -> None:
    """List the engines: what writes."""
    _print_kinds("engines")


def _print_kinds(group: Group) -> None:
    from outthink.terminal.listing import kinds_view

    stdout().print(kinds_view(group))


@app.command(epilog="Example: [bold]outthink problems --level 5 --limit 2[/bold]")
def problems(
    split: Annotated[Literal["train", "validation", "test"], typer.Option(help="Which part of the set.")] = "test",
    level: Annotated[int | None, typer.Option(min=1, max=5, help="Only this level; 1 takes two operations.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 5,
) -> None:
    """Print some of the built-in problems, with their solutions."""
    from outthink.problems.arithmetic import LEVELS, arithmetic
    from outthink.terminal.listing import problems_view

    levels = LEVELS if level is None else (level,)
    stdout().print(problems_view(arithmetic(split, count=limit, levels=levels)))


@app.command(epilog="Example: [bold]outthink export-adapter checkpoints/lora adapter.gguf --base smollm2-135m[/bold]")
def export_adapter(
    folder: Annotated[Path, typer.Argument(help="What peft's save_pretrained wrote.")],
    destination: Annotated[Path, typer.Argument(help="The file to write, usually named *.gguf.")],
    base: Annotated[str, typer.Option(help="The model the adapter is for: a name, a GGUF file or a Hub id.")],
) -> None:
    """Turn a LoRA adapter that was trained with peft into one that llama.cpp loads."""
    from outthink import adapter
    from outthink.models import resolve

    adapter.export_adapter(folder, destination, base=resolve(base).weights)
    stdout().print(f"Written: {destination}")


@app.command(epilog="Example: [bold]outthink export-model smollm2-135m-arithmetic policy[/bold]")
def export_model(
    model: Annotated[str, typer.Argument(help="A name (see outthink models), a GGUF file or a Hub id.")],
    folder: Annotated[Path, typer.Argument(help="The folder to write.")],
    adapter: Annotated[
        str | None, typer.Option(help="A LoRA adapter in GGUF format.", show_default="the model's own, if it has one")
    ] = None,
) -> None:
    """Turn a model in a GGUF file, with its adapter, into a checkpoint that vLLM and transformers load."""
    try:
        from outthink.learn.train.merge import export_model
    except ImportError as error:
        raise UsageError(
            f'exporting a model needs the package {error.name}: pip install "outthink[transformers]"'
        ) from error
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is there already; name a new folder")
    with stderr().status(f"writing {folder}"):
        export_model(model, folder, adapter=adapter)
    stdout().print(f"Written: {folder}")


app.add_typer(exchange)
app.add_typer(learning)
app.add_typer(studying)
app.add_typer(reporting)
