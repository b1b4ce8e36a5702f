"""Words: texts and chats as a reward model's token ids, each made once."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from outthink.tree import Message

__all__ = ["Tokens", "Words"]


class Tokens(Protocol):
    """What a layout needs of a backend; see `Backend`."""

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat."""

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text as it stands."""


class Words:
    """Token ids of texts, remembered.

    Args:
        tokens: makes them.
        bos, eos: the tokens that the model's tokenizer begins and ends a text with; "" if it has none.
        room: how many texts are remembered; the one not asked for the longest is forgotten.
    """

    def __init__(self, tokens: Tokens, *, bos: str = "", eos: str = "", room: int = 1 << 15) -> None:
        self.tokens = tokens
        self.bos = bos
        self.eos = eos
        self._room = room
        self._known: OrderedDict[object, array[int]] = OrderedDict()

    async def text(self, text: str) -> array[int]:
        """Token ids of a text as it stands."""
        if not text:
            return array("i")
        return self._recall(text) or self._keep(text, await self.tokens.tokenize(text))

    async def chat(self, messages: Sequence[Message]) -> array[int]:
        """Token ids of a chat."""
        key = tuple((message["role"], message["content"]) for message in messages)
        return self._recall(key) or self._keep(key, await self.tokens.encode(messages))

    async def after(self, context: str, text: str) -> array[int]:
        """Token ids of a text that follows another.

        Some tokenizers begin a text differently than they go on, so both are tokenised together and then cut.
        """
        head, both = await self.text(context), await self.text(context + text)
        return both[len(head) :] if both[: len(head)] == head else await self.text(text)

    def _recall(self, key: object) -> array[int] | None:
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def _keep(self, key: object, ids: Sequence[int]) -> array[int]:
        kept = self._known[key] = array("i", ids)
        if len(self._known) > self._room:
            self._known.popitem(last=False)
        return kept
