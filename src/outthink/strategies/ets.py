"""ETS: REBASE, after paths have been pruned that share little of their prefix and say nothing new."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from outthink.checks import above, at_least
from outthink.search import Search
from outthink.strategies.parts.likeness import clusters, likenesses
from outthink.strategies.parts.pruning import Pruning
from outthink.strategies.rebase import rebase
from outthink.strategies.steps import softmax, step_search
from outthink.tree import Node

__all__ = ["Ets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ets:
    """ETS, efficient tree search (arXiv 2502.13575): steps that can share a prefix cost less cache and less time.

    After every step those paths are kept that together are worth most, `Pruning` says how; REBASE shares out the seats
    among them. A path's gain is its REBASE share before rounding. The paper tells likeness from embeddings, this from
    words; it solves an integer program, this climbs to a choice that no single move betters.

    Args:
        n: seats: finished solutions and paths under way together.
        temperature: of REBASE's softmax.
        sharing: weight of the nodes that have to be held, lambda_c in the paper; 0 prunes nothing.
        covering: weight of the different steps that are kept, lambda_s in the paper.
        apart: steps are alike up to this mean cosine distance.
        max_steps: steps after which the paths under way are written to their end without further pruning.
    """

    n: int = 16
    temperature: float = 0.2
    sharing: float = 1.0
    covering: float = 1.4
    apart: float = 0.05
    max_steps: int = 40

    def __post_init__(self) -> None:
        at_least(1, n=self.n, max_steps=self.max_steps)
        above(0, temperature=self.temperature)
        at_least(0, sharing=self.sharing, covering=self.covering, apart=self.apart)

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Seats go by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Prune, share out the seats, continue, again."""
        allocate = partial(rebase, temperature=self.temperature)
        values = partial(self._values, search)
        await step_search(search, allocate, n=self.n, max_steps=self.max_steps, values=values)

    def _values(self, search: Search, nodes: Sequence[Node]) -> list[float]:
        scores = [search.value(node) for node in nodes]
        paths = [search.tree.path(node) for node in nodes]
        above = [{path.start.index, *(step.index for step in path.nodes[:-1])} for path in paths]
        groups = clusters(likenesses([node.text for node in nodes]), self.apart)
        kept = Pruning(
            gains=softmax(scores, self.temperature),
            above=above,
            groups=groups,
            price=self.sharing / (len(nodes) + len(set().union(*above))),
            prize=self.covering / (max(groups) + 1),
        ).best()
        return [score if i in kept else -math.inf for i, score in enumerate(scores)]
