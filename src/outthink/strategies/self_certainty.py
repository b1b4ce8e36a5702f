"""Self-certainty: solutions are ranked by how far the model was from guessing, and their ranks vote."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.checks import at_least
from outthink.confidence import borda, mean, told
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.parts.around import Around
from outthink.strategies.parts.turns import solved
from outthink.strategies.sample import Sample

__all__ = ["SelfCertainty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCertainty(Around):
    """Borda voting by self-certainty (Kang et al. 2025, arXiv 2502.18581).

    The solutions of another strategy are ranked by the mean confidence of their tokens; of n solutions, the r-th votes
    with weight (n - r + 1) ** power. The paper takes the mean over the whole vocabulary; here it is over the candidates
    that `sampling.top_logprobs` asks for, an approximation.

    Args:
        inner: writes the solutions.
        power: 0 is majority voting; the higher, the more the most certain solution decides. 0.5 in the paper's code.
    """

    inner: Strategy = Sample()
    power: float = 0.5

    def __post_init__(self) -> None:
        at_least(0, power=self.power)

    async def __call__(self, search: Search) -> None:
        """Solve, then rank."""
        solutions = await solved(search, self.inner)
        certainties = [mean(told(search.tree.path(each))) for each in solutions]
        for solution, votes in zip(solutions, borda(certainties, self.power), strict=True):
            solution.weight *= votes
