"""Turns what llama.cpp streams for one request, tokens of several siblings interleaved, into steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from outthink.cost import Usage
from outthink.engines import Request, Step
from outthink.engines.splitter import Piece, StepSplitter
from outthink.tree import Finish

__all__ = ["Stream"]


class Stream:
    """The siblings `first` to `first + n - 1` of a request, as they are written. It lives in the thread that waits.

    A sibling whose step outgrows its cap is cut there. Its slot cannot be stopped without stopping the others, so it is
    handed over when it ends by itself or is the last one running, with all its tokens on its bill.

    Args:
        request: what was asked.
        first: number of the first sibling.
        n: siblings.
        flops: floating-point operations for so many computed tokens.
    """

    def __init__(self, request: Request, first: int, n: int, flops: Callable[[int], float]) -> None:
        self.over = False
        self._request = request
        self._first = first
        self._flops = flops
        self._began = time.perf_counter()
        self._splitters = [StepSplitter(request.separator) for _ in range(n)]
        self._cut: dict[int, Piece] = {}
        self._unbilled = [0] * n
        self._bills: list[Usage] = []
        self._timings: dict[int, dict[str, int]] = {}
        self._running = set(range(n))

    @property
    def usage(self) -> Usage:
        """All that was billed."""
        return sum(self._bills, Usage())

    def feed(self, chunk: dict[str, Any]) -> list[Step]:
        """Take one chunk; return the steps that it completes."""
        sibling = chunk["index"]
        splitter = self._splitters[sibling]
        self._unbilled[sibling] += len(chunk["tokens"])
        self._timings[sibling] = chunk["timings"]
        steps = []
        if sibling not in self._cut:
            # The server holds text back that may become the separator, and drops it when it does; its ids it sends.
            text = chunk["content"] + (chunk["stopping_word"] if chunk["stop"] else "")
            logprob = sum(token["logprob"] for token in chunk.get("completion_probabilities", []))
            piece = splitter.feed(chunk["tokens"], text, logprob)
            if piece is not None:
                # A whole solution that ends with a separator was cut off there: the model did not end it.
                cut_off = self._request.whole and chunk["stop"]
                steps.append(self._step(sibling, piece, "length" if cut_off else "step", chunk["stop"]))
            elif len(splitter) >= self._request.sampling.max_step_tokens and not chunk["stop"]:
                self._cut[sibling] = splitter.rest()
        if chunk["stop"]:
            self._running.discard(sibling)
            if not steps:
                steps.append(self._end(sibling, chunk))
        if self._running and self._running <= self._cut.keys():
            for cut in sorted(self._running):
                self._running.discard(cut)
                steps.append(self._step(cut, self._cut[cut], "length", True))
        self.over = self.over or not self._running
        return steps

    def abandoned(self, delivered: int) -> Usage:
        """What was spent and reached nobody. To be asked once, at the end.

        Args:
            delivered: steps that were handed on; those completed after the last of them were completed in vain.
        """
        for sibling in sorted(self._running):
            self._running.discard(sibling)
            self._bill(sibling, True)
        return sum(self._bills[delivered:], Usage())

    def _end(self, sibling: int, chunk: dict[str, Any]) -> Step:
        if sibling in self._cut:
            return self._step(sibling, self._cut[sibling], "length", True)
        finish: Finish = "end" if chunk["stop_type"] == "eos" else "context" if chunk["truncated"] else "length"
        return self._step(sibling, self._splitters[sibling].rest(), finish, True)

    def _step(self, sibling: int, piece: Piece, finish: Finish, ended: bool) -> Step:
        usage = self._bill(sibling, ended)
        return Step(
            sibling=self._first + sibling,
            ids=piece.ids,
            text=piece.text,
            finish=finish,
            logprob=piece.logprob if self._request.sampling.logprobs else None,
            usage=usage,
        )

    def _bill(self, sibling: int, ended: bool) -> Usage:
        """The tokens since the last bill; at a sibling's end also its prompt, at the last one's end also the call."""
        timings = self._timings.get(sibling, {}) if ended else {}
        prompt, cached = timings.get("prompt_n", 0), timings.get("cache_n", 0)
        if sibling > 0:
            # llama.cpp computes the prompt for the first and copies it to the others, but tells them all the same.
            prompt, cached = 0, cached + prompt
        generated, self._unbilled[sibling] = self._unbilled[sibling], 0
        last = ended and not self._running - {sibling}
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
