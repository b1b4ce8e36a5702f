"""Several servers as one: which of them serves a problem, and what happens when one fails."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from outthink.concurrency import gather
from outthink.engines import retry
from outthink.engines.http import Http
from outthink.engines.retry import Fault
from outthink.engines.servers import Server
from outthink.engines.slots import Slots
from outthink.errors import EngineDown, EngineError
from outthink.seeding import derive

__all__ = ["Endpoint", "Fleet"]

T = TypeVar("T")
_log = logging.getLogger(__name__)
# A request that failed so often, on a server that meanwhile answered others, is at fault itself.
_ATTEMPTS = 8
# A server that failed so often in a row, whoever asked, is taken to be gone: there may be another.
_STRIKES = 3


class Endpoint:
    """One server: its address, what it can do once that is known, its slots, and how it has been lately.

    Args:
        http: its address.
        parallel: siblings it may be asked to write at the same time.
    """

    def __init__(self, http: Http, parallel: int) -> None:
        self.http = http
        self.server: Server | None = None
        self.discovery = asyncio.Lock()
        self.slots = Slots(parallel)
        self.answered = float("-inf")
        self.failing_since: float | None = None
        self.strikes = 0
        self.away = False
        self.try_at = 0.0

    def worked(self) -> None:
        """A request succeeded."""
        if self.away:
            _log.info("%s is back", self.http.url)
        self.answered, self.failing_since, self.strikes, self.away = time.monotonic(), None, 0, False

    def failed(self, fault: Fault, pause: float, patience: float) -> None:
        """A request failed; others may try this server again after `pause` seconds, and first if there is no other."""
        now = time.monotonic()
        self.failing_since = self.failing_since or now
        self.strikes += 1
        was_away, self.away = self.away, fault.away or self.strikes >= _STRIKES
        if self.away and not was_away:
            _log.warning("%s; trying again for %g s", fault, patience)
        self.try_at = now + pause


class Fleet:
    """Servers of the same model. A problem's requests go to one of them, whose cache holds its prefixes.

    Args:
        endpoints: the servers.
        discover: finds out what one of them can do.
        patience: seconds for which no server may be of any use before the run ends.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], discover: Callable[[Endpoint], Awaitable[Server]], patience: float
    ) -> None:
        self.endpoints = endpoints
        self._discover = discover
        self._patience = patience

    async def open(self) -> None:
        """Find out what every server can do that is there, and wait for one if none is; raises like `run`."""
        await gather(*(self._greet(endpoint) for endpoint in self.endpoints))
        await self.run(0, _nothing)

    async def run(self, key: int, work: Callable[[Endpoint, Server], Awaitable[T]]) -> T:
        """Do one request's work, again and again where it fails in passing, on another server where one is gone.

        Args:
            key: the same for all requests that should meet the same server.
            work: is called anew for every attempt.

        Raises:
            EngineDown: no server has been of any use for as long as `patience`.
            EngineError: this request fails though others succeed, or a server never worked.
        """
        began, attempt, faults = time.monotonic(), 0, 0
        endpoint = self._pick(key)
        while True:
            try:
                result = await self._once(endpoint, work)
            except Fault as fault:
                pause = retry.wait(attempt, fault.after)
                endpoint.failed(fault, pause, self._patience)
                attempt, faults = attempt + 1, faults + (not fault.away)
                if faults >= _ATTEMPTS and (endpoint.server is None or endpoint.answered > began):
                    raise EngineError(f"{fault} ({faults} attempts)") from fault
                self._check_patience(fault)
                failed, endpoint = endpoint, self._pick(key)
                if endpoint is failed:
                    await asyncio.sleep(pause)
            else:
                endpoint.worked()
                return result

    async def _greet(self, endpoint: Endpoint) -> None:
        try:
            await self._once(endpoint, _nothing)
        except Fault as fault:
            endpoint.failed(fault, retry.FIRST_WAIT, self._patience)

    async def _once(self, endpoint: Endpoint, work: Callable[[Endpoint, Server], Awaitable[T]]) -> T:
        try:
            async with endpoint.discovery:
                server = endpoint.server = endpoint.server or await self._discover(endpoint)
            return await work(endpoint, server)
        except LookupError as error:
            raise Fault(f"{endpoint.http.url} sent an answer that lacks {error}") from error

    def _pick(self, key: int) -> Endpoint:
        """The server a key ranks first, of those that are there or may be back; all rank differently for other keys."""
        now = time.monotonic()
        ranked = sorted(self.endpoints, key=lambda each: derive(key, self.endpoints.index(each)))
        for endpoint in ranked:
            if not endpoint.away:
                return endpoint
            if now >= endpoint.try_at:
                # This request finds out for all.
                endpoint.try_at = now + retry.LONGEST_WAIT
                return endpoint
        return ranked[0]

    def _check_patience(self, fault: Fault) -> None:
        now = time.monotonic()
        lost = all(now - (endpoint.failing_since or now) > self._patience for endpoint in self.endpoints)
        if lost or (fault.after or 0.0) > self._patience:
            raise EngineDown(
                f"{str(fault).rstrip('.')}. No request was answered for {self._patience:g} s (engine.patience); start "
                "the server again, then the same command goes on from what was finished"
            ) from fault


async def _nothing(endpoint: Endpoint, server: Server) -> None:
    """To be known is all that is asked of the server."""
