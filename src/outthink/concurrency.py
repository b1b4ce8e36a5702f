"""Running things at the same time, with one plain error when any of them fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from outthink.errors import BudgetExhausted, OutthinkError

__all__ = ["gather", "task_group"]

T = TypeVar("T")


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """`asyncio.TaskGroup`, raising the gravest error itself where that raises a group of errors.

    Gravest first: a bug, then a failure, then a spent budget, which only says that a search is over.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise min(_flatten(errors), key=_gravity) from None


async def gather(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Results in the order given; the first failure cancels the rest."""
    async with task_group() as group:
        tasks = [group.create_task(each) for each in work]
    return [task.result() for task in tasks]


def _flatten(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in errors.exceptions:
        found.extend(_flatten(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


def _gravity(error: BaseException) -> int:
    if isinstance(error, BudgetExhausted):
        return 2
    return 1 if isinstance(error, OutthinkError) else 0
