"""A queue for prefixes: which of several requests computes what they share, where each would compute it for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from outthink.prefix import shared

__all__ = ["PrefixQueue"]


class PrefixQueue:
    """Sequences that are read by an engine which caches every prefix in one place only, as llama.cpp's slots do.

    A sequence waits for those before it with which it has at least half of itself in common; it then finds that half
    cached. Read at the same time, each would compute it anew. Sequences that have less in common do not wait.
    """

    def __init__(self) -> None:
        self._queue: dict[asyncio.Event, Sequence[int]] = {}

    @asynccontextmanager
    async def turn(self, ids: Sequence[int]) -> AsyncIterator[None]:
        """Wait for a sequence's turn, and let others have theirs afterwards."""
        mine = asyncio.Event()
        before = [over for over, other in self._queue.items() if 2 * shared(ids, other) >= len(ids)]
        self._queue[mine] = ids
        try:
            for over in before:
                await over.wait()
            yield
        finally:
            mine.set()
            del self._queue[mine]
