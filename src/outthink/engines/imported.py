"""The engine of an imported run: what others' models wrote is there to be read; nothing more can be written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from outthink.cost import Usage
from outthink.engines import Request, Step
from outthink.errors import UsageError
from outthink.tree import Message, Path

__all__ = ["Imported"]


class Imported:
    """Stands for the model that wrote imported solutions, and writes nothing itself.

    Args:
        source: where the solutions are from.
    """

    def __init__(self, *, source: str = "elsewhere") -> None:
        self._source = source
        self.parameters = 0
        self.parallel = 1
        self.room: int | None = None
        self.usage = Usage()

    async def open(self) -> None:
        """Refuse.

        Raises:
            UsageError: always.
        """
        raise self._refusal()

    async def close(self) -> None:
        """Nothing to give back."""

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """Refuse, as `open` does."""
        raise self._refusal()

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        """Refuse, as `open` does."""
        raise self._refusal()
        yield  # what makes it a generator

    def _refusal(self) -> UsageError:
        return UsageError(
            f"these solutions were imported from {self._source}: they can be looked at and analysed, not continued; "
            "name an engine and another folder to write new ones"
        )
