"""One continuation of one path on vLLM: what is asked for, how its tokens become steps, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from outthink.cost import Usage, forward_flops
from outthink.engines import Request, Step
from outthink.engines.logprobs import confidence
from outthink.engines.splitter import Piece, StepSplitter
from outthink.errors import EngineError
from outthink.shape import Shape
from outthink.tree import Finish

__all__ = ["Model", "Sibling"]

# Tokens of a whole solution that vLLM gathers before it hands them on: fewer messages, and steps still arrive in time.
_GATHER = 16
# Ids before a continuation that its first characters can depend on (a word's leading space, a character's first bytes).
_LOOK_BACK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What all siblings share.

    Args:
        tokenizer: a fast tokenizer of `transformers`.
        context: tokens that prompt and continuation may have together.
        shape: of the model, for FLOPs.
        lora: vLLM's request for an adapter, if there is one.
        seeded: whether each sibling is drawn from its own seed.
    """

    tokenizer: Any
    context: int
    shape: Shape
    lora: Any
    seeded: bool


class Sibling:
    """Sibling `index` of a request.

    Args:
        model: writes.
        request: what was asked.
        index: which of the request's siblings.
        prompt: ids of the path.
        separators: ids of the tokens whose text holds the separator.
        name: of the request at vLLM, never used before.
        replica: of a data-parallel engine; None if there is one only.
    """

    def __init__(
        self,
        *,
        model: Model,
        request: Request,
        index: int,
        prompt: Sequence[int],
        separators: frozenset[int],
        name: str,
        replica: int | None,
    ) -> None:
        self.name = name
        self.over = False
        self._model = model
        self._request = request
        self._index = index
        self._ids = list(prompt)
        self._prompt_length = len(prompt)
        self._separators = separators
        self._replica = replica
        self._splitter = StepSplitter(request.separator)
        self._characters = self._decoder()
        self._cut: Piece | None = None
        self._began = time.perf_counter()
        self._spent = Usage()
        self._bills: list[Usage] = []
        self._delivered = 0

    def delivered(self, step: Step) -> None:
        """A step reached the search."""
        self._delivered += 1
        self.over = step.finish != "step" or not self._request.whole

    def abandoned(self) -> Usage:
        """What was spent and reached nobody. To be asked once, at the end."""
        return sum(self._bills[self._delivered :], self._spent)

    async def write(self, llm: Any, emit: Callable[[Step], None]) -> None:
        """Write to the end, emitting step by step; called again after a failure, go on after the last step emitted.

        Raises:
            EngineError: vLLM refused the request.
        """
        from vllm.exceptions import VLLMClientError
        from vllm.inputs.engine import tokens_input

        # What an engine that died had begun is lost; what had been emitted stands.
        self._splitter, self._characters = StepSplitter(self._request.separator), self._decoder()
        self._spend(calls=1)
        computed = False
        try:
            async for out in llm.generate(
                tokens_input(list(self._ids)),
                self._params(),
                self.name,
                lora_request=self._model.lora,
                priority=self._request.priority,
                data_parallel_rank=self._replica,
            ):
                part = out.outputs[0]
                if part.token_ids and not computed:
                    computed, cached = True, out.num_cached_tokens or 0
                    self._spend(prompt=len(self._ids) - cached, cached=cached)
                self._spend(generated=len(part.token_ids))
                self._take(part, emit)
                if self._cut is not None and not out.finished:
                    await llm.abort(self.name)
        except VLLMClientError as error:
            raise EngineError(f"vLLM refused the request: {error}") from error

    def _params(self) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        request, sampling = self._request, self._request.sampling
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=sampling.min_p,
            max_tokens=request.max_tokens - (len(self._ids) - self._prompt_length),
            seed=request.seed + self._index if self._model.seeded else None,
            # A single token that holds the separator ends the request inside the engine, without a token too many; one
            # that several tokens spell out is found in the text.
            stop=None if request.whole else [request.separator],
            stop_token_ids=None if request.whole else list(self._separators),
            logprobs=sampling.top_logprobs or (0 if sampling.logprobs else None),
            output_kind=RequestOutputKind.DELTA if request.whole else RequestOutputKind.FINAL_ONLY,
            stream_interval=_GATHER if request.whole else None,
            skip_clone=True,
        )

    def _take(self, part: Any, emit: Callable[[Step], None]) -> None:
        """Cut what arrived into steps, token by token, and emit those that are complete."""
        pieces = []
        for place, token in enumerate(part.token_ids):
            if self._cut is not None:
                break
            text = self._characters.step(self._model.tokenizer.backend_tokenizer, token) or ""
            logprob = part.logprobs[place][token].logprob if part.logprobs else 0.0
            piece = self._splitter.feed([token], text, logprob, self._confidences(part, place))
            if piece is not None:
                pieces.append(piece)
            elif len(self._splitter) >= self._request.sampling.max_step_tokens and self._request.whole:
                self._cut = self._splitter.rest()
        end = self._end(part)
        if end is not None and (self._cut is not None or len(self._splitter) or not pieces):
            pieces.append(self._cut or self._splitter.rest())
        for piece in pieces:
            last = end is not None and piece is pieces[-1]
            emit(self._step(piece, end if last and end is not None else "step", last))

    def _confidences(self, part: Any, place: int) -> list[float]:
        top = self._request.sampling.top_logprobs
        return [confidence((told.logprob for told in part.logprobs[place].values()), top)] if top else []

    def _end(self, part: Any) -> Finish | None:
        """How the sibling ends with this part; None if it goes on, or was abandoned."""
        reason = part.finish_reason
        if reason is None or (reason == "abort" and self._cut is None):
            return None
        if self._cut is not None:
            return "length"
        if reason == "stop":
            at_separator = part.stop_reason == self._request.separator or part.stop_reason in self._separators
            return "step" if at_separator else "end"
        if reason == "length":
            room = self._model.context - len(self._ids)
            return "context" if len(self._splitter) >= room else "length"
        raise EngineError(f"vLLM gave a request up for the reason {reason!r}; its log above may tell more")

    def _step(self, piece: Piece, finish: Finish, last: bool) -> Step:
        self._ids.extend(piece.ids)
        # Tokens that came after a cut belong to nobody else.
        tokens = self._spent.generated_tokens if last else len(piece.ids)
        rest = self._spent.generated_tokens - tokens
        bill = replace(
            self._spent,
            generated_tokens=tokens,
            flops=self._flops(self._spent.prompt_tokens + tokens),
            seconds=time.perf_counter() - self._began if last else 0.0,
        )
        self._spent = Usage(generated_tokens=rest, flops=self._flops(rest))
        self._bills.append(bill)
        return Step(
            sibling=self._index,
            ids=piece.ids,
            text=piece.text,
            finish=finish,
            logprob=piece.logprob if self._request.sampling.logprobs else None,
            confidences=piece.confidences,
            usage=bill,
        )

    def _spend(self, *, prompt: int = 0, cached: int = 0, generated: int = 0, calls: int = 0) -> None:
        self._spent += Usage(
            prompt_tokens=prompt,
            cached_tokens=cached,
            generated_tokens=generated,
            calls=calls,
            flops=self._flops(prompt + generated),
        )

    def _flops(self, tokens: int) -> float:
        return forward_flops(self._model.shape.parameters, tokens)

    def _decoder(self) -> Any:
        from tokenizers.decoders import DecodeStream

        return DecodeStream(ids=self._ids[-_LOOK_BACK:], skip_special_tokens=True)
