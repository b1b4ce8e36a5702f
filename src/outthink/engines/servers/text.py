"""Any OpenAI-compatible server: text in and out through `/v1/chat/completions`, else `/v1/completions`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from outthink.engines import Request, Sampling
from outthink.engines.http import Http, Refused
from outthink.engines.logprobs import confidence
from outthink.engines.servers import Prefix, settled
from outthink.engines.servers.joint import Joint
from outthink.engines.stream import Chunk, Stream
from outthink.errors import EngineError, UsageError
from outthink.tree import Finish, Message

__all__ = ["TextServer"]

_CHAT, _PLAIN = "/v1/chat/completions", "/v1/completions"
# The ways in which servers are asked to go on with a reply instead of beginning one: vLLM and SGLang; Mistral and
# DeepSeek; those that do so whenever the last message is the assistant's (Ollama, llama.cpp, many gateways).
_WAYS: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
    ({"continue_final_message": True, "add_generation_prompt": False}, {}),
    ({}, {"prefix": True}),
    ({}, {}),
)
_COUNT: list[Message] = [{"role": "user", "content": "Count from 1 to 20 in one line: 1, 2, 3 and so on."}]
_BEGUN, _NEXT = "1, 2, 3, 4, 5, 6, 7,", "8"
# The most choices that OpenAI and those who follow it give for one request.
_MOST_CHOICES = 128


class TextServer:
    """A server of which nothing more is known than that it speaks OpenAI's language.

    Probing finds out whether it continues a reply that was begun, gives several choices at once, takes a seed and tells
    its figures; a handful of tokens is written for that. A server that cannot continue writes whole solutions only.

    Servers do not tell a separator from the model's end, so none is sent: a step is cut here, in the stream, and the
    connection closed. What that request's prompt cost is then never told and is estimated from its length, as is the
    number of tokens, one a piece. What is repeated at the joint is removed, see `Joint`; without token ids a
    continuation is as exact as the server's chat template.
    """

    about = ""
    by_ids = False
    slots: int | None = None
    context: int | None = None
    room: int | None = None

    def __init__(self, http: Http, model: str) -> None:
        self._http = http
        self._model = model
        self._path = _CHAT
        self._cap = "max_tokens"
        self._wishes: dict[str, Any] = {"n": 2, "seed": 0, "stream_options": {"include_usage": True}}
        self._way: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None

    @classmethod
    async def probe(cls, http: Http, model: str) -> TextServer:
        """The server, its abilities tried out.

        Raises:
            EngineError: it offers neither chats nor completions.
        """
        server = cls(http, model)
        try:
            await server._try_wishes()
        except Refused as refused:
            if refused.status not in (404, 405):
                raise
            server._path = _PLAIN
            await server._try_wishes()
        await server._try_ways()
        server.about = (
            f"{server._path}, {model}: no token ids, "
            f"{'continues text' if server._way is not None else 'cannot continue a reply (whole solutions only)'}, "
            f"{'several choices' if 'n' in server._wishes else 'one choice'} a request"
        )
        return server

    def together(self, request: Request) -> int:
        """Whole solutions in one request; single steps one by one, so that each can be ended by itself."""
        return _MOST_CHOICES if request.whole and "n" in self._wishes else 1

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """No ids: the messages themselves are sent."""
        return []

    async def write(self, prefix: Prefix, request: Request, stream: Stream) -> AsyncGenerator[Chunk]:
        """Continue text."""
        if prefix.text and self._way is None:
            raise UsageError(
                f"{self._http.url} cannot continue a reply that was begun, only write whole ones; use a strategy that "
                "samples whole solutions (sample, greedy), or a server that continues token ids (vLLM, llama.cpp)"
            )
        body = self._body(prefix, request)
        async with (
            aclosing(self._http.events(self._path, body)) as events,
            aclosing(settled(self._chunks(events, prefix, request, stream), request.n)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def tokenize(self, text: str) -> list[int]:
        """Not possible.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"{self._http.url} takes and tells no token ids, so it cannot say how likely given words are; use vLLM, "
            "SGLang or llama.cpp, or another verifier"
        )

    async def choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], tuple[int, int]]:
        """Not possible; raises like `tokenize`."""
        await self.tokenize("")
        return [], (0, 0)

    def _body(self, prefix: Prefix, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        wanted = {"n": request.n, "seed": request.seed, "stream_options": self._wishes.get("stream_options")}
        body = self._prompt(prefix) | {name: wanted[name] for name in self._wishes}
        body |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "stream": True}
        # Without stops, a single step is held to its cap by the request's.
        body[self._cap] = request.max_tokens
        # Foreign to OpenAI, so sent only where they change something.
        body |= {name: value for name, value in (("top_k", sampling.top_k), ("min_p", sampling.min_p)) if value}
        top = sampling.top_logprobs
        if sampling.logprobs or top:
            body["logprobs"] = True if self._path == _CHAT else max(1, top)
        if top and self._path == _CHAT:
            body["top_logprobs"] = top
        return body

    def _prompt(self, prefix: Prefix) -> dict[str, Any]:
        if self._path == _PLAIN:
            said = "".join(f"{message['content']}\n\n" for message in prefix.messages)
            return {"model": self._model, "prompt": said + prefix.text}
        messages: list[Mapping[str, Any]] = list(prefix.messages)
        if not prefix.text or self._way is None:
            return {"model": self._model, "messages": messages}
        fields, marks = self._way
        begun = {"role": "assistant", "content": prefix.text, **marks}
        return {"model": self._model, "messages": [*messages, begun], **fields}

    async def _chunks(
        self, events: AsyncIterator[dict[str, Any]], prefix: Prefix, request: Request, stream: Stream
    ) -> AsyncGenerator[Chunk | dict[str, Any]]:
        joints = [Joint(prefix.text) for _ in range(request.n)]
        async for event in events:
            for choice in event.get("choices") or ():
                sibling, finish = choice.get("index", 0), _finish(choice)
                said = _said(choice)
                text = joints[sibling].feed(said) + (joints[sibling].rest() if finish else "")
                # A step can be cut exactly behind its separator, since no token holds the two together here.
                pieces = _cut(text, stream.tail(sibling), request.separator)
                logprob, confidences = self._told(choice, request.sampling) if said else (0.0, [])
                for place, piece in enumerate(pieces):
                    yield Chunk(
                        sibling=sibling,
                        ids=(),
                        text=piece,
                        tokens=int(bool(said) and place == 0),
                        logprob=logprob if place == 0 else 0.0,
                        confidences=confidences if place == 0 else (),
                        finish=finish if place == len(pieces) - 1 else None,
                    )
            if event.get("usage"):
                yield event["usage"]

    def _told(self, choice: Mapping[str, Any], sampling: Sampling) -> tuple[float, list[float]]:
        """The sum of a piece's log-probabilities, and its tokens' confidences, where they were asked for."""
        if not (sampling.logprobs or sampling.top_logprobs):
            return 0.0, []
        told = choice.get("logprobs") or {}
        if told.get("content"):
            logprobs = [token["logprob"] for token in told["content"]]
            candidates = [[top["logprob"] for top in token.get("top_logprobs") or ()] for token in told["content"]]
        else:
            logprobs = told.get("token_logprobs") or []
            candidates = [list(each.values()) for each in told.get("top_logprobs") or ()]
        if not logprobs or (sampling.top_logprobs and not any(candidates)):
            raise EngineError(
                f"{self._http.url} tells no log-probabilities; set sampling.logprobs to false and "
                "sampling.top_logprobs to 0"
            )
        if not sampling.top_logprobs:
            return float(sum(logprobs)), []
        return float(sum(logprobs)), [confidence(each, sampling.top_logprobs) for each in candidates]

    async def _try_wishes(self) -> None:
        """Leave out what the server refuses."""
        while True:
            body = self._prompt(Prefix(_COUNT, [], "")) | self._wishes | {self._cap: 8, "stream": True}
            try:
                async with aclosing(self._http.events(self._path, body)) as events:
                    choices = [choice async for event in events for choice in event.get("choices") or ()]
            except Refused as refused:
                if "max_completion_tokens" in str(refused) and self._cap == "max_tokens":
                    self._cap = "max_completion_tokens"
                    continue
                if refused.status not in (400, 422) or not self._wishes:
                    raise
                named = [name for name in self._wishes if re.search(rf"\b{name}\b", str(refused))]
                for name in named or list(self._wishes)[:1]:
                    del self._wishes[name]
            else:
                break
        if "n" in self._wishes and len({choice.get("index") for choice in choices}) < 2:
            del self._wishes["n"]

    async def _try_ways(self) -> None:
        """Find the way in which the server goes on with a reply."""
        if self._path == _PLAIN:
            self._way = ({}, {})
            return
        for way in _WAYS:
            self._way = way
            body = self._prompt(Prefix(_COUNT, [], _BEGUN)) | {self._cap: 24, "temperature": 0}
            try:
                said = _said((await self._http.post(self._path, body))["choices"][0])
            except Refused:
                continue
            joint = Joint(_BEGUN)
            if (joint.feed(said) + joint.rest()).lstrip().startswith(_NEXT):
                return
        self._way = None


def _said(choice: Mapping[str, Any]) -> str:
    told = choice.get("delta") or choice.get("message") or choice
    return told.get("content") or told.get("text") or ""


def _finish(choice: Mapping[str, Any]) -> Finish | None:
    """The model's end is "stop"; whatever else ends a reply (a cap, a filter) leaves it unfinished."""
    reason = choice.get("finish_reason")
    return None if reason is None else "end" if reason == "stop" else "length"


def _cut(text: str, tail: str, separator: str) -> list[str]:
    """A text cut behind each separator, the first of which may begin in the tail of what came before it."""
    pieces = []
    while (start := (tail + text).find(separator)) >= 0:
        end = start + len(separator) - len(tail)
        pieces.append(text[:end])
        text, tail = text[end:], ""
    return [*pieces, text] if text or not pieces else pieces
