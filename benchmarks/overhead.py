"""What outthink itself costs: microseconds and bytes a node, and start-up, as ratios to baselines in the same run.

    python benchmarks/overhead.py

Search runs on the scripted engine at zero latency, so that everything that takes time is ours (the scripted engine and
verifier included). The baseline is the least that any asynchronous orchestrator must do for a node: one task for
writing it and one for scoring it.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from dataclasses import dataclass

from outthink.budget import Budget
from outthink.concurrency import gather
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.search import Search
from outthink.strategies.beam import Beam
from outthink.strategies.dvts import Dvts
from outthink.strategies.sample import Sample
from outthink.tree import Tree
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

PROBLEMS, LEAVES, STEPS, REPEATS = 64, 256, 10, 3


@dataclass(frozen=True)
class Figures:
    """One measurement."""

    nodes: int
    seconds: float
    peak: int


async def search_all(strategy: Sample | Beam | Dvts) -> list[Tree]:
    """All problems at once."""
    engine, verifier = ScriptedEngine(success=0.95, steps=STEPS), ScriptedVerifier()
    trees = [Tree.plant(f"problem {i}", [], list(range(100)), i) for i in range(PROBLEMS)]
    searches = [
        Search(
            tree,
            engine=engine,
            verifier=verifier,
            sampling=Sampling(),
            separator="\n\n",
            budget=Budget(samples=LEAVES),
            aggregate="last",
        )
        for tree in trees
    ]
    await gather(*(search.run(strategy) for search in searches))
    return trees


async def bare_tasks(nodes: int) -> None:
    """The baseline: two empty tasks a node."""

    async def nothing() -> None:
        await asyncio.sleep(0)

    for _ in range(nodes // LEAVES):
        await asyncio.gather(*(nothing() for _ in range(2 * LEAVES)))


def timed(strategy: Sample | Beam | Dvts) -> Figures:
    """Time without tracing, then memory with it."""
    gc.collect()
    began = time.perf_counter()
    trees = asyncio.run(search_all(strategy))
    seconds = time.perf_counter() - began
    nodes = sum(len(tree.nodes) for tree in trees)
    del trees
    return Figures(nodes, seconds, 0)


def peak_memory(strategy: Sample | Beam | Dvts) -> int:
    """Peak bytes allocated during the search."""
    gc.collect()
    tracemalloc.start()
    asyncio.run(search_all(strategy))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def start_up(command: list[str]) -> float:
    """Median seconds of a fresh interpreter running a command."""
    times = []
    for _ in range(11):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    print(f"{PROBLEMS} problems x {LEAVES} leaves x {STEPS} steps, medians of {REPEATS}")
    for strategy in (Sample(n=LEAVES), Beam(n=LEAVES, width=4), Dvts(n=LEAVES, width=4)):
        runs = [timed(strategy) for _ in range(REPEATS)]
        nodes = runs[0].nodes
        seconds = statistics.median(run.seconds for run in runs)
        baselines = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            asyncio.run(bare_tasks(nodes))
            baselines.append(time.perf_counter() - began)
        baseline = statistics.median(baselines)
        peak = peak_memory(strategy)
        print(
            f"{type(strategy).__name__:7} {nodes} nodes: {seconds / nodes * 1e6:.1f} us a node "
            f"({seconds / baseline:.1f} x two bare tasks), {peak / nodes:.0f} bytes a node"
        )
    bare = start_up([sys.executable, "-c", "pass"])
    for name, command in (
        ("import outthink", [sys.executable, "-c", "import outthink"]),
        ("outthink --help", [sys.executable, "-m", "outthink", "--help"]),
    ):
        seconds = start_up(command)
        print(f"{name}: {seconds * 1e3:.0f} ms ({seconds / bare:.1f} x a bare interpreter's {bare * 1e3:.0f} ms)")


if __name__ == "__main__":
    main()
