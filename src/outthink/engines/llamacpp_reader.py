"""Reads what llama.cpp streams for one request, and finds what it leaves out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from outthink.engines.logprobs import confidence
from outthink.engines.stream import Chunk
from outthink.tree import Finish

__all__ = ["LlamaCppReader"]


class LlamaCppReader:
    """The events of one request for `n` siblings, in llama.cpp's own form, as chunks.

    llama.cpp leaves two things out of its stream. Of a character that takes several tokens, only the last one's id is
    sent: the others are found again by tokenising the character, and checked by their number. If the model spelt it in
    another way than the tokenizer does, its ids stay unknown, and the sibling is cut in front of it. Text that may
    become the separator is held back while its ids are sent: where it becomes none, it is found again from the ids.
    The tokens of such a character count as confident as the last one, whose candidates are told.

    Args:
        n: siblings.
        top: candidates at each token that its confidence is computed from; 0 computes none.
        tokenize: the ids of a text.
        detokenize: the text of ids.
    """

    def __init__(
        self,
        n: int,
        *,
        top: int,
        tokenize: Callable[[str], Awaitable[list[int]]],
        detokenize: Callable[[list[int]], Awaitable[str]],
    ) -> None:
        self._top = top
        self._tokenize = tokenize
        self._detokenize = detokenize
        self._written = [0] * n
        self._held: list[list[int]] = [[] for _ in range(n)]

    async def read(self, event: dict[str, Any]) -> Chunk:
        """The next event as a chunk."""
        sibling, ids, text = event["index"], event["tokens"], event["content"]
        tokens = event["tokens_predicted"] - self._written[sibling]
        self._written[sibling] += tokens
        prompt = event["timings"]["prompt_n"], event["timings"]["cache_n"]
        if tokens > len(ids) and ids:
            ids = await self._found(text, ids, tokens)
            if not ids:
                return Chunk(sibling, [], "", tokens, finish="length", prompt=prompt)
        self._held[sibling] = [] if text else self._held[sibling] + ids
        if event["stop"]:
            text += await self._last_words(event)
        told = event.get("completion_probabilities", [])
        return Chunk(
            sibling=sibling,
            ids=ids,
            text=text,
            tokens=tokens,
            logprob=sum(token["logprob"] for token in told),
            confidences=self._confidences(told, len(ids)),
            finish=_finish(event) if event["stop"] else None,
            prompt=prompt,
        )

    def _confidences(self, told: Sequence[dict[str, Any]], tokens: int) -> list[float]:
        if not (self._top and told):
            return []
        known = [confidence((top["logprob"] for top in token["top_logprobs"]), self._top) for token in told]
        return known[-1:] * (tokens - len(known)) + known

    async def _found(self, text: str, sent: list[int], tokens: int) -> list[int]:
        """The ids of a character of which only the last was sent; none if they cannot be found."""
        ids = (await self._tokenize(text))[-tokens:]
        return ids if len(ids) == tokens and ids[-len(sent) :] == sent else []

    async def _last_words(self, event: dict[str, Any]) -> str:
        """The text of a sibling's last tokens that was held back."""
        if event["stop_type"] == "word":
            return str(event["stopping_word"])
        held = self._held[event["index"]]
        said = held[:-1] if event["stop_type"] == "eos" else held
        return await self._detokenize(said) if said else ""


def _finish(event: dict[str, Any]) -> Finish:
    if event["stop_type"] == "word":
        return "step"
    if event["stop_type"] == "eos":
        return "end"
    return "context" if event["truncated"] else "length"
