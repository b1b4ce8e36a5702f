import asyncio

import pytest

from outthink.concurrency import gather, race, task_group
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


async def test_a_race_ends_when_enough_have_come_and_leaves_nobody_behind() -> None:
    async def after(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    before = asyncio.all_tasks()
    assert await race(after(50), after(5), after(20), enough=lambda came: len(came) == 2) == [5, 20]
    assert await race(after(3), after(1), enough=lambda came: False) == [1, 3]
    assert asyncio.all_tasks() == before


async def test_a_failure_ends_a_race() -> None:
    async def fail() -> int:
        raise EngineError("gone")

    with pytest.raises(EngineError, match="gone"):
        await race(fail(), asyncio.sleep(60, 1), enough=lambda came: False)
