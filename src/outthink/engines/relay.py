"""One request carried to its end, whatever the servers do on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from outthink.concurrency import task_group
from outthink.cost import Usage
from outthink.engines import Request, Step
from outthink.engines.fleet import Endpoint, Fleet
from outthink.engines.retry import Fault
from outthink.engines.servers import Prefix, Server
from outthink.engines.stream import Stream
from outthink.seeding import derive
from outthink.tree import Path

__all__ = ["Relay"]


@dataclass(slots=True)
class _Tip:
    """How far a sibling is: what of it was handed over since the path it continues, and whether that is all."""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    tokens: int = 0
    over: bool = False

    @property
    def begun(self) -> bool:
        return self.over or bool(self.ids or self.text)


class Relay:
    """The siblings of one request.

    They are asked for together as far as the server takes them together. Where that fails on the way, each one goes on
    by itself from its last complete step: nothing that was handed over is written a second time.

    Args:
        fleet: the servers.
        key: of the problem, for the fleet.
        path: what is continued.
        request: what was asked.
        flops: floating-point operations for so many computed tokens.
    """

    def __init__(self, fleet: Fleet, key: int, path: Path, request: Request, flops: Callable[[int], float]) -> None:
        self.abandoned = Usage()
        self._fleet = fleet
        self._key = key
        self._start = Prefix(path.messages, path.ids, path.text)
        self._request = request
        self._flops = flops
        self._tips = [_Tip() for _ in range(request.n)]
        self._ready: asyncio.Queue[Step | None] = asyncio.Queue()

    async def steps(self) -> AsyncGenerator[Step]:
        """Every step as it is written. Once this is closed, `abandoned` is what was spent on none that was yielded."""
        writing = asyncio.create_task(self._all())
        try:
            while (step := await self._ready.get()) is not None:
                yield step
            await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            while not self._ready.empty():
                late = self._ready.get_nowait()
                self.abandoned += Usage() if late is None else late.usage

    async def _all(self) -> None:
        try:
            await self._write(0, self._request.n)
        finally:
            self._ready.put_nowait(None)

    async def _write(self, first: int, n: int) -> None:
        while not all(tip.over for tip in self._tips[first : first + n]):
            await self._fleet.run(self._key, lambda endpoint, server: self._attempt(endpoint, server, first, n))

    async def _attempt(self, endpoint: Endpoint, server: Server, first: int, n: int) -> None:
        """Write what siblings `first` to `first + n - 1` lack, in one request where they still have all in common."""
        tips = self._tips[first : first + n]
        together = 1 if any(tip.begun for tip in tips) else min(server.together(self._request), endpoint.slots.total)
        if n <= together:
            await self._stream(endpoint, server, first, n)
            return
        async with task_group() as group:
            for start in range(first, first + n, together):
                group.create_task(self._write(start, min(together, first + n - start)))

    async def _stream(self, endpoint: Endpoint, server: Server, first: int, n: int) -> None:
        tip = self._tips[first]
        prefix = Prefix(self._start.messages, self._start.ids + tip.ids, self._start.text + tip.text)
        left = max(1, self._request.max_tokens - tip.tokens)
        request = replace(self._request, n=n, max_tokens=left, seed=self._seed(first))
        async with endpoint.slots.hold(n, request.priority):
            stream = Stream(request, first, n, prompt=prefix.tokens, flops=self._flops)
            handed = ended = 0
            try:
                async with aclosing(server.write(prefix, request, stream)) as chunks:
                    async for chunk in chunks:
                        for step in stream.feed(chunk):
                            handed += 1
                            self._hand_over(step)
                        ended += chunk.finish is not None
                        # Once the server has ended all of it, the rest of its answer is read for the sake of the
                        # connection; otherwise the connection is closed to end it.
                        if stream.over and ended < n:
                            return
                if not stream.over:
                    raise Fault(f"{endpoint.http.url} closed the connection before the end")
            except Fault:
                # What got somewhere was no failed attempt. It is gone on with from there.
                if not handed:
                    raise
            finally:
                self.abandoned += stream.abandoned(handed)

    def _seed(self, sibling: int) -> int:
        """A sibling's own seed; another one where it goes on after a break, lest it draw the same numbers again."""
        seed, tip = self._request.seed + sibling, self._tips[sibling]
        return derive(seed, tip.tokens) if tip.begun else seed

    def _hand_over(self, step: Step) -> None:
        tip = self._tips[step.sibling]
        tip.ids.extend(step.ids)
        tip.text += step.text
        tip.tokens += len(step.ids) or step.usage.generated_tokens
        tip.over = step.finish != "step" or not self._request.whole
        self._ready.put_nowait(step)
