"""Sample: N independent solutions. Majority voting and (weighted) best-of-N are selections on top of it."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.checks import at_least
from outthink.search import Search

__all__ = ["Sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """N independent solutions of one problem.

    With the selection `majority` this is self-consistency (Wang et al. 2022, arXiv 2203.11171), with `best` best-of-N
    (Cobbe et al. 2021, arXiv 2110.14168), with `weighted` weighted best-of-N (Li et al. 2022, arXiv 2206.02336).

    Args:
        n: solutions.
    """

    n: int = 16

    def __post_init__(self) -> None:
        at_least(1, n=self.n)

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Scores matter only to the selection."""
        return False

    async def __call__(self, search: Search) -> None:
        """Write all solutions at once."""
        await search.complete([search.root], self.n)
