"""Budget forcing: a solution that ends too early is made to go on, one that takes too long is made to answer."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.checks import at_least
from outthink.concurrency import gather
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.parts.turns import leaves_below
from outthink.tree import Node

__all__ = ["BudgetForcing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetForcing:
    """Budget forcing (Muennighoff et al. 2025, "s1: Simple test-time scaling", arXiv 2501.19393).

    When the model ends its solution before it has used its tokens, its end is taken away and `word` put in its place,
    up to `times`: it reconsiders. When it has used them up without an end, `closing` makes it state its answer. What
    ended early votes until the longer solution is finished, and no more then.

    Args:
        n: solutions, independent of each other.
        tokens: how many a solution is to use before it answers, the forced ones among them; leave room for the answer
            below `sampling.max_tokens`. The paper's model has 32,000 of 32,768.
        times: how often an end is taken away at most; 1 in the paper's code.
        word: what takes its place; the paper's "Wait", in a paragraph of its own.
        closing: what makes the model answer.
    """

    n: int = 1
    tokens: int = 512
    times: int = 1
    word: str = "\n\nWait"
    closing: str = "Final Answer:"

    def __post_init__(self) -> None:
        at_least(1, n=self.n, tokens=self.tokens)
        at_least(0, times=self.times)
        if not self.word.strip() or not self.closing.strip():
            raise UsageError("word and closing must say something; times: 0 takes no end away")

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """There is nothing to rank."""
        return False

    async def __call__(self, search: Search) -> None:
        """Write all solutions; make those that ended early go on; again."""
        ends = await gather(*(self._write(search, node) for node in await search.expand([search.root], self.n)))
        for _ in range(self.times):
            early = [end for end in ends if end.finished and end.length < self.tokens]
            begun = [await search.force(end, self.word) for end in early]
            ends = await gather(*(self._rewrite(search, *pair) for pair in zip(early, begun, strict=True)))

    async def _rewrite(self, search: Search, early: Node, begun: Node) -> Node:
        """Go on where a solution had ended; it stands unless this comes to an end of its own."""
        try:
            return await self._write(search, begun)
        finally:
            # Also where the search ends before the new one is scored: never do both vote.
            if leaves_below(search.tree, begun):
                early.weight = 0.0

    async def _write(self, search: Search, node: Node) -> Node:
        """Write on, step by step, to the model's end or until the tokens are used and the answer is asked for."""
        while node.open and node.length < self.tokens:
            (node,) = await search.expand([node], 1)
        if node.open:
            node = await search.force(node, self.closing)
        if node.open:
            (node,) = await search.complete([node], 1)
        return node
