"""Servers over HTTP: vLLM's, SGLang's, llama.cpp's, and whatever else is compatible with OpenAI's API."""

from __future__ import annotations

import logging
import os
import time
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Literal

from outthink.cost import Usage, forward_flops
from outthink.engines import Request, Step
from outthink.engines.choices import at_each
from outthink.engines.fleet import Endpoint, Fleet
from outthink.engines.http import Http, Refused
from outthink.engines.logprobs import normalised
from outthink.engines.relay import Relay
from outthink.engines.servers import Server, recognise
from outthink.engines.slots import Slots
from outthink.errors import ContextTooSmall, EngineError, ModelNotFound, UsageError
from outthink.seeding import derive
from outthink.shape import Shape
from outthink.tree import Message, Path

__all__ = ["OpenAI"]

_log = logging.getLogger(__name__)
# Requests whose first ids agree are about the same problem and should meet the same server.
_FIRST_IDS = 64


class OpenAI:
    """Servers over HTTP, each continued by token ids where it can, by text elsewhere.

    What a server can do is found out by asking it. `mode` is "ids" or "text" once the engine is open, and a line in the
    log says more. In text mode nodes have no ids, a step's tokens are estimates, and the judge cannot be used.

    Requests that fail in passing are repeated. What a failed attempt cost is counted as far as it was heard of; the few
    tokens that finding out costs are not counted.

    Args:
        url: a server's address, or several of the same model: a problem's requests all go to one of them, and to
            another while that one is down.
        model: by the server's name for it; may be left out where the server has only one.
        key: the environment variable that holds the API key, if the server wants one.
        parallel: siblings a server writes at the same time; llama.cpp's tells its own number.
        timeout: seconds of silence after which a request is given up and repeated.
        patience: seconds for which no server may be of any use before the run ends.
        parameters: the model's size, for FLOPs.
        layers, width, kv_width: of the model's attention, as in `Shape`, for the FLOPs that studies count.
        seeded: have vLLM draw each sibling from its own seed, which costs it speed; llama.cpp always does.
    """

    def __init__(
        self,
        *,
        url: str | list[str] = "http://localhost:8000",
        model: str | None = None,
        key: str = "OPENAI_API_KEY",
        parallel: int = 64,
        timeout: float = 120.0,
        patience: float = 300.0,
        parameters: int = 0,
        layers: int = 0,
        width: int = 0,
        kv_width: int = 0,
        seeded: bool = False,
    ) -> None:
        self._urls = [url] if isinstance(url, str) else url
        if not self._urls or len(set(self._urls)) < len(self._urls):
            raise UsageError("openai: url names no server, or one of them twice")
        for name, value in (("parallel", parallel), ("timeout", timeout), ("patience", patience)):
            if value <= 0:
                raise UsageError(f"openai: {name} is {value}; it must be above 0")
        if key != "OPENAI_API_KEY" and key not in os.environ:
            raise UsageError(f"openai: the environment variable {key} (key) is not set")
        self._model = model
        self._key = key
        self._parallel = parallel
        self._timeout = timeout
        self._patience = patience
        self.shape = Shape(parameters=parameters, layers=layers, width=width, kv_width=kv_width)
        self._seeded = seeded
        self._fleet: Fleet | None = None
        self.mode: Literal["ids", "text"] | None = None
        self.parallel = parallel * len(self._urls)
        self.room: int | None = None
        self.usage = Usage()

    async def open(self) -> None:
        """Reach the servers and find out what they can do; those that are not there may come later, but for one.

        Raises:
            ModelNotFound: a server does not have the model.
            UsageError: an address, the key or the choice of model is wrong, or the servers are of different kinds.
            EngineDown: no server came up in time.
        """
        endpoints = [
            Endpoint(
                Http(url, key=os.environ.get(self._key), key_variable=self._key, timeout=self._timeout), self._parallel
            )
            for url in self._urls
        ]
        self._fleet = Fleet(endpoints, self._discover, self._patience)
        await self._fleet.open()
        known = [endpoint.server for endpoint in endpoints]
        self.parallel = sum(endpoint.slots.total for endpoint in endpoints)
        rooms = [server.room for server in known if server is not None and server.room is not None]
        self.room = sum(rooms) if rooms else None

    async def close(self) -> None:
        """Close all connections."""
        fleet, self._fleet = self._fleet, None
        for endpoint in fleet.endpoints if fleet is not None else ():
            await endpoint.http.close()

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The chat in the served model's own template, as token ids; none in text mode.

        Raises:
            ContextTooSmall: the prompt alone fills the context.
        """

        async def work(endpoint: Endpoint, server: Server) -> list[int]:
            ids = await server.encode(messages)
            if server.context is not None and len(ids) >= server.context:
                raise ContextTooSmall(
                    f"the prompt has {len(ids)} tokens and the context of {endpoint.http.url} holds {server.context}; "
                    "serve the model with a longer one"
                )
            return ids

        return await self._open_fleet().run(zlib.crc32(repr(messages).encode()), work)

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        """Continue a path on the problem's server; each step is yielded as soon as it is heard of."""
        key = derive(path.tree.root.seed, zlib.crc32(path.question.encode()))
        relay = Relay(self._open_fleet(), key, path, request, self._flops)
        try:
            async with aclosing(relay.steps()) as steps:
                async for step in steps:
                    self.usage += step.usage
                    yield step
        finally:
            request.abandoned(relay.abandoned)
            self.usage += relay.abandoned

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names.

        Raises:
            UsageError: the engine runs in text mode.
        """
        return await self._open_fleet().run(0, lambda _, server: server.tokenize(text))

    async def choose(
        self, ids: Sequence[int], positions: Sequence[int], options: Sequence[int]
    ) -> tuple[list[list[float]], Usage]:
        """Log-probabilities of the options behind some positions, normalised over them.

        Raises:
            UsageError: the engine runs in text mode.
        """
        return await at_each(ids, positions, lambda prefix: self._choose(prefix, options))

    async def _choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], Usage]:
        began = time.perf_counter()

        async def work(endpoint: Endpoint, server: Server) -> tuple[list[float], tuple[int, int]]:
            async with endpoint.slots.hold(1, 0):
                return await server.choose(ids, options)

        key = zlib.crc32(repr(ids[:_FIRST_IDS]).encode())
        logprobs, (computed, cached) = await self._open_fleet().run(key, work)
        usage = Usage(
            scored_tokens=computed,
            cached_tokens=cached,
            calls=1,
            seconds=time.perf_counter() - began,
            flops=self._flops(computed),
        )
        self.usage += usage
        return normalised(logprobs), usage

    @property
    def parameters(self) -> int:
        """The model's size."""
        return self.shape.parameters

    async def _discover(self, endpoint: Endpoint) -> Server:
        server = await recognise(endpoint.http, await self._named(endpoint.http), seeded=self._seeded)
        mode: Literal["ids", "text"] = "ids" if server.by_ids else "text"
        if self.mode is not None and self.mode != mode:
            raise UsageError(
                f"openai: {endpoint.http.url} runs in {mode} mode, the servers before it in {self.mode} mode; name "
                "servers of one kind"
            )
        self.mode = mode
        if server.slots is not None:
            endpoint.slots = Slots(server.slots)
        _log.info("%s: mode %s. %s", endpoint.http.url, mode, server.about)
        return server

    async def _named(self, http: Http) -> str:
        """The model by its name on a server, which must have it."""
        try:
            listed = (await http.get("/v1/models"))["data"]
        except Refused:
            if self._model is None:
                raise UsageError(f"openai: {http.url} lists no models; name one (engine.model)") from None
            return self._model
        offered = [name for each in listed for name in (each["id"], *each.get("aliases", ()))]
        shown = ", ".join(dict.fromkeys(offered[:20])) + (" and more" if len(offered) > 20 else "")
        if self._model is None and len(listed) == 1:
            return str(offered[0])
        if self._model is None:
            raise UsageError(f"openai: {http.url} serves {shown or 'nothing'}; name the model (engine.model)")
        if self._model not in offered:
            raise ModelNotFound(f"{http.url} does not serve {self._model!r} (engine.model); it serves {shown}")
        return self._model

    def _open_fleet(self) -> Fleet:
        if self._fleet is None:
            raise EngineError("the engine is not open: await its open() first")
        return self._fleet

    def _flops(self, tokens: int) -> float:
        return forward_flops(self.parameters, tokens)
