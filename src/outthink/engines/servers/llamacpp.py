"""llama.cpp's server: token ids in and out through `/completion`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from outthink.engines import Request
from outthink.engines.http import Http, Refused
from outthink.engines.llamacpp_reader import LlamaCppReader
from outthink.engines.llamacpp_requests import choice, chosen, completion
from outthink.engines.servers import Prefix
from outthink.engines.stream import Chunk, Stream
from outthink.tree import Message

__all__ = ["LlamaCppServer"]


class LlamaCppServer:
    """llama.cpp's server. Siblings of one request share its prompt and need their slots at the same time."""

    by_ids = True

    def __init__(self, http: Http, *, about: str, context: int, slots: int) -> None:
        self._http = http
        self.about = about
        self.context: int | None = context
        self.slots: int | None = slots
        self.room: int | None = context * slots

    @classmethod
    async def probe(cls, http: Http) -> LlamaCppServer | None:
        """The server, if it is llama.cpp's."""
        try:
            told = await http.get("/props")
            slots, context = told["total_slots"], told["default_generation_settings"]["n_ctx"]
        except (Refused, KeyError):
            return None
        served = told.get("model_path", "a model")
        about = f"llama.cpp, {served}: continues token ids, {slots} slots of {context} tokens, siblings in one request"
        return cls(http, about=about, context=context, slots=slots)

    def together(self, request: Request) -> int:
        """As many as there are slots."""
        return self.slots or 1

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The chat in the served model's own template, as token ids."""
        prompt = (await self._http.post("/apply-template", {"messages": list(messages)}))["prompt"]
        return await self._tokens(prompt, add_special=True)

    async def write(self, prefix: Prefix, request: Request, stream: Stream) -> AsyncGenerator[Chunk]:
        """Continue token ids."""
        top = request.sampling.top_logprobs
        reader = LlamaCppReader(request.n, top=top, tokenize=self.tokenize, detokenize=self._detokenize)
        async with aclosing(self._http.events("/completion", completion(prefix.ids, request))) as events:
            async for event in events:
                yield await reader.read(event)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names."""
        return await self._tokens(text, add_special=False)

    async def choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], tuple[int, int]]:
        """Log-probabilities of the options as the next token."""
        reply = await self._http.post("/completion", choice(ids, options))
        timings = reply["timings"]
        return chosen(reply, options), (timings["prompt_n"], timings["cache_n"])

    async def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        body = {"content": text, "add_special": add_special, "parse_special": True}
        ids: list[int] = (await self._http.post("/tokenize", body))["tokens"]
        return ids

    async def _detokenize(self, ids: list[int]) -> str:
        text: str = (await self._http.post("/detokenize", {"tokens": ids}))["content"]
        return text
