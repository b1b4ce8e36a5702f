"""Running things at the same time, with one plain error when any of them fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from outthink.errors import BudgetExhausted, OutthinkError

__all__ = ["gather", "race", "task_group"]

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
    """Results in the order given; the first failure cancels the rest.

    A spent budget is no failure: it is raised when the rest, who may have some of it set aside, are done.
    """
    async with task_group() as group:
        tasks = [group.create_task(_seen_through(each)) for each in work]
    results = []
    for task in tasks:
        result, spent = task.result()
        if spent is not None:
            raise spent
        results.append(cast(T, result))
    return results


async def race(*work: Coroutine[Any, Any, T], enough: Callable[[Sequence[T]], bool]) -> list[T]:
    """Results in the order in which they come; once there are enough, what is still under way is cancelled."""
    came: list[T] = []
    async with task_group() as group:
        tasks = [group.create_task(each) for each in work]
        for coming in asyncio.as_completed(tasks):
            came.append(await coming)
            if enough(came):
                break
        for task in tasks:
            task.cancel()
    return came


async def _seen_through(work: Coroutine[Any, Any, T]) -> tuple[T | None, BudgetExhausted | None]:
    try:
        return await work, None
    except BudgetExhausted as spent:
        return None, spent


def _flatten(errors: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in errors.exceptions:
        found.extend(_flatten(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found


def _gravity(error: BaseException) -> int:
    if isinstance(error, BudgetExhausted):
        return 2
    return 1 if isinstance(error, OutthinkError) else 0
