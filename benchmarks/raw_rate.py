"""An engine's raw batch rate: what it writes in a second when it is given everything at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from outthink.engines import Sampling
from outthink.tree import Tree

__all__ = ["raw_rate"]

_names = count()


async def raw_rate(llm: Any, trees: Iterable[Tree], sampling: Sampling) -> float:
    """Tokens a second in plain requests of the same prompts and output lengths as some searches made, all at once.

    No stops, no text, no verifier. Prompts are computed beforehand, since a search finds its own in the cache too.

    Args:
        llm: vLLM's engine, with an empty prefix cache.
        trees: of the searches.
        sampling: how tokens are drawn.
    """
    asked = [each for tree in trees for each in _requests(tree)]
    prompts = {tuple(prompt): prompt for prompt, _ in asked}.values()
    await asyncio.gather(*(_write(llm, prompt, 1, sampling) for prompt in prompts))
    began = time.perf_counter()
    await asyncio.gather(*(_write(llm, prompt, tokens, sampling) for prompt, tokens in asked))
    return sum(tokens for _, tokens in asked) / (time.perf_counter() - began)


def _requests(tree: Tree) -> Iterator[tuple[list[int], int]]:
    """Prompt and number of tokens of everything that a search asked its engine for."""
    tokens = [len(node.ids) for node in tree.nodes]
    first = [node for node in tree.nodes[1:] if not _goes_on(tree, node.index)]
    for node in reversed(tree.nodes[1:]):
        if _goes_on(tree, node.index):
            tokens[node.parent] += tokens[node.index]
    for node in first:
        yield tree.path(tree.nodes[node.parent]).ids, tokens[node.index]


def _goes_on(tree: Tree, index: int) -> bool:
    """Whether a node was written in one request with its parent: both were asked for at the same moment."""
    node = tree.nodes[index]
    return node.parent > 0 and tree.nodes[node.parent].began == node.began


async def _write(llm: Any, prompt: list[int], tokens: int, sampling: Sampling) -> None:
    from vllm import SamplingParams
    from vllm.inputs.engine import tokens_input
    from vllm.sampling_params import RequestOutputKind

    params = SamplingParams(
        temperature=sampling.temperature,
        max_tokens=tokens,
        ignore_eos=True,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
    async for _ in llm.generate(tokens_input(prompt), params, f"raw-{next(_names)}"):
        pass
