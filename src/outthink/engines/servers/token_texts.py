"""Which text belongs to which token, where a server sends the ids and the text of several tokens in one piece."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from difflib import SequenceMatcher
from itertools import accumulate

from outthink.engines.stream import Chunk, Stream

__all__ = ["TokenTexts", "align"]


# A character that stands in no other token, to tell the texts of several tokens apart.
_MARK = "\x1f"


class TokenTexts:
    """The texts of single tokens, each asked of the server once.

    Args:
        tokenize: asks the server for the ids of a text.
        detokenize: asks it for the text of ids, names of special tokens included.
    """

    def __init__(
        self, tokenize: Callable[[str], Awaitable[list[int]]], detokenize: Callable[[list[int]], Awaitable[str]]
    ) -> None:
        self._tokenize = tokenize
        self._detokenize = detokenize
        self._mark: int | None = None
        self._known: dict[int, str] = {}

    async def parts(self, chunk: Chunk, logprobs: Sequence[float], separator: str, stream: Stream) -> list[Chunk]:
        """A chunk as it is, or token by token where a step ends inside it.

        Args:
            chunk: what the server sent for a sibling. If its `finish` is "step", its text ends with the separator, but
                its last token, in which the separator ended, may say more; that is added here.
            logprobs: of each of its tokens; none if they were not asked for.
            separator: ends steps.
            stream: knows what the sibling wrote before.
        """
        if not chunk.ids or not (chunk.finish == "step" or stream.divides(chunk)):
            return [chunk]
        texts, whole = await self._texts(chunk.ids), chunk.text
        if chunk.finish == "step":
            written = stream.tail(chunk.sibling) + "".join(texts)
            start = written.find(separator)
            whole += written[start + len(separator) :] if start >= 0 else ""
        last = len(chunk.ids) - 1
        return [
            Chunk(
                sibling=chunk.sibling,
                ids=[token],
                text=text,
                tokens=1,
                logprob=logprobs[place] if logprobs else 0.0,
                confidences=chunk.confidences[place : place + 1],
                finish=chunk.finish if place == last else None,
                prompt=chunk.prompt,
            )
            for place, (token, text) in enumerate(zip(chunk.ids, align(texts, whole), strict=True))
        ]

    async def _texts(self, ids: Sequence[int]) -> list[str]:
        unknown = [each for each in dict.fromkeys(ids) if each not in self._known]
        if unknown:
            if self._mark is None:
                self._mark = (await self._tokenize(_MARK))[-1]
            # Behind a mark, a token keeps the space in front that some tokenizers drop from a text's first word.
            marked = [each for token in unknown for each in (self._mark, token)]
            texts = (await self._detokenize(marked)).split(_MARK)[1:]
            if len(texts) != len(unknown):
                texts = [await self._detokenize([token]) for token in unknown]
            self._known.update(zip(unknown, texts, strict=True))
        return [self._known[each] for each in ids]


def align(texts: Sequence[str], whole: str) -> list[str]:
    """Texts that add up to `whole`, one a token: each token's own, wherever that is found in `whole`.

    In between are tokens that say something only together, such as the bytes of one character, or that the server
    leaves out, such as the end of turn: the last of them gets what stands there.
    """
    joined = "".join(texts)
    if joined == whole:
        return list(texts)
    blocks = SequenceMatcher(None, joined, whole, autojunk=False).get_matching_blocks()
    found, start = [], 0
    for end in accumulate(map(len, texts)):
        # What agrees before `end`, and how far into the next agreement it lies, if it does.
        before = [block for block in blocks if block.a <= end and block.size]
        place = max((block.b + min(block.size, end - block.a) for block in before), default=0)
        found.append(whole[start:place])
        start = place
    found[-1] += whole[start:]
    return found
