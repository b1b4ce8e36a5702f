"""A base model that reads tries, and says something at some of their tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.nn import Module

from outthink.learn.train.base import Base
from outthink.learn.train.tries import T, Trie, batch

__all__ = ["Reader", "in_batches", "read"]


class Reader(Module):  # type: ignore[misc]
    """A base model with what is made of its last hidden states where there are targets; elsewhere no head is computed.

    Args:
        base: loaded in the shape that the head needs.
        head: makes [targets, ...] of the model and its states [targets, width].
    """

    def __init__(self, base: Base, head: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.base = base.model
        self._lora = base.lora
        self._head = head

    def forward(self, ids: Tensor, depths: Tensor, sees: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """What the head says at the targets of a batch."""
        whole = self.base.get_base_model() if self._lora else self.base
        states = whole.base_model(input_ids=ids, position_ids=depths, attention_mask=sees, use_cache=False)
        return self._head(whole, states.last_hidden_state[rows, columns])


def read(model: Module, chosen: Sequence[Trie[T]]) -> Tensor:
    """What a reader says at each token of each trie that has a target, in order."""
    said: Tensor = model(*batch(chosen).on(next(model.parameters()).device))
    return said


def in_batches(chosen: Sequence[Trie[T]], limit: int) -> Iterator[Sequence[Trie[T]]]:
    """Tries, in order, with at most `limit` tokens at a time; none is longer by itself."""
    start = tokens = 0
    for end, trie in enumerate(chosen):
        if tokens + len(trie) > limit:
            yield chosen[start:end]
            start, tokens = end, 0
        tokens += len(trie)
    if tokens:
        yield chosen[start:]
