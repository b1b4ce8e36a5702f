"""SGLang's server: token ids in and out through `/generate`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from outthink.engines import Request
from outthink.engines.http import Http, Refused
from outthink.engines.logprobs import confidence
from outthink.engines.retry import Fault
from outthink.engines.servers import Prefix
from outthink.engines.servers.token_texts import TokenTexts
from outthink.engines.stream import Chunk, Stream
from outthink.tree import Finish, Message

__all__ = ["SglangServer"]


class SglangServer:
    """SGLang's server, where its `/tokenize` takes messages.

    Written from its documentation and tested against an imitation only. Siblings are not drawn from seeds of their own:
    SGLang has one seed for all siblings of a request, which would make them alike.
    """

    by_ids = True
    slots: int | None = None

    def __init__(self, http: Http, model: str, *, context: int | None, room: int | None, incremental: bool) -> None:
        self._http = http
        self._model = model
        self._incremental = incremental
        self._texts = TokenTexts(self.tokenize, self._detokenize)
        self.about = f"SGLang, {model}: continues token ids, siblings in one request, cached tokens told"
        self.context = context
        self.room = room

    @classmethod
    async def probe(cls, http: Http, model: str) -> SglangServer | None:
        """The server, if it is an SGLang that turns messages into token ids."""
        try:
            told = await _info(http)
            await http.post("/tokenize", {"model": model, "messages": [{"role": "user", "content": "1"}]})
            served = (await http.get("/v1/models"))["data"]
        except Refused:
            return None
        if "max_total_num_tokens" not in told:
            return None
        return cls(
            http,
            model,
            context=next((each.get("max_model_len") for each in served if each["id"] == model), None),
            room=told["max_total_num_tokens"],
            incremental=bool(told.get("incremental_streaming_output") or told.get("stream_output")),
        )

    def together(self, request: Request) -> int:
        """All of them."""
        return request.n

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The chat in the served model's own template, as token ids."""
        body = {"model": self._model, "messages": list(messages)}
        ids: list[int] = (await self._http.post("/tokenize", body))["tokens"]
        return ids

    async def write(self, prefix: Prefix, request: Request, stream: Stream) -> AsyncGenerator[Chunk]:
        """Continue token ids."""
        tokens, characters, top = [0] * request.n, [0] * request.n, request.sampling.top_logprobs
        async with aclosing(self._http.events("/generate", self._body(prefix.ids, request))) as events:
            async for event in events:
                sibling, told = event.get("index", 0), event["meta_info"]
                ids, text = event["output_ids"], event["text"]
                if not self._incremental:
                    ids, text = ids[tokens[sibling] :], text[characters[sibling] :]
                tokens[sibling] += len(ids)
                characters[sibling] += len(text)
                logprobs = [each[0] for each in told.get("output_token_logprobs", [])[-len(ids) :]] if ids else []
                candidates = told.get("output_top_logprobs", [])[-len(ids) :] if ids and top else []
                chunk = Chunk(
                    sibling=sibling,
                    ids=ids,
                    text=text,
                    tokens=len(ids),
                    logprob=sum(logprobs),
                    confidences=[confidence((logprob for logprob, *_ in each), top) for each in candidates],
                    finish=self._finish(told["finish_reason"], len(prefix.ids) + tokens[sibling], request),
                    prompt=(told["prompt_tokens"] - told["cached_tokens"], told["cached_tokens"]),
                )
                for part in await self._texts.parts(chunk, logprobs, request.separator, stream):
                    yield part

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names."""
        body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        ids: list[int] = (await self._http.post("/tokenize", body))["tokens"]
        return ids

    async def choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], tuple[int, int]]:
        """Log-probabilities of the options as the next token."""
        body = {
            "input_ids": list(ids),
            "sampling_params": {"max_new_tokens": 1, "temperature": 1.0},
            "return_logprob": True,
            "token_ids_logprob": list(options),
        }
        told = (await self._http.post("/generate", body))["meta_info"]
        found = {token: logprob for logprob, token, *_ in told["output_token_ids_logprobs"][0]}
        cached = told["cached_tokens"]
        return [found[option] for option in options], (told["prompt_tokens"] - cached, cached)

    def _body(self, ids: list[int], request: Request) -> dict[str, Any]:
        sampling = request.sampling
        return {
            "input_ids": ids,
            "sampling_params": {
                "n": request.n,
                # SGLang refuses what could outgrow its context, where others stop there.
                "max_new_tokens": min(request.max_tokens, max(1, (self.context or 1 << 30) - len(ids))),
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": sampling.top_k or -1,
                "min_p": sampling.min_p,
                "repetition_penalty": 1.0,
                "stop": [] if request.whole else [request.separator],
                "no_stop_trim": True,
            },
            "return_logprob": sampling.logprobs or sampling.top_logprobs > 0,
            "top_logprobs_num": sampling.top_logprobs,
            "stream": True,
        }

    def _finish(self, reason: dict[str, Any] | None, written: int, request: Request) -> Finish | None:
        if reason is None:
            return None
        if reason["type"] == "stop":
            return "step" if reason.get("matched") == request.separator else "end"
        if reason["type"] == "length":
            return "context" if self.context is not None and written >= self.context else "length"
        raise Fault(f"{self._http.url} gave up on a request: {reason.get('message', reason)}")

    async def _detokenize(self, ids: list[int]) -> str:
        body = {"model": self._model, "tokens": ids, "skip_special_tokens": False}
        text: str = (await self._http.post("/detokenize", body))["text"]
        return text


async def _info(http: Http) -> dict[str, Any]:
    """What the server tells of itself, at its path of today or of yesterday."""
    try:
        told: dict[str, Any] = await http.get("/server_info")
    except Refused:
        told = await http.get("/get_server_info")
    return told
