"""The strategy of an imported run whose solutions a search wrote: which search it was, its file does not tell."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.checks import at_least
from outthink.errors import UsageError
from outthink.search import Search

__all__ = ["Imported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Solutions that some search wrote elsewhere, which depend on each other and on how many were asked for.

    So only all of them together can be judged: fewer of them are not what a smaller search would have found.
    Independent solutions are imported as `sample`.

    Args:
        n: the most solutions of a problem.
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
        """As searches do."""
        return True

    async def __call__(self, search: Search) -> None:
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise UsageError("`imported` stands for a search carried out elsewhere; name the strategy that is to search")
