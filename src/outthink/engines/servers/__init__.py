"""Servers that continue text over HTTP. This is the seam behind which each kind's own ways are kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, Protocol

from outthink.engines import Request
from outthink.engines.http import Http
from outthink.engines.stream import Chunk, Stream
from outthink.tree import Message

__all__ = ["Prefix", "Server", "recognise", "settled"]

# Of English text, roughly; for estimates where a server tells no token counts.
_CHARACTERS_PER_TOKEN = 4


class Prefix(NamedTuple):
    """What is continued: the messages and the reply so far, as token ids (prompt included) and as text."""

    messages: list[Message]
    ids: list[int]
    text: str

    @property
    def tokens(self) -> int:
        """How long it is; an estimate where there are no ids."""
        characters = sum(len(message["content"]) for message in self.messages) + len(self.text)
        return len(self.ids) or characters // _CHARACTERS_PER_TOKEN


class Server(Protocol):
    """One running server whose abilities are known.

    `about` says what it is and how it is used, for the log. `by_ids` is whether it continues token ids; if not, it
    continues text. `slots` is how many siblings it writes at the same time, `context` how many tokens prompt and reply
    may have, `room` how many tokens its cache holds; None where it does not tell.
    """

    about: str
    by_ids: bool
    slots: int | None
    context: int | None
    room: int | None

    def together(self, request: Request) -> int:
        """How many siblings of a request it takes at a time."""

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a prompt that ends where the reply begins; empty where it continues text."""

    def write(self, prefix: Prefix, request: Request, stream: Stream) -> AsyncGenerator[Chunk]:
        """Continue a prefix `request.n` times, in pieces that end where steps end."""

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text as it stands."""

    async def choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], tuple[int, int]]:
        """Log-probabilities of each option as the next token, and the prompt tokens computed and read from a cache."""


async def recognise(http: Http, model: str, *, seeded: bool) -> Server:
    """Find out what a server is and what it can do.

    Args:
        http: the server.
        model: by the server's own name for it.
        seeded: whether siblings are drawn from their own seeds where that is not free.
    """
    from outthink.engines.servers.llamacpp import LlamaCppServer
    from outthink.engines.servers.sglang import SglangServer
    from outthink.engines.servers.text import TextServer
    from outthink.engines.servers.vllm import VllmServer

    return (
        await VllmServer.probe(http, model, seeded=seeded)
        or await LlamaCppServer.probe(http)
        or await SglangServer.probe(http, model)
        or await TextServer.probe(http, model)
    )


async def settled(chunks: AsyncGenerator[Chunk | dict[str, Any]], n: int) -> AsyncGenerator[Chunk]:
    """Chunks of `n` siblings, the very last one held back until the server's figures, which come after it, are in.

    Args:
        chunks: the chunks, and the figures (an OpenAI `usage` object) among them.
        n: siblings.
    """
    running, written, last = n, 0, None
    async with aclosing(chunks):
        async for item in chunks:
            if isinstance(item, Chunk):
                running -= item.finish is not None
                written += item.tokens
                if running:
                    yield item
                else:
                    last = item
            elif last is not None:
                cached = (item.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
                unseen = max(0, (item.get("completion_tokens") or 0) - written)
                computed = max(0, (item.get("prompt_tokens") or 0) - cached)
                yield last._replace(prompt=(computed, cached), unseen=unseen)
                last = None
    if last is not None:
        yield last
