"""Recursive self-aggregation: a population of solutions, renewed round by round by merging several into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outthink.checks import at_least
from outthink.concurrency import gather
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.parts.quoting import asked, check_places, fill, numbered
from outthink.strategies.parts.turns import succeed
from outthink.tree import Node

__all__ = ["RecursiveAggregation"]

AGGREGATE = """{question}

Here are solutions that others have tried. Some may be wrong, and a wrong one may still hold a right step.

{solutions}

Use what is right in them, leave out what is wrong, and write one better solution of the problem, in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecursiveAggregation:
    """RSA, recursive self-aggregation (Venkatraman et al. 2025, arXiv 2509.26626).

    `n` independent solutions are the first population. In each round every place in it is filled anew: `k` of its
    solutions are drawn without putting back, and the model writes one better solution from them. The last population
    votes. A place whose new solution is cut, or whose prompt does not fit into the engine's context, keeps its old one.

    Args:
        n: solutions in the population.
        k: solutions shown in each prompt.
        rounds: populations after the first.
        prompt: takes the place of the message that asked the question; `{question}` is what that said, `{solutions}`
            are those drawn.
    """

    n: int = 16
    k: int = 4
    rounds: int = 10
    prompt: str = AGGREGATE

    def __post_init__(self) -> None:
        at_least(1, n=self.n, rounds=self.rounds)
        if not 1 <= self.k <= self.n:
            raise UsageError(f"k is {self.k}; it must lie between 1 and n = {self.n}")
        check_places("prompt", self.prompt, ("question", "solutions"))

    @property
    def samples(self) -> int:
        """N solutions in each population; those of the last vote."""
        return self.n * (self.rounds + 1)

    @property
    def ranks(self) -> bool:
        """Candidates are drawn alike, whatever their scores."""
        return False

    async def __call__(self, search: Search) -> None:
        """Draw, merge, replace, again."""
        rng = search.rng()
        population = await search.complete([search.root], self.n)
        for _ in range(self.rounds):
            finished = [solution for solution in population if solution.finished]
            if not finished:
                return
            drawn = [rng.sample(finished, min(self.k, len(finished))) for _ in population]
            population = await gather(
                *(self._merge(search, old, several) for old, several in zip(population, drawn, strict=True))
            )

    async def _merge(self, search: Search, old: Node, several: Sequence[Node]) -> Node:
        *before, question = asked(search)
        content = fill(self.prompt, {"question": question["content"], "solutions": numbered(search, several)})
        new = await succeed(search, old, [*before, {"role": "user", "content": content}])
        return old if new is None else new
