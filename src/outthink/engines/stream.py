"""Turns what a server streams for one request, pieces of several siblings interleaved, into steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from outthink.cost import Usage
from outthink.engines import Request, Step
from outthink.engines.splitter import Piece, StepSplitter
from outthink.tree import Finish

__all__ = ["Chunk", "Stream"]


class Chunk(NamedTuple):
    """What one sibling wrote since its last chunk.

    Args:
        sibling: counted from the stream's first.
        ids: token ids; none where the server tells none.
        text: their text.
        tokens: how many tokens were written.
        logprob: sum of their log-probabilities.
        confidences: one a token, if asked for.
        finish: why the sibling stopped; None while it goes on.
        prompt: prompt tokens computed and read from a cache, where the server has told.
        unseen: tokens on the server's bill that came with no chunk.
    """

    sibling: int
    ids: Sequence[int]
    text: str
    tokens: int
    logprob: float = 0.0
    confidences: Sequence[float] = ()
    finish: Finish | None = None
    prompt: tuple[int, int] | None = None
    unseen: int = 0


@dataclass(slots=True)
class _Sibling:
    """One continuation in the making: `length` tokens since its last step, `unbilled` ones that no step has paid for.

    `tail` is the end of its text, where a separator may have begun.
    """

    splitter: StepSplitter
    tail: str = ""
    length: int = 0
    unbilled: int = 0
    cut: Piece | None = None


class Stream:
    """The siblings `first` to `first + n - 1` of a request, as they are written.

    A sibling whose step outgrows its cap is cut there. It cannot be stopped without stopping the others, so it is
    handed over when it ends by itself or only such siblings are left, with all its tokens on its bill.

    The prompt is computed once. The first sibling that ends after the server has told its figures, or the last one if
    it never tells, pays for that; the others read it from the cache.

    Args:
        request: what was asked.
        first: number of the first sibling.
        n: siblings.
        prompt: tokens of the prompt; taken to be computed where the server does not tell.
        flops: floating-point operations for so many computed tokens.
    """

    def __init__(self, request: Request, first: int, n: int, *, prompt: int, flops: Callable[[int], float]) -> None:
        self.over = False
        self._request = request
        self._first = first
        self._prompt = prompt
        self._flops = flops
        self._began = time.perf_counter()
        self._siblings = [_Sibling(StepSplitter(request.separator)) for _ in range(n)]
        self._running = set(range(n))
        self._bills: list[Usage] = []
        self._heard = self._paid = False
        self._told: tuple[int, int] | None = None

    @property
    def usage(self) -> Usage:
        """All that was billed."""
        return sum(self._bills, Usage())

    def tail(self, sibling: int) -> str:
        """The end of a sibling's text since its last step, shorter than a separator by one character."""
        return self._siblings[sibling].tail

    def divides(self, chunk: Chunk) -> bool:
        """Whether a step ends inside a chunk of several tokens, which must then be fed token by token."""
        sibling = self._siblings[chunk.sibling]
        if len(chunk.ids) < 2 or sibling.cut is not None:
            return False
        outgrown = sibling.length + chunk.tokens > self._request.sampling.max_step_tokens
        return outgrown or self._request.separator in sibling.tail + chunk.text

    def feed(self, chunk: Chunk) -> list[Step]:
        """Take one chunk; return the steps that it completes."""
        sibling, number = self._siblings[chunk.sibling], chunk.sibling
        self._heard = True
        self._told = chunk.prompt or self._told
        sibling.unbilled += chunk.tokens + chunk.unseen
        if number not in self._running:
            return []  # Its step was handed over; what it writes until the others are done is on the bill, no more.
        steps, ended = [], chunk.finish is not None
        if sibling.cut is None and sibling.length + chunk.tokens > self._request.sampling.max_step_tokens:
            sibling.cut = sibling.splitter.rest()
        if sibling.cut is None:
            piece = self._gather(sibling, chunk)
            if piece is not None:
                over = ended or not self._request.whole
                # Where a whole solution was cut off at a separator, or ended there, it cannot go on.
                goes_on = not ended or (not self._request.whole and chunk.finish != "end")
                steps.append(self._step(number, piece, "step" if goes_on else chunk.finish or "step", over))
        if ended and not steps:
            finish = "length" if sibling.cut else chunk.finish or "length"
            steps.append(self._step(number, sibling.cut or sibling.splitter.rest(), finish, True))
        steps.extend(self._cut_ones())
        self.over = self.over or not self._running
        return steps

    def abandoned(self, delivered: int) -> Usage:
        """What was spent and reached nobody. To be asked once, at the end.

        Args:
            delivered: steps that were handed on; those completed after the last of them were completed in vain.
        """
        for number, sibling in enumerate(self._siblings):
            running = number in self._running
            if self._heard and (running or sibling.unbilled):
                self._bill(number, running)
        return sum(self._bills[delivered:], Usage())

    def _gather(self, sibling: _Sibling, chunk: Chunk) -> Piece | None:
        sibling.length += chunk.tokens
        piece = sibling.splitter.feed(chunk.ids, chunk.text, chunk.logprob, chunk.confidences)
        keep = len(self._request.separator) - 1
        sibling.tail = "" if piece or not keep else (sibling.tail + chunk.text)[-keep:]
        if piece is not None:
            sibling.length = 0
        return piece

    def _cut_ones(self) -> list[Step]:
        """The siblings that outgrew their step's cap, once there is nobody else to wait for."""
        left = {number: self._siblings[number].cut for number in sorted(self._running)}
        if not all(left.values()):
            return []
        return [self._step(number, cut, "length", True) for number, cut in left.items() if cut is not None]

    def _step(self, number: int, piece: Piece, finish: Finish, over: bool) -> Step:
        return Step(
            sibling=self._first + number,
            ids=piece.ids,
            text=piece.text,
            finish=finish,
            logprob=piece.logprob if self._request.sampling.logprobs else None,
            confidences=piece.confidences,
            usage=self._bill(number, over),
        )

    def _bill(self, number: int, over: bool) -> Usage:
        """The tokens since the last bill; at a sibling's end also its prompt, at the last one's end also the call."""
        running = number in self._running
        if over:
            self._running.discard(number)
        last = over and running and not self._running
        prompt, cached = self._prompt_share(last) if over else (0, 0)
        sibling = self._siblings[number]
        generated, sibling.unbilled = sibling.unbilled, 0
        usage = Usage(
            prompt_tokens=prompt,
            cached_tokens=cached,
            generated_tokens=generated,
            calls=int(last),
            seconds=time.perf_counter() - self._began if last else 0.0,
            flops=self._flops(prompt + generated),
        )
        self._bills.append(usage)
        return usage

    def _prompt_share(self, last: bool) -> tuple[int, int]:
        prompt = self._prompt if self._told is None else sum(self._told)
        if self._paid or (self._told is None and not last):
            return 0, prompt
        self._paid = True
        return self._told or (prompt, 0)
