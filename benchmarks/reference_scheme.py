"""The reference scheme: how huggingface/search-and-learn, the best-known toolkit of this kind, goes about a search.

Written from a description of that scheme, with none of its code. What makes it slow is kept:

- Beam search works on one problem at a time, DVTS and best-of-N on 25.
- After every step there is a barrier: all children are written, then all are scored, then paths are dropped. While one
  model works the other waits, and the slowest child holds up all.
- The state is text. At every step every path is put into the chat template and tokenised from its first character.
- The reward model is run by plain transformers, in batches of eight in the order given, padded to the longest. It reads
  every path from its first token after every step; nothing it computed is kept.

What is plainly a mistake there and would make it slower still is not:

- Beam search writes a step of lookahead that it never scores: left out.
- Beam search refills its pool to N however many paths are finished, and so writes far more than N solutions: here a
  finished path keeps its seat.
- The empty text after the last separator is scored as a step: left out.
- The chat template may strip the separator that a path ends in, so that the model writes it once more: paths are
  appended to the rendered prompt instead.

It has no cap on a step's length; here it keeps the same cap as outthink, on the way to the end too.

DVTS ends a subtree as soon as its best child has ended, and leaves that child's siblings unfinished. That makes it
faster, and is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from outthink.engines import Sampling
from outthink.prompt import Prompt

__all__ = ["Bill", "ReferenceScheme", "WholeReader"]

PROBLEMS_AT_ONCE = 25
PATHS_AT_ONCE = 8
# For so long after its last request vLLM's worker on a CPU keeps a core busy waiting for the next one, in seconds.
VLLM_RESTS_AFTER = 1.2
# Tokens of a last step between two looks at whether it keeps the cap on steps; vLLM itself knows no such cap.
STREAMED = 16

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Bill:
    """What was spent.

    Args:
        writing, scoring: seconds in which the generator or the reward model was called.
        waiting: seconds that are not to be counted, see `ReferenceScheme`.
        generated: tokens written.
        scored: tokens read by the reward model, without its padding.
        padded: the same with its padding.
    """

    writing: float = 0.0
    scoring: float = 0.0
    waiting: float = 0.0
    generated: int = 0
    scored: int = 0
    padded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beam:
    """A path: its text and what is known of it.

    Args:
        question: what it answers.
        text: all that was written so far.
        length: in tokens.
        open: whether it can go on; it ended at a separator then.
        ended: whether the model ended it, and not a cap.
        score: of its last step.
    """

    question: str
    text: str = ""
    length: int = 0
    open: bool = True
    ended: bool = False
    score: float = 0.0


class WholeReader:
    """A token classifier as a process reward model, by plain transformers.

    Args:
        folder: the model.
        dummy: whether its weights are drawn at random instead of read.
        separator: ends a step.
        mark: stands after each step where the score is read.

    `device` is where it runs, as torch names it.
    """

    def __init__(self, folder: Path, *, dummy: bool, separator: str, mark: str) -> None:
        import torch
        from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._separator = separator
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._mark = self._ids(mark)
        if dummy:
            with torch.device(self.device):
                model = AutoModelForTokenClassification.from_config(AutoConfig.from_pretrained(folder))
        else:
            model = AutoModelForTokenClassification.from_pretrained(folder)
        self._model = model.to(self.device).eval()

    def score(self, paths: Sequence[tuple[str, str]], bill: Bill) -> list[list[float]]:
        """P(good) of every step of every (question, solution)."""
        asked = [self._tokenised(question, text) for question, text in paths]
        return [scores for batch in _batches(asked, PATHS_AT_ONCE) for scores in self._read(batch, bill)]

    def _tokenised(self, question: str, text: str) -> tuple[list[int], list[int]]:
        ids, marks = self._ids(self._tokenizer.bos_token or "") + self._ids(question), []
        *whole, rest = text.split(self._separator)
        for step in [*(step + self._separator for step in whole), rest]:
            if step.strip():
                ids += self._ids(step.strip()) + self._mark
                marks.append(len(ids) - 1)
        return ids, marks

    def _read(self, batch: Sequence[tuple[list[int], list[int]]], bill: Bill) -> Iterator[list[float]]:
        import torch

        longest = max(len(ids) for ids, _ in batch)
        rows = torch.zeros(len(batch), longest, dtype=torch.long)
        mask = torch.zeros_like(rows)
        for row, (ids, _) in enumerate(batch):
            rows[row, : len(ids)] = torch.tensor(ids)
            mask[row, : len(ids)] = 1
        with torch.inference_mode():
            logits = self._model(input_ids=rows.to(self.device), attention_mask=mask.to(self.device)).logits
            good = logits.float().softmax(-1)[..., 1].cpu()
        bill.scored += sum(len(ids) for ids, _ in batch)
        bill.padded += rows.numel()
        for row, (_, marks) in enumerate(batch):
            yield good[row, marks].tolist()

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


class ReferenceScheme:
    """Best-of-N, beam search and DVTS by the reference scheme.

    Where both models run on the same cores, the reward model is given the time that vLLM needs to come to rest after a
    step; that time is not counted. Without it the first second of all scoring would be slowed down several times.

    Args:
        llm: vLLM's engine; it is given all requests of a step, and waited for.
        reader: the reward model.
        prompt: how questions are put, and where steps end.
        sampling: how tokens are drawn, and the caps.
        width: children of each kept path.
        rounds: steps; the last one is written to the solution's end.
    """

    def __init__(
        self,
        *,
        llm: Any,
        reader: WholeReader,
        prompt: Prompt,
        sampling: Sampling,
        width: int,
        rounds: int,
    ) -> None:
        self._llm = llm
        self._tokenizer = llm.get_tokenizer()
        self._reader = reader
        self._prompt = prompt
        self._sampling = sampling
        self._width = width
        self._rounds = rounds
        self._names = count()
        self.bill = Bill()

    async def sample(self, questions: Sequence[str], n: int) -> None:
        """Best-of-N: whole solutions of a batch of problems, then their scores."""
        for batch in _batches(questions, PROBLEMS_AT_ONCE):
            await self._step([Beam(question=question) for question in batch for _ in range(n)], last=True)

    async def beam(self, questions: Sequence[str], n: int) -> None:
        """Beam search, problem by problem."""
        for question in questions:
            await self._beam(question, n)

    async def _beam(self, question: str, n: int) -> None:
        pool, seats = [Beam(question=question)] * n, n
        for number in range(1, self._rounds + 1):
            children = await self._step(pool, last=number == self._rounds)
            seats -= sum(child.ended for child in children)
            live = list({child.text: child for child in children if child.open}.values())
            if not live or not seats:
                return
            live.sort(key=lambda child: child.score, reverse=True)
            kept = live[: -(-seats // self._width)]
            pool = [kept[seat % len(kept)] for seat in range(seats)]

    async def dvts(self, questions: Sequence[str], n: int) -> None:
        """DVTS: the subtrees of a batch of problems, a step of all of them at a time."""
        for batch in _batches(questions, PROBLEMS_AT_ONCE):
            tips = [Beam(question=question) for question in batch for _ in range(n // self._width)]
            for number in range(1, self._rounds + 1):
                pool = [tip for tip in tips for _ in range(self._width)]
                children = await self._step(pool, last=number == self._rounds)
                best = [max(group, key=lambda child: child.score) for group in _batches(children, self._width)]
                tips = [tip for tip in best if tip.open]
                if not tips:
                    break

    async def _step(self, pool: Sequence[Beam], *, last: bool) -> list[Beam]:
        """One barrier: a child of each path is written, then each is scored."""
        children = await self._write(pool, last)
        if self._reader.device == "cpu":
            with _timed(self.bill, "waiting"):
                await asyncio.sleep(VLLM_RESTS_AFTER)
        with _timed(self.bill, "scoring"):
            scores = self._reader.score([(child.question, child.text) for child in children], self.bill)
        return [
            replace(child, score=steps[-1] if steps else 0.0) for child, steps in zip(children, scores, strict=True)
        ]

    async def _write(self, pool: Sequence[Beam], last: bool) -> list[Beam]:
        rendered = [self._rendered(beam) for beam in pool]
        asked = self._tokenizer(rendered, add_special_tokens=False)["input_ids"]
        with _timed(self.bill, "writing"):
            children = await asyncio.gather(
                *(self._continue(beam, ids, last) for beam, ids in zip(pool, asked, strict=True))
            )
        self.bill.generated += sum(child.length - beam.length for child, beam in zip(children, pool, strict=True))
        return children

    def _rendered(self, beam: Beam) -> str:
        messages = self._prompt.messages(beam.question)
        opening = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return str(opening) + beam.text

    async def _continue(self, beam: Beam, ids: list[int], last: bool) -> Beam:
        from vllm import SamplingParams
        from vllm.inputs.engine import tokens_input
        from vllm.sampling_params import RequestOutputKind

        separator, cap = self._prompt.step, self._sampling.max_step_tokens
        room = self._sampling.max_tokens - beam.length
        params = SamplingParams(
            temperature=self._sampling.temperature,
            max_tokens=room if last else min(room, cap),
            stop=None if last else [separator],
            include_stop_str_in_output=True,
            output_kind=RequestOutputKind.DELTA if last else RequestOutputKind.FINAL_ONLY,
            stream_interval=STREAMED if last else None,
        )
        name, text, length, step = f"reference-{next(self._names)}", beam.text, beam.length, 0
        async for output in self._llm.generate(tokens_input(ids), params, name):
            part = output.outputs[0]
            text, length = text + part.text, length + len(part.token_ids)
            step = 0 if separator in part.text else step + len(part.token_ids)
            if last and step >= cap and not output.finished:
                await self._llm.abort(name)
        at_separator = part.stop_reason == separator
        return Beam(
            question=beam.question,
            text=text,
            length=length,
            open=at_separator and length < self._sampling.max_tokens,
            ended=part.finish_reason == "stop" and not at_separator,
        )


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


@contextmanager
def _timed(bill: Bill, what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    setattr(bill, what, getattr(bill, what) + time.perf_counter() - began)
