"""The plain backend: transformers in this process, on any device torch knows. Written to be read.

Requests that arrive together are computed together, batched by length; keys and values are kept by token prefix, so
that only what is new on a path is computed. One thread computes, and the event loop stays free.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from outthink.cost import Usage, forward_flops
from outthink.errors import UsageError, VerifierError
from outthink.precision import emulates_bfloat16
from outthink.shape import Shape
from outthink.tree import Message
from outthink.verifiers.backends import Reading
from outthink.verifiers.backends.bodies import Body
from outthink.verifiers.backends.readers import Asked, Linear, LogRatio, Reader
from outthink.verifiers.checkpoints import locate, read_head
from outthink.verifiers.heads import Head, Ratio, settle

__all__ = ["Transformers"]

_TOGETHER = 0.002
"""Seconds in which requests count as arriving together."""

_WORTH_WAITING = 32
"""Tokens that two sequences must share for one to wait until the other's are known."""


@dataclass(slots=True, eq=False)
class _Request:
    asked: Asked
    reading: asyncio.Future[Reading]
    began: float


class Transformers:
    """Reward models by transformers, with every kind of head.

    Args:
        dtype: numbers to compute with; "auto" is the checkpoint's own, and float32 on a CPU that has no kernels for
            bfloat16.
        device: as torch names it; "auto" takes a GPU if there is one.
        batch_tokens: cap on one batch: sequences times the longest one's tokens.
        cache_tokens: tokens whose keys and values are kept; of a model of 7B they take about 60 kB each.
    """

    def __init__(
        self,
        *,
        dtype: Literal["auto", "float32", "bfloat16"] = "auto",
        device: str = "auto",
        batch_tokens: int = 16384,
        cache_tokens: int = 65536,
    ) -> None:
        for name, value in (("batch_tokens", batch_tokens), ("cache_tokens", cache_tokens)):
            if value < 1:
                raise UsageError(f"transformers: {name} is {value}; it must be at least 1")
        self._dtype = dtype
        self._device = device
        self._batch_tokens = batch_tokens
        self._cache_tokens = cache_tokens
        self._reader: Reader | None = None
        self._tokenizer: Any = None
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: list[_Request] = []
        self._working: asyncio.Task[None] | None = None
        self.usage = Usage()

    @property
    def parameters(self) -> int:
        """Of all models that a token is run through."""
        return sum(body.shape.parameters for body in self._reader.bodies) if self._reader is not None else 0

    @property
    def shape(self) -> Shape | None:
        """Of the body that a token is run through; a token that two read counts twice, and they are alike."""
        return self._reader.bodies[0].shape if self._reader is not None else None

    async def open(self, model: str, head: Head) -> None:
        """Load the model and its head."""
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="transformers")
        folder, self._tokenizer = await self._in_thread(self._find, model)
        self._reader = await self._in_thread(self._load, folder, await settle(head, self.tokenize))

    async def close(self) -> None:
        """Let what is being computed finish, fail what waits, and free the model."""
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            _fail(request, VerifierError("the reward model was closed"))
        if self._working is not None:
            await self._working
        if self._pool is not None:
            self._pool.shutdown()
        self._reader = self._tokenizer = self._pool = self._working = None

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The chat in the model's own template, as token ids.

        Raises:
            UsageError: the model has no chat template.
        """
        if self._tokenizer.chat_template is None:
            raise UsageError("this model's tokenizer has no chat template, which its family of verifiers needs")
        replied = messages[-1]["role"] == "assistant"
        ids: list[int] = self._tokenizer.apply_chat_template(
            list(messages), tokenize=True, add_generation_prompt=not replied, return_dict=False
        )
        return ids

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    async def read(self, ids: Sequence[int], positions: Sequence[int]) -> Reading:
        """Wait for the next batch, and be in it."""
        if self._reader is None:
            raise UsageError("the reward model is not open")
        if not positions:
            return Reading(rows=[], usage=Usage())
        asked = (tuple(ids[: positions[-1] + 1]), positions)
        self._check(self._reader, asked)
        request = _Request(asked, asyncio.get_running_loop().create_future(), time.perf_counter())
        self._waiting.append(request)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await request.reading

    def _find(self, model: str) -> tuple[Path, Any]:
        """A model's folder, and its tokenizer."""
        from transformers import AutoTokenizer

        folder = locate(model)
        return folder, AutoTokenizer.from_pretrained(folder, trust_remote_code=False)

    def _load(self, folder: Path, head: Head) -> Reader:
        import torch

        device = self._device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = "float32" if self._dtype == "auto" and emulates_bfloat16(device) else self._dtype
        if isinstance(head, Ratio):
            folders = (folder, locate(head.reference))
            bodies = [Body(each, dtype=dtype, device=device, words=True) for each in folders]
            return LogRatio(bodies[0], bodies[1], self._cache_tokens)
        weights = read_head(folder, head)
        return Linear(Body(folder, dtype=dtype, device=device), weights, self._cache_tokens)

    def _check(self, reader: Reader, asked: Asked) -> None:
        """What would fail is refused before it can fail others."""
        ids, _ = asked
        context = min(body.context for body in reader.bodies)
        if len(ids) > context:
            raise VerifierError(
                f"the path has {len(ids)} tokens for the reward model, whose context holds {context}; lower "
                "sampling.max_tokens, or name a reward model with a longer context"
            )
        if max(ids) >= min(body.vocabulary for body in reader.bodies):
            raise VerifierError(f"token {max(ids)} is none of the reward model's; its tokenizer is another model's")

    async def _work(self) -> None:
        """Compute until nothing waits; what arrives meanwhile is the next round."""
        await asyncio.sleep(_TOGETHER)
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                await self._in_thread(self._round, waiting, asyncio.get_running_loop())
            finally:
                # Nobody is left waiting, whatever happened; those that were answered are not touched.
                for request in waiting:
                    _fail(request, VerifierError("the reward model stopped before it answered"))

    def _round(self, waiting: list[_Request], loop: asyncio.AbstractEventLoop) -> None:
        """Answer all that wait, batch by batch; in the thread that computes."""
        while waiting := [request for request in waiting if not request.reading.done()]:
            batch = self._batch(waiting)
            waiting = [request for request in waiting if request not in batch]
            self._answer(batch, loop)

    def _batch(self, waiting: Sequence[_Request]) -> list[_Request]:
        """The shortest of those that wait, as many as fit."""
        assert self._reader is not None
        known = {request: self._reader.known(request.asked) for request in waiting}
        batch: list[_Request] = []
        longest = 0
        # Lengths that are alike waste little on filling up.
        for request in sorted(waiting, key=lambda request: len(request.asked[0]) - known[request]):
            ids, positions = request.asked
            shared = known[request] + _WORTH_WAITING
            if shared <= positions[0] and any(ids[:shared] == other.asked[0][:shared] for other in batch):
                continue
            longest = max(longest, len(ids))
            if batch and (len(batch) + 1) * longest > self._batch_tokens:
                break
            batch.append(request)
        return batch

    def _answer(self, batch: Sequence[_Request], loop: asyncio.AbstractEventLoop) -> None:
        assert self._reader is not None
        try:
            answers = self._reader.read([request.asked for request in batch])
        except Exception as error:  # whatever it is, those who wait must hear of it
            if len(batch) > 1:
                # Alone, each fails for its own reasons only.
                for request in batch:
                    self._answer([request], loop)
                return
            failure = VerifierError(f"the reward model failed: {error}")
            failure.__cause__ = error
            loop.call_soon_threadsafe(_fail, batch[0], failure)
            return
        for request, (rows, cached) in zip(batch, answers, strict=True):
            loop.call_soon_threadsafe(self._deliver, request, rows, cached)

    def _deliver(self, request: _Request, rows: list[list[float]], cached: int) -> None:
        assert self._reader is not None
        bodies = self._reader.bodies
        computed = len(request.asked[0]) - cached
        usage = Usage(
            scored_tokens=computed * len(bodies),
            cached_tokens=cached * len(bodies),
            calls=len(bodies),
            seconds=time.perf_counter() - request.began,
            flops=sum(forward_flops(body.shape.parameters, computed) for body in bodies),
        )
        self.usage += usage
        if not request.reading.done():
            request.reading.set_result(Reading(rows=rows, usage=usage))

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)


def _fail(request: _Request, error: Exception) -> None:
    if not request.reading.done():
        request.reading.set_exception(error)
