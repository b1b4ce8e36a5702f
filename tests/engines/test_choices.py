import asyncio
from collections.abc import Sequence

from outthink.cost import Usage
from outthink.engines.choices import at_each


async def test_a_longer_prefix_is_asked_for_when_what_it_continues_is_cached() -> None:
    under_way, asked = 0, []

    async def choose(ids: Sequence[int]) -> tuple[list[float], Usage]:
        nonlocal under_way
        assert under_way == 0
        under_way += 1
        await asyncio.sleep(0)
        under_way -= 1
        asked.append(list(ids))
        return [float(sum(ids))], Usage(scored_tokens=len(ids), calls=1)

    rows, usage = await at_each([1, 2, 3, 4], [0, 3], choose)
    assert asked == [[1], [1, 2, 3, 4]]
    assert rows == [[1.0], [10.0]]
    assert usage == Usage(scored_tokens=5, calls=2)
    assert await at_each([1], [], choose) == ([], Usage())
