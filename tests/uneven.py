"""Solutions of unequal length on the scripted engine."""

import zlib
from collections.abc import AsyncGenerator
from dataclasses import replace

from outthink.engines import Request, Step
from outthink.engines.scripted import Scripted
from outthink.tree import Path


class Uneven(Scripted):
    """Ends some steps for good, whichever their texts say.

    Args:
        one_in: so many steps.
        steps: of a solution that none of them ends.
        parameters: as the scripted engine's.
    """

    def __init__(self, *, one_in: int, steps: int, parameters: int = 0) -> None:
        super().__init__(steps=steps, parameters=parameters)
        self._one_in = one_in

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        async for step in super().sample(path, request):
            over = zlib.crc32(step.text.encode()) % self._one_in == 0
            yield replace(step, finish="end") if over else step
