"""vLLM's server: token ids in and out through `/v1/completions`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from outthink.engines import Request
from outthink.engines.http import Http, Refused
from outthink.engines.logprobs import confidence
from outthink.engines.retry import Fault
from outthink.engines.servers import Prefix, settled
from outthink.engines.servers.token_texts import TokenTexts
from outthink.engines.stream import Chunk, Stream
from outthink.tree import Finish, Message

__all__ = ["VllmServer"]

# Tokens that vLLM gathers before it sends them: the server and we each spend less on a piece than on its tokens apart.
_GATHER = 16
_CACHE = re.compile(r'^vllm:cache_config_info\{.*\bblock_size="(\d+)".*\bnum_gpu_blocks="(\d+)"', re.MULTILINE)


class VllmServer:
    """vLLM's server.

    Siblings go in one request, which costs the server a fraction of what separate ones do. Its figures come at the end
    of a request, for the first sibling only: the others are taken to read the whole prompt from the cache. Cached
    tokens are told only by servers started with `--enable-prompt-tokens-details`; by others, all prompt tokens of a
    request's first sibling count as computed.

    Priorities are sent where they are not refused; they count if the server was started with `--scheduling-policy
    priority`.

    Where a separator ends a step, vLLM cuts the text behind it but sends its last token whole, which may say more: the
    step's text is completed from the token.
    """

    by_ids = True
    slots: int | None = None

    def __init__(
        self, http: Http, model: str, *, about: str, context: int, room: int | None, priority: bool, seeded: bool
    ) -> None:
        self._http = http
        self._model = model
        self._priority = priority
        self._seeded = seeded
        self._texts = TokenTexts(self.tokenize, self._detokenize)
        self.about = about
        self.context: int | None = context
        self.room = room

    @classmethod
    async def probe(cls, http: Http, model: str, *, seeded: bool) -> VllmServer | None:
        """The server, if it is a vLLM that takes and returns token ids.

        One token is written to find out.
        """
        try:
            version = (await http.get("/version"))["version"]
            tokens = await http.post("/tokenize", {"model": model, "prompt": "1", "add_special_tokens": False})
            ids, context = tokens["tokens"], tokens["max_model_len"]
        except (Refused, KeyError):
            return None
        body = {"model": model, "prompt": ids, "max_tokens": 1, "return_token_ids": True}
        try:
            reply, priority = await http.post("/v1/completions", {**body, "priority": 1}), True
        except Refused:
            reply, priority = await http.post("/v1/completions", body), False
        choice = reply["choices"][0]
        if choice.get("prompt_token_ids") != ids or choice.get("token_ids") is None:
            return None
        told = reply["usage"].get("prompt_tokens_details") is not None
        about = (
            f"vLLM {version}, {model}: continues token ids, siblings in one request, "
            f"{'priorities taken' if priority else 'no priorities'}, "
            f"{'cached tokens told' if told else 'cached tokens not told (--enable-prompt-tokens-details tells them)'}"
        )
        room = await _room(http)
        return cls(http, model, about=about, context=context, room=room, priority=priority, seeded=seeded)

    def together(self, request: Request) -> int:
        """All of them; one where nothing is drawn, since vLLM then refuses to write several that are alike."""
        return request.n if request.sampling.temperature > 0 else 1

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The chat in the served model's own template, as token ids."""
        body = {"model": self._model, "messages": list(messages), "add_generation_prompt": True}
        ids: list[int] = (await self._http.post("/tokenize", body))["tokens"]
        return ids

    async def write(self, prefix: Prefix, request: Request, stream: Stream) -> AsyncGenerator[Chunk]:
        """Continue token ids."""
        body = self._body(prefix.ids, request)
        async with (
            aclosing(self._http.events("/v1/completions", body)) as events,
            aclosing(settled(self._chunks(events, prefix, request, stream), request.n)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names."""
        body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        ids: list[int] = (await self._http.post("/tokenize", body))["tokens"]
        return ids

    async def choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], tuple[int, int]]:
        """Log-probabilities of the options as the next token."""
        body = {
            "model": self._model,
            "prompt": list(ids),
            "max_tokens": 1,
            "temperature": 1.0,
            "logprobs": 1,
            "logprob_token_ids": list(options),
            "return_tokens_as_token_ids": True,
        }
        reply = await self._http.post("/v1/completions", body)
        told = reply["choices"][0]["logprobs"]["top_logprobs"][0]
        cached = (reply["usage"].get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        return [told[f"token_id:{option}"] for option in options], (len(ids) - cached, cached)

    def _body(self, ids: list[int], request: Request) -> dict[str, Any]:
        sampling = request.sampling
        body = {
            "model": self._model,
            "prompt": ids,
            "n": request.n,
            "max_tokens": request.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            # Left out, it would be what the model's generation_config.json says.
            "repetition_penalty": 1.0,
            "stop": [] if request.whole else [request.separator],
            "include_stop_str_in_output": True,
            "return_token_ids": True,
            "stream": True,
            "stream_options": {"include_usage": True},
            "stream_interval": _GATHER,
        }
        if self._seeded:
            body["seed"] = request.seed
        if self._priority:
            body["priority"] = request.priority
        if sampling.logprobs or sampling.top_logprobs:
            # By their texts, candidates that are pieces of one character would be one.
            body |= {"logprobs": sampling.top_logprobs, "return_tokens_as_token_ids": True}
        return body

    async def _chunks(
        self, events: AsyncIterator[dict[str, Any]], prefix: Prefix, request: Request, stream: Stream
    ) -> AsyncGenerator[Chunk | dict[str, Any]]:
        written = [len(prefix.ids)] * request.n
        async for event in events:
            for choice in event["choices"]:
                ids, told = choice.get("token_ids") or [], choice.get("logprobs") or {}
                logprobs, top = told.get("token_logprobs", []), request.sampling.top_logprobs
                written[choice["index"]] += len(ids)
                chunk = Chunk(
                    sibling=choice["index"],
                    ids=ids,
                    text=choice["text"],
                    tokens=len(ids),
                    logprob=sum(logprobs),
                    confidences=[confidence(each.values(), top) for each in told.get("top_logprobs") or () if top],
                    finish=self._finish(choice, written[choice["index"]], request),
                )
                for part in await self._texts.parts(chunk, logprobs, request.separator, stream):
                    yield part
            if event.get("usage"):
                yield event["usage"]

    def _finish(self, choice: dict[str, Any], written: int, request: Request) -> Finish | None:
        reason = choice.get("finish_reason")
        if reason is None:
            return None
        if reason == "stop":
            return "step" if choice.get("stop_reason") == request.separator else "end"
        if reason == "length":
            return "context" if self.context is not None and written >= self.context else "length"
        raise Fault(f"{self._http.url} gave up on a request ({reason})")

    async def _detokenize(self, ids: list[int]) -> str:
        text: str = (await self._http.post("/detokenize", {"model": self._model, "tokens": ids}))["prompt"]
        return text


async def _room(http: Http) -> int | None:
    """Tokens that the caches of all replicas hold, if the server publishes it."""
    try:
        found = _CACHE.findall(await http.text("/metrics"))
    except Refused:
        return None
    return sum(int(size) * int(blocks) for size, blocks in found) or None
