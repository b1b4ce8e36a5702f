"""A scripted engine: no model, but known rates of success, known latencies and faults on request.

Every algorithm is tested against closed forms on it, without a network or a sleep, and it can be named in a recipe.
Tokens are the bytes of the text, so ids and text say exactly the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from random import Random

from outthink.cost import Usage, forward_flops
from outthink.engines import Request, Step
from outthink.errors import ContextTooSmall, EngineError
from outthink.seeding import derive, uniform
from outthink.shape import Shape
from outthink.tree import Finish, Message, Node, Path

__all__ = ["Scripted", "scripted_answer"]

RIGHT, WRONG = "right", "wrong"
# Distinguishes siblings that are equally right; few enough digits to keep steps short.
_TAGS = 10_000


def scripted_answer(question: str) -> str:
    """The answer that the scripted engine holds to be right for a question."""
    return str(int.from_bytes(hashlib.sha256(question.encode()).digest()[:4], "big") % 1000)


class Scripted:
    """Writes solutions whose every step is right with a known probability; one wrong step spoils the answer.

    Args:
        success: probability that a step is right, given that all before it are.
        steps: steps in a solution; the last one gives the answer.
        wrong_answers: how many different wrong answers there are, all equally likely.
        seconds_per_token: latency of writing.
        seconds_per_call: latency of a request.
        fault_rate: share of requests that fail, drawn from the request's seed.
        context: tokens that fit; None is no limit.
        parameters: size of the pretended model, for FLOPs.
        layers, width, kv_width: of its attention, as in `Shape`.
        parallel: siblings written at the same time (no limit is enforced; it is a hint to the runner).
        confidence_noise: standard deviation of a step's confidence, which all its tokens have: 12 on average where the
            step is right, 10 where it is wrong; told if `sampling.top_logprobs` asks for it.
    """

    def __init__(
        self,
        *,
        success: float = 0.8,
        steps: int = 4,
        wrong_answers: int = 10,
        seconds_per_token: float = 0.0,
        seconds_per_call: float = 0.0,
        fault_rate: float = 0.0,
        context: int | None = None,
        parameters: int = 0,
        layers: int = 0,
        width: int = 0,
        kv_width: int = 0,
        parallel: int = 64,
        confidence_noise: float = 1.0,
    ) -> None:
        self._success = success
        self._steps = steps
        self._wrong_answers = wrong_answers
        self._seconds_per_token = seconds_per_token
        self._seconds_per_call = seconds_per_call
        self._fault_rate = fault_rate
        self._context = context
        self.shape = Shape(parameters=parameters, layers=layers, width=width, kv_width=kv_width)
        self._confidence_noise = confidence_noise
        self.parallel = parallel
        self.room: int | None = None
        self.usage = Usage()

    @property
    def parameters(self) -> int:
        """The pretended model's size."""
        return self.shape.parameters

    async def open(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to give back."""

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The bytes of all messages."""
        ids = list("\n".join(message["content"] for message in messages).encode())
        if self._context is not None and len(ids) >= self._context:
            raise ContextTooSmall(
                f"the prompt has {len(ids)} tokens and the context holds {self._context}; raise engine.context"
            )
        return ids

    async def tokenize(self, text: str) -> list[int]:
        """The bytes of the text."""
        return list(text.encode())

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        """Write each sibling in turn."""
        if self._fault_rate and uniform(request.seed, -1) < self._fault_rate:
            raise EngineError("scripted fault; lower engine.fault_rate to see fewer")
        if self._seconds_per_call:
            await asyncio.sleep(self._seconds_per_call)
        tip = path.node
        right = tip.starts or tip.text.startswith(RIGHT)
        for sibling in range(request.n):
            # Greedy writing has no randomness but the question's own: some problems it gets right, others it does not.
            greedy = request.sampling.temperature == 0
            seed = zlib.crc32(path.question.encode()) if greedy else request.seed + sibling
            for step in self._continue(path, tip, request, sibling, seed, right):
                if self._seconds_per_token:
                    await asyncio.sleep(self._seconds_per_token * len(step.ids))
                yield step

    def _continue(
        self, path: Path, tip: Node, request: Request, sibling: int, seed: int, right: bool
    ) -> Iterator[Step]:
        written = 0
        prompt = len(path.start.ids) + tip.length
        begun = len(path.nodes)
        # Made to go on after its end, it takes one more last step.
        for depth in range(begun, max(begun + 1, self._steps) if request.whole else begun + 1):
            right = right and uniform(seed, depth) < self._success
            last = depth + 1 >= self._steps
            text = self._text(path.question, derive(seed, depth, 0), right, last) + ("" if last else request.separator)
            ids, finish = self._cut(text.encode(), prompt, written, request, "end" if last else "step")
            written += len(ids)
            # The first to write computes the prompt; everybody after finds the prefix in the cache.
            opening = depth == begun
            computed = prompt if tip.starts and tip.children == request.n and sibling == 0 else 0
            usage = self._count(computed if opening else 0, prompt - computed if opening else 0, len(ids), opening)
            decoded = ids.decode(errors="replace")
            told = self._confidence(derive(seed, depth, 1), right)
            confidences = [told] * len(ids) if request.sampling.top_logprobs else []
            yield Step(
                sibling=sibling, ids=list(ids), text=decoded, finish=finish, usage=usage, confidences=confidences
            )
            if finish != "step" or written >= request.max_tokens:
                return

    def _text(self, question: str, draw: int, right: bool, last: bool) -> str:
        words = f"{RIGHT if right else WRONG} {draw % _TAGS}"
        if not last:
            return words
        answer = int(scripted_answer(question))
        if not right:
            answer = 1000 + draw % self._wrong_answers
        return f"{words} The answer is {answer}."

    def _confidence(self, draw: int, right: bool) -> float:
        return max(0.0, (12.0 if right else 10.0) + Random(draw).gauss(0.0, self._confidence_noise))

    def _cut(self, text: bytes, prompt: int, written: int, request: Request, finish: Finish) -> tuple[bytes, Finish]:
        """Hold the caps: of the step, of the request, of the context."""
        room = min(request.sampling.max_step_tokens, request.max_tokens - written)
        if self._context is not None and self._context - prompt - written < min(room, len(text)):
            return text[: max(0, self._context - prompt - written)], "context"
        return (text, finish) if len(text) <= room else (text[:room], "length")

    def _count(self, computed: int, cached: int, generated: int, opening: bool) -> Usage:
        usage = Usage(
            prompt_tokens=computed,
            cached_tokens=cached,
            generated_tokens=generated,
            calls=int(opening),
            seconds=self._seconds_per_token * generated + (self._seconds_per_call if opening else 0.0),
            flops=forward_flops(self.parameters, computed + generated),
        )
        self.usage += usage
        return usage
