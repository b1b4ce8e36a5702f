"""Policies: a language model fitted to worked solutions, step by step as an engine will continue them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from outthink.learn.train.base import Base
from outthink.prompt import Prompt

__all__ = ["PolicyTask", "Worked", "written_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A right solution of a problem.

    Args:
        problem: the problem's id.
        question: as asked.
        steps: without separators.
    """

    problem: str
    question: str
    steps: tuple[str, ...]


def written_out(worked: Worked, base: Base, prompt: Prompt) -> tuple[list[int], list[int]]:
    """Token ids of the prompt, and of the solution up to the token that ends the turn.

    Each step is tokenised by itself, with its separator, so that a step ends where a token does.
    """
    tokenizer = base.tokenizer
    pieces = [*(step + prompt.step for step in worked.steps[:-1]), worked.steps[-1]]
    solution = [token for piece in pieces for token in tokenizer.text(piece)]
    return tokenizer.chat(prompt.messages(worked.question)), [*solution, tokenizer.end]


class PolicyTask:
    """A policy in training: cross-entropy of the solutions' tokens, given the prompts.

    Args:
        base: loaded as a language model.
        train, held_out: solutions.
        prompt: how questions are put.
        batch_tokens: tokens of a batch when held-out solutions are read.
    """

    def __init__(
        self, base: Base, train: Sequence[Worked], held_out: Sequence[Worked], prompt: Prompt, *, batch_tokens: int
    ) -> None:
        self.model: Module = _Writer(base)
        self._train = [written_out(each, base, prompt) for each in train]
        self._held_out = sorted((written_out(each, base, prompt) for each in held_out), key=_length)
        self.lengths = [_length(pair) for pair in self._train]
        self._batch_tokens = batch_tokens

    def loss(self, model: Module, places: Sequence[int]) -> Tensor:
        """Mean cross-entropy over all tokens of the solutions."""
        return _cross_entropy(model, [self._train[place] for place in places])

    def evaluate(self, model: Module) -> dict[str, float]:
        """Cross-entropy of a token of the held-out solutions."""
        total, tokens = 0.0, 0
        size = max(1, self._batch_tokens // max(map(_length, self._held_out), default=1))
        for start in range(0, len(self._held_out), size):
            batch = self._held_out[start : start + size]
            count = sum(len(solution) for _, solution in batch)
            total, tokens = total + count * float(_cross_entropy(model, batch)), tokens + count
        return {"loss": total / tokens} if tokens else {}


def _length(pair: tuple[list[int], list[int]]) -> int:
    return len(pair[0]) + len(pair[1])


def _cross_entropy(model: Module, batch: Sequence[tuple[list[int], list[int]]]) -> Tensor:
    device = next(model.parameters()).device
    ids = pad_sequence([torch.tensor(prompt + solution) for prompt, solution in batch], batch_first=True)
    mask = pad_sequence([torch.ones(_length(pair), dtype=torch.long) for pair in batch], batch_first=True)
    wanted = torch.zeros_like(ids, dtype=torch.bool)
    for row, (prompt, solution) in enumerate(batch):
        wanted[row, len(prompt) : len(prompt) + len(solution)] = True
    logits = model(ids.to(device), mask.to(device), wanted.to(device))
    return cross_entropy(logits.float(), ids[wanted].to(device))


class _Writer(Module):  # type: ignore[misc]
    """A base model that returns logits of the tokens at some positions."""

    def __init__(self, base: Base) -> None:
        super().__init__()
        self.base = base.model
        self._lora = base.lora

    def forward(self, ids: Tensor, mask: Tensor, wanted: Tensor) -> Tensor:
        """Logits of the wanted tokens, [tokens, vocabulary], each from what comes before it."""
        whole = self.base.get_base_model() if self._lora else self.base
        hidden = whole.base_model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :-1]
        # The vocabulary is a small model's largest layer: only positions that count go through it.
        logits: Tensor = whole.get_output_embeddings()(hidden[wanted[:, 1:]])
        return logits
