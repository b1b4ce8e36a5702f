import asyncio

import pytest

from outthink.engines.slots import Slots


async def test_lower_priority_numbers_go_first_then_first_come() -> None:
    slots, order = Slots(1), []

    async def use(name: str, priority: int) -> None:
        async with slots.hold(1, priority):
            order.append(name)

    async with slots.hold(1, 0):
        waiting = [asyncio.create_task(use(name, priority)) for name, priority in [("b", 2), ("a", 1), ("c", 2)]]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert order == ["a", "b", "c"]


async def test_a_large_request_is_not_starved_by_small_ones() -> None:
    slots, order = Slots(2), []

    async def use(name: str, n: int) -> None:
        async with slots.hold(n, 0):
            order.append(name)
            await asyncio.sleep(0)

    async with slots.hold(1, 0):
        waiting = [asyncio.create_task(use(name, n)) for name, n in [("large", 2), ("small", 1)]]
        await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(*waiting)
    assert order == ["large", "small"]


async def test_a_cancelled_wait_holds_nothing() -> None:
    slots = Slots(1)

    async def use() -> None:
        async with slots.hold(1, 0):
            await asyncio.Event().wait()

    first, second = asyncio.create_task(use()), asyncio.create_task(use())
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    async with asyncio.timeout(1), slots.hold(1, 0):
        pass


async def test_slots_come_back_after_an_error() -> None:
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError):
        async with slots.hold(1, 0):
            raise ZeroDivisionError
    async with asyncio.timeout(1), slots.hold(1, 0):
        pass
