"""Several things in flight at a time, taken back in the order they were sent out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from outthink.concurrency import task_group

__all__ = ["in_order"]

T = TypeVar("T")


async def in_order(
    send: Callable[[], Awaitable[Coroutine[Any, Any, T] | None]], take: Callable[[T], None], *, at_once: int
) -> None:
    """Keep up to `at_once` pieces of work under way until there are no more.

    What comes back early waits for its turn. So what is decided next hangs on what was decided before and never on the
    clock: the same seed gives the same tree, however long each piece takes.

    Args:
        send: decides what to do next; None if there is nothing until more comes back.
        take: learns from what came back.
        at_once: pieces under way; 1 is one after the other.
    """
    flying: deque[asyncio.Task[T]] = deque()
    async with task_group() as group:
        while True:
            while len(flying) < at_once and (work := await send()) is not None:
                flying.append(group.create_task(work))
            if not flying:
                return
            take(await flying.popleft())
