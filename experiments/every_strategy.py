"""Every strategy over the same problems at one token budget: writes the recipe, and runs it.

    python experiments/every_strategy.py --n 4 --out runs/every-4
    python experiments/every_strategy.py --n 16 --out runs/every-16 --set engine.kind=vllm --set engine.model=FOLDER
    python experiments/every_strategy.py --table runs/every-4 runs/every-16

Each gets so many tokens as `n` solutions of the built-in problems take, 75 each, and so many seats that it spends about
that: those that ask further questions, or look ahead, get fewer. Interrupted, the same command goes on. The last
command prints both runs as one table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from outthink.study.intervals import Estimate, Interval
from outthink.terminal.estimates import estimate
from outthink.terminal.grid import Grid

TOKENS = 75


def entries(n: int) -> list[dict[str, Any]]:
    """What the recipe lists: all strategies that ship but `rsd`, which needs a second, larger model."""
    half, quarter = max(1, n // 2), max(1, n // 4)
    sampled = {"kind": "sample", "n": n}
    beam = {"kind": "beam", "n": half, "width": min(4, half)}
    return [
        {"kind": "greedy"},
        {**sampled, "select": ["majority", "best", "weighted", "best-of-majority"]},
        {"kind": "adaptive", "n": n},
        {"kind": "beam", "n": n, "width": 4},
        {"kind": "beam", "n": n, "width": "sqrt", "name": "beam-sqrt"},
        {"kind": "dvts", "n": n, "width": 4},
        {"kind": "rebase", "n": n},
        {"kind": "dora", "n": n},
        {"kind": "ets", "n": n},
        {"kind": "particles", "n": n},
        {"kind": "particles", "n": n, "entropic": True, "name": "particles-entropic"},
        {"kind": "particle-gibbs", "n": n, "iterations": max(2, quarter)},
        {"kind": "lookahead", "inner": beam, "steps": 1},
        {"kind": "granularity", "inner": {**beam, "n": n}, "every": 2},
        {"kind": "speculative-rejection", "n": n},
        {"kind": "mcts", "n": n},
        {"kind": "mcts", "n": n, "preset": "rstar", "name": "mcts-rstar"},
        {"kind": "ab-mcts", "n": half},
        {"kind": "self-refine", "n": quarter, "rounds": 1},
        {"kind": "revisions", "n": n, "sequential": 4},
        {"kind": "universal", "inner": {**sampled, "n": half}},
        {"kind": "recursive-aggregation", "n": quarter, "k": min(2, quarter), "rounds": 3},
        {"kind": "budget-forcing", "n": half, "tokens": 2 * TOKENS},
        {"kind": "deepconf", "inner": sampled},
        {"kind": "deepconf-online", "n": n, "warmup": half, "wave": quarter},
        {"kind": "self-certainty", "inner": sampled},
        {"kind": "tournament", "inner": {**sampled, "n": half}},
        {"kind": "scrutiny", "inner": {**sampled, "n": half}, "verdicts": 2},
    ]


def table(folders: list[Path]) -> str:
    """Runs side by side: accuracy, tokens written, prompt tokens computed, verifier's tokens, seconds."""
    runs = [rows(folder) for folder in folders]
    heads = ["strategy", "select", *["% right [95 %]", "written", "prompt", "verifier", "seconds"] * len(runs)]
    lines = [[*name, *(cell for run in runs for cell in cells(run[name]))] for name in runs[0]]
    return Grid(", ".join(map(str, folders)), heads, lines).markdown()


def rows(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """A run's rows by strategy, without its n, and selection."""
    command = [sys.executable, "-m", "outthink", "show", str(folder), "--format", "json"]
    shown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {(re.sub(r"-\d+$", "", row["strategy"]), row["selection"]): row for row in shown}


def cells(row: dict[str, Any]) -> list[str]:
    """One run's figures of a row."""
    engine, verifier = row["cost"]["engine"], row["cost"]["verifier"]
    tokens = (engine["generated_tokens"], engine["prompt_tokens"], verifier["scored_tokens"])
    right = Estimate(row["accuracy"], Interval(*row["interval"]))
    return [estimate(right), *(f"{each:,}" for each in tokens), f"{row['seconds']:.1f}"]


def main() -> None:
    """Write the recipe into the folder's neighbour, and run it; or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=4)
    parser.add_argument("--problems", type=int, default=60)
    doing = parser.add_mutually_exclusive_group(required=True)
    doing.add_argument("--out", type=Path, help="the run's folder")
    doing.add_argument("--table", type=Path, nargs="+", metavar="RUN", help="runs to put side by side")
    parser.add_argument("--set", action="append", default=[], help="passed on to outthink run")
    given = parser.parse_args()
    if given.table:
        print(table(given.table))
        return
    recipe = {
        "problems": {"source": "builtin", "split": "test", "limit": given.problems},
        "engine": {"kind": "llamacpp", "context": 1024},
        "verifier": "rules",
        "sampling": {"temperature": 0.8, "max_step_tokens": 48, "max_tokens": 200, "top_logprobs": 20},
        "budget": {"tokens": TOKENS * given.n},
        "strategies": entries(given.n),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    path = given.out.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    settings = [part for setting in given.set for part in ("--set", setting)]
    command = [sys.executable, "-m", "outthink", "run", str(path), "--out", str(given.out), *settings]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
