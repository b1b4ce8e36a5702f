"""A queue for a fixed number of slots: the lowest priority number first, then first come, first served."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

__all__ = ["Slots"]


class Slots:
    """Slots that requests occupy while they are under way.

    A request for several slots gets them together. The one at the head of the queue is never overtaken, so a large
    request cannot starve.

    Args:
        total: slots there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._order = count()
        self._waiting: list[tuple[int, int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def hold(self, n: int, priority: int) -> AsyncIterator[None]:
        """Wait for `n` slots (at most `total`), hold them, give them back."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), n, turn))
        self._admit()
        try:
            await turn
            yield
        finally:
            # A cancelled wait holds nothing, unless it was admitted in the same moment.
            if turn.cancelled() or not turn.done():
                turn.cancel()
            else:
                self._free += n
            self._admit()

    def _admit(self) -> None:
        while self._waiting:
            _, _, n, turn = self._waiting[0]
            if not turn.cancelled() and n > self._free:
                return
            heapq.heappop(self._waiting)
            if not turn.cancelled():
                self._free -= n
                turn.set_result(None)
