"""What merged adapters are worth to the embedded engine: tokens a second, as a ratio in the same run.

    python benchmarks/embedded.py

The baseline is the same adapter beside the weights that are fetched, as llama.cpp adds it with every token. Writing is
eight siblings at a time, reading one prompt of which nothing is cached.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from questions import QUESTIONS

from outthink.engines import Request, Sampling
from outthink.engines.llamacpp import LlamaCpp
from outthink.models import DEFAULT_MODEL, resolve
from outthink.tree import Path, Tree

SIBLINGS, WRITTEN, READ, REPEATS = 8, 64, 400, 5


async def writing(engine: LlamaCpp, seed: int) -> float:
    """Tokens written a second."""
    question = QUESTIONS[seed]
    prompt = await engine.encode([{"role": "user", "content": question}])
    tree = Tree.plant(question, [], prompt, seed)
    request = Request(
        n=SIBLINGS,
        sampling=Sampling(temperature=0.8),
        separator="\n\n",
        whole=True,
        max_tokens=WRITTEN,
        seed=seed,
        priority=0,
        abandoned=lambda usage: None,
    )
    began = time.perf_counter()
    async with aclosing(engine.sample(Path(tree, tree.nodes[0]), request)) as steps:
        tokens = sum([step.tokens async for step in steps])
    return tokens / (time.perf_counter() - began)


async def reading(engine: LlamaCpp, seed: int) -> float:
    """Tokens read a second."""
    ids = random.Random(seed).choices(range(1000, 40000), k=READ)
    _, usage = await engine.choose(ids, [READ - 1], [1000, 1001])
    return usage.scored_tokens / usage.seconds


async def compare(measure: Callable[[LlamaCpp, int], Awaitable[float]], model: str) -> None:
    """Measure both in turns, and print."""
    found = resolve(model)
    beside = LlamaCpp(model=str(found.weights), adapter=str(found.adapter), context=512)
    merged = LlamaCpp(model=model, context=512)
    speeds: dict[LlamaCpp, list[float]] = {beside: [], merged: []}
    for engine in speeds:
        await engine.open()
    for repeat in range(REPEATS):
        for engine, told in speeds.items():
            told.append(await measure(engine, repeat))
    for engine in speeds:
        await engine.close()
    before, after = (statistics.median(told) for told in speeds.values())
    print(f"{measure.__name__}, {model}: beside the weights {before:.0f}, merged {after:.0f}: x {after / before:.2f}")


async def main() -> None:
    """Measure the model that writes and the one that reads."""
    print(f"{SIBLINGS} siblings of {WRITTEN} tokens, prompts of {READ}; tokens a second, medians of {REPEATS}")
    await compare(writing, DEFAULT_MODEL)
    await compare(reading, "smollm2-135m-arithmetic-prm")


if __name__ == "__main__":
    asyncio.run(main())
