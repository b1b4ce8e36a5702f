import asyncio
from collections.abc import Sequence

import pytest

from outthink.engines.prefix_queue import PrefixQueue

PROMPT = [1, 2, 3, 4]


class Reader:
    """Reads sequences that were begun in some order, and ends them when told to."""

    def __init__(self) -> None:
        self.queue = PrefixQueue()
        self.reading: list[Sequence[int]] = []
        self._tasks: dict[tuple[int, ...], tuple[asyncio.Task[None], asyncio.Event]] = {}

    async def begin(self, ids: Sequence[int]) -> None:
        over = asyncio.Event()
        self._tasks[tuple(ids)] = asyncio.create_task(self._read(ids, over)), over
        await asyncio.sleep(0)

    async def end(self, ids: Sequence[int], *, cancelled: bool = False) -> None:
        task, over = self._tasks.pop(tuple(ids))
        if cancelled:
            task.cancel()
        over.set()
        await asyncio.wait([task])
        await asyncio.sleep(0)

    async def _read(self, ids: Sequence[int], over: asyncio.Event) -> None:
        async with self.queue.turn(ids):
            self.reading.append(ids)
            try:
                await over.wait()
            finally:
                self.reading.remove(ids)


async def test_paths_of_a_problem_are_read_one_after_the_other_in_their_order() -> None:
    reader = Reader()
    first, second, third = ([*PROMPT, step, step] for step in (5, 6, 7))
    for ids in (first, second, third):
        await reader.begin(ids)
    assert reader.reading == [first]
    await reader.end(first)
    assert reader.reading == [second]
    await reader.end(second)
    assert reader.reading == [third]
    await reader.end(third)
    assert reader.reading == []


async def test_what_has_less_than_half_of_itself_in_common_does_not_wait() -> None:
    reader = Reader()
    longer = [*PROMPT, 5, 6, 7, 8, 9]
    for ids in (PROMPT, longer, [9, 8, 7], [1, 2, 3, 9, 9, 9, 9]):
        await reader.begin(ids)
    assert reader.reading == [PROMPT, longer, [9, 8, 7], [1, 2, 3, 9, 9, 9, 9]]
    await reader.begin([1, 2, 3, 9])
    assert len(reader.reading) == 4
    for ids in list(reader.reading):
        await reader.end(ids)
    assert reader.reading == [[1, 2, 3, 9]]
    await reader.end([1, 2, 3, 9])


@pytest.mark.parametrize("which", [0, 1])
async def test_one_that_is_cancelled_holds_up_nobody(which: int) -> None:
    reader = Reader()
    paths = [[*PROMPT, step] for step in (5, 6, 7)]
    for ids in paths:
        await reader.begin(ids)
    await reader.end(paths.pop(which), cancelled=True)
    assert reader.reading == paths[:1]
    await reader.end(paths[0])
    assert reader.reading == paths[1:]
    await reader.end(paths[1])
