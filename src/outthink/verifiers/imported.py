"""The verifier of an imported run: others' scores are there to be read; nothing more can be judged."""

from __future__ import annotations

from outthink.cost import Usage
from outthink.engines import Engine
from outthink.errors import UsageError
from outthink.select import Aggregate
from outthink.tree import Path
from outthink.verifiers import Scores

__all__ = ["Imported"]


class Imported:
    """Stands for the model that scored imported solutions, and scores nothing itself.

    Args:
        aggregate: how its step scores become one number.
    """

    aggregate: Aggregate

    def __init__(self, *, aggregate: Aggregate = "last") -> None:
        self.aggregate = aggregate
        self.usage = Usage()

    async def open(self, engine: Engine) -> None:
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise self._refusal()

    async def close(self) -> None:
        """Nothing to give back."""

    async def score(self, path: Path) -> Scores:
        """Refuse, as `open` does."""
        raise self._refusal()

    def _refusal(self) -> UsageError:
        return UsageError("these scores were imported: there is no model to give others; name another verifier")
