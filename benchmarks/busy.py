"""What short waits are worth to the embedded engine where other processes want its cores: tokens a second.

    python benchmarks/busy.py

The baseline is OpenMP as it comes, whose threads wait busily for 300,000 rounds. Each speed is measured in a process of
its own, alone and beside as many busy processes as there are cores, in turns. What is written is that of `embedded.py`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from embedded import SIBLINGS, WRITTEN, writing

from outthink.cores import usable_cores
from outthink.engines.llamacpp import LlamaCpp

REPEATS = 5
WAITS = "GOMP_SPINCOUNT"


async def measure() -> None:
    """In a process of its own: write, and print how fast."""
    engine = LlamaCpp(context=512)
    await engine.open()
    await writing(engine, 0)
    print(await writing(engine, 1))
    await engine.close()


def speed(waits: str | None) -> float:
    """Tokens written a second by a new process."""
    told = {name: value for name, value in os.environ.items() if name not in (WAITS, "OMP_WAIT_POLICY")}
    command = [sys.executable, __file__, "measure"]
    environment = told if waits is None else told | {WAITS: waits}
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute meanwhile."""
    others = [multiprocessing.Process(target=_compute, daemon=True) for _ in range(count)]
    for other in others:
        other.start()
    yield
    for other in others:
        other.terminate()
        other.join()


def _compute() -> None:
    while True:
        pass


def main() -> None:
    """Measure both in turns, alone and beside others, and print."""
    print(f"{SIBLINGS} siblings of {WRITTEN} tokens; tokens a second, medians of {REPEATS}")
    for others in (0, len(usable_cores())):
        told: dict[str | None, list[float]] = {"300000": [], None: []}
        with busy(others):
            for _ in range(REPEATS):
                for waits, speeds in told.items():
                    speeds.append(speed(waits))
        before, after = (statistics.median(speeds) for speeds in told.values())
        print(f"beside {others} busy processes: OpenMP {before:.0f}, ours {after:.0f}: x {after / before:.2f}")


if __name__ == "__main__":
    asyncio.run(measure()) if sys.argv[1:] == ["measure"] else main()
