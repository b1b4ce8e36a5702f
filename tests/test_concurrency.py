import asyncio

import pytest

from outthink.concurrency import gather, task_group
from outthink.errors import BudgetExhausted, EngineError


async def _fail(error: BaseException) -> None:
    raise error


async def test_results_come_in_the_order_given() -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value

    assert await gather(later(1), later(2), later(3)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ([BudgetExhausted("tokens"), EngineError("dead")], EngineError),
        ([EngineError("dead"), ZeroDivisionError()], ZeroDivisionError),
        ([BudgetExhausted("tokens"), BudgetExhausted("tokens")], BudgetExhausted),
    ],
)
async def test_the_gravest_error_is_raised_bare(errors: list[Exception], raised: type[Exception]) -> None:
    with pytest.raises(raised):
        async with task_group() as group:
            for error in errors:
                group.create_task(_fail(error))


async def test_nested_groups_still_raise_one_bare_error() -> None:
    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_fail(EngineError("dead")))

    with pytest.raises(EngineError):
        await gather(inner())


async def test_a_failure_cancels_the_rest() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(EngineError):
        await gather(wait(), _fail(EngineError("dead")))
    assert cancelled.is_set()
