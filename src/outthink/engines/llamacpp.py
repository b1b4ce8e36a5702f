"""The embedded engine: llama.cpp in this process, no server to start, no GPU needed.

llama.cpp batches continuously over a fixed number of slots. Requests go in as token ids and stream back as token ids.
A request for n siblings computes their common prefix once and copies it to n slots, and llama.cpp keeps each slot's
prefix for the requests that continue it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from outthink.cores import usable_cores
from outthink.cost import Usage, forward_flops
from outthink.engines import Request, Step
from outthink.engines.choices import at_each
from outthink.engines.llamacpp_library import llamacpp_library
from outthink.engines.llamacpp_reader import LlamaCppReader
from outthink.engines.llamacpp_requests import choice, chosen, completion
from outthink.engines.prefix_queue import PrefixQueue
from outthink.engines.slots import Slots
from outthink.engines.stream import Stream
from outthink.errors import ContextTooSmall, EngineError, ModelNotFound, UsageError
from outthink.merged import merged
from outthink.models import BUILT_IN, DEFAULT_MODEL, ModelFiles, resolve
from outthink.shape import Shape, shape_of_gguf
from outthink.tree import Message, Path

__all__ = ["LlamaCpp"]

# Mebibytes for what slots held before they were taken by others; llama.cpp's own limit is 8 GiB for each model.
_REMEMBERED = 512


class LlamaCpp:
    """llama.cpp in process, on any GGUF model.

    Args:
        model: a built-in name (see `outthink models`), a path, or `owner/repository/file.gguf` on the Hub.
        adapter: path to a LoRA adapter in GGUF format.
        context: tokens each slot holds: prompt and solution together.
        parallel: slots: siblings written at the same time.
        threads: CPU threads; by default one for each core that this process may use.
    """

    def __init__(
        self,
        *,
        model: str = DEFAULT_MODEL,
        adapter: str | None = None,
        context: int = 2048,
        parallel: int = 8,
        threads: int | None = None,
    ) -> None:
        for name, value in (("context", context), ("parallel", parallel), ("threads", threads or 1)):
            if value < 1:
                raise UsageError(f"llamacpp: {name} is {value}; it must be at least 1")
        self._model = model
        self._adapter = adapter
        self._context = context
        self.parallel = parallel
        self._threads = threads or len(usable_cores())
        self._server: Any = None
        self._http: Any = None
        self._pool: ThreadPoolExecutor | None = None
        self._slots = Slots(parallel)
        self._prefixes = PrefixQueue()
        self.shape: Shape | None = None
        self.room: int | None = context * parallel
        self.usage = Usage()

    async def open(self) -> None:
        """Fetch the model if need be, and load it.

        Raises:
            ModelNotFound: there is no such model, or its file is broken.
            UsageError: llama.cpp cannot be loaded.
        """
        import httpx

        # Before anything is fetched.
        library = await asyncio.to_thread(llamacpp_library)
        found = await asyncio.to_thread(self._files)
        self._server = await asyncio.to_thread(self._load, library, found)
        # Prompts are templated and tokenised over loopback, where llama.cpp offers that; nothing is kept alive, since
        # its server drops idle connections without a word.
        self._http = httpx.AsyncClient(
            base_url=self._server.listening_address, timeout=60, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="llamacpp")
        size = (await self._get("/v1/models"))["data"][0]["meta"]["n_params"]
        self.shape = await asyncio.to_thread(shape_of_gguf, found.weights, size)

    async def close(self) -> None:
        """Free the model."""
        if self._http is not None:
            await self._http.aclose()
        if self._pool is not None:
            self._pool.shutdown()
        self._server = self._http = self._pool = None

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The chat in the model's own template, as token ids.

        Raises:
            ContextTooSmall: the prompt alone fills the context.
        """
        prompt = (await self._post("/apply-template", {"messages": list(messages)}))["prompt"]
        ids = await self._tokens(prompt, add_special=True)
        if len(ids) >= self._context:
            raise ContextTooSmall(
                f"the prompt has {len(ids)} tokens and the context holds {self._context}; raise engine.context"
            )
        return ids

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        """Continue a path; siblings in groups that fit the slots."""
        ids = path.ids
        for first in range(0, request.n, self.parallel):
            n = min(self.parallel, request.n - first)
            part = replace(request, n=n, seed=request.seed + first)
            body = completion(ids, part) | {"verbose": True}
            stream = Stream(request, first, n, prompt=len(ids), flops=self._flops)
            delivered = 0
            async with self._slots.hold(n, request.priority):
                try:
                    # Closed here and now when the caller leaves early: the slots are free only after that.
                    async with aclosing(self._run(body, stream, request.sampling.top_logprobs)) as steps:
                        async for step in steps:
                            delivered += 1
                            yield step
                finally:
                    request.abandoned(stream.abandoned(delivered))
                    self.usage += stream.usage

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names."""
        return await self._tokens(text, add_special=False)

    async def choose(
        self, ids: Sequence[int], positions: Sequence[int], options: Sequence[int]
    ) -> tuple[list[list[float]], Usage]:
        """Log-probabilities of the options behind some positions, normalised over them."""
        async with self._prefixes.turn(ids):
            return await at_each(ids, positions, lambda prefix: self._choose(prefix, options))

    async def _choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], Usage]:
        body = choice(ids, options) | {"verbose": True}
        began = time.perf_counter()
        async with self._slots.hold(1, 0):
            reply = await self._in_thread(lambda: self._server.handle_completions(body))
        _raise_error(reply)
        timings = reply["timings"]
        usage = Usage(
            scored_tokens=timings["prompt_n"],
            cached_tokens=timings["cache_n"],
            calls=1,
            seconds=time.perf_counter() - began,
            flops=self._flops(timings["prompt_n"]),
        )
        self.usage += usage
        return chosen(reply["__verbose"], options), usage

    @property
    def parameters(self) -> int:
        """The model's size."""
        return self.shape.parameters if self.shape is not None else 0

    def _files(self) -> ModelFiles:
        found = resolve(self._model, self._adapter)
        if self._adapter is None and found.adapter is not None:
            # An adapter that ships never changes, so that it is worth the room.
            whole = merged(found.weights, found.adapter, BUILT_IN[self._model].numbers)
            return ModelFiles(weights=whole, adapter=None)
        return found

    def _load(self, library: Any, found: ModelFiles) -> Any:
        params = library.CommonParams()
        params.model.path = str(found.weights)
        params.n_parallel = self.parallel
        params.n_ctx = self._context * self.parallel
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.cache_ram_mib = _REMEMBERED
        params.warmup = False
        params.verbosity = -1
        if found.adapter is not None:
            adapter = library.CommonAdapterLoraInfo()
            adapter.path, adapter.scale = str(found.adapter), 1.0
            params.lora_adapters = [adapter]
        try:
            return library.Server(params)
        except (RuntimeError, ValueError) as error:
            raise ModelNotFound(
                f"llama.cpp could not load {found.weights}"
                + (f" with adapter {found.adapter}" if found.adapter else "")
                + f": {str(error).rstrip('.')}. The file may be incomplete or of an unsupported architecture, or the "
                "adapter made for another model"
            ) from error

    async def _run(self, body: dict[str, Any], stream: Stream, top: int) -> AsyncGenerator[Step]:
        """Let a thread wait for llama.cpp and hand over what it hears; abandoning the iterator ends the request."""
        loop = asyncio.get_running_loop()
        reader = LlamaCppReader(body["n"], top=top, tokenize=self.tokenize, detokenize=self._detokenize)
        heard: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def receive(chunk: dict[str, Any]) -> bool:
            loop.call_soon_threadsafe(heard.put_nowait, chunk)
            return stream.over

        def work() -> None:
            try:
                self._server.handle_completions(body, receive)
            finally:
                loop.call_soon_threadsafe(heard.put_nowait, None)

        working = self._in_thread(work)
        try:
            while (chunk := await heard.get()) is not None:
                _raise_error(chunk)
                for step in stream.feed(await reader.read(chunk["__verbose"])):
                    yield step
            await working
        finally:
            # llama.cpp asks after every token whether to go on; its slots are free once the thread is back.
            stream.over = True
            await asyncio.shield(working)

    def _in_thread(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        if self._pool is None:
            raise EngineError("the engine is not open: await its open() first")
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        body = {"content": text, "add_special": add_special, "parse_special": True}
        ids: list[int] = (await self._post("/tokenize", body))["tokens"]
        return ids

    async def _detokenize(self, ids: list[int]) -> str:
        text: str = (await self._post("/detokenize", {"tokens": ids}))["content"]
        return text

    def _flops(self, tokens: int) -> float:
        return forward_flops(self.parameters, tokens)

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        if self._http is None:
            raise EngineError("the engine is not open: await its open() first")
        reply = await self._http.post(path, json=body)
        if reply.status_code != 200:
            raise EngineError(f"llama.cpp refused {path}: {reply.text[:500]}")
        return reply.json()

    async def _get(self, path: str) -> Any:
        return (await self._http.get(path)).json()


def _raise_error(reply: dict[str, Any]) -> None:
    error = reply.get("error")
    if error is None:
        return
    if error.get("type") == "exceed_context_size_error":
        raise ContextTooSmall(
            f"the path has {error['n_prompt_tokens']} tokens and a slot holds {error['n_ctx']}; raise engine.context"
        )
    raise EngineError(f"llama.cpp failed: {error.get('message', error)}")
