"""llama.cpp's server: token ids in and out through `/completion`."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from outthink.engines import Request
from outthink.engines.http import Http, Refused
from outthink.engines.llamacpp_reader import LlamaCppReader
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
        reader = LlamaCppReader(request.n, tokenize=self.tokenize, detokenize=self._detokenize)
        async with aclosing(self._http.events("/completion", _body(prefix.ids, request))) as events:
            async for event in events:
                yield await reader.read(event)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names."""
        return await self._tokens(text, add_special=False)

    async def choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], tuple[int, int]]:
        """Log-probabilities of the options as the next token."""
        body = {
            "prompt": list(ids),
            "n_predict": 1,
            "temperature": 1.0,
            "samplers": ["temperature"],
            # The same bias on every option leaves their ratios alone and everything else without a chance.
            "logit_bias": [[option, 50.0] for option in options],
            "n_probs": len(options),
            "post_sampling_probs": True,
            "cache_prompt": True,
        }
        reply = await self._http.post("/completion", body)
        told = {top["id"]: top["prob"] for top in reply["completion_probabilities"][0]["top_probs"]}
        timings = reply["timings"]
        logprobs = [math.log(max(told.get(option, 0.0), 1e-12)) for option in options]
        return logprobs, (timings["prompt_n"], timings["cache_n"])

    async def _tokens(self, text: str, *, add_special: bool) -> list[int]:
        body = {"content": text, "add_special": add_special, "parse_special": True}
        ids: list[int] = (await self._http.post("/tokenize", body))["tokens"]
        return ids

    async def _detokenize(self, ids: list[int]) -> str:
        text: str = (await self._http.post("/detokenize", {"tokens": ids}))["content"]
        return text


def _body(ids: list[int], request: Request) -> dict[str, Any]:
    sampling = request.sampling
    return {
        "prompt": ids,
        "n": request.n,
        "n_predict": request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": request.seed,
        "stop": [] if request.whole else [request.separator],
        "n_probs": 1 if sampling.logprobs else 0,
        "cache_prompt": True,
        "return_tokens": True,
        "timings_per_token": True,
        "stream": True,
    }
