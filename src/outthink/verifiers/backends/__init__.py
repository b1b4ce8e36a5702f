"""Backends run reward models. This is the seam every backend stands behind.

A backend knows nothing of questions, steps or trees: it is given token ids and the positions whose outputs are wanted,
and says what the model's head returned there. Which ids and positions these are is a family's business (`families.py`),
what the outputs mean is the head's (`heads.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from outthink.cost import Usage
from outthink.tree import Message
from outthink.verifiers.heads import Head

__all__ = ["Backend", "Reading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a model's head returned at the asked positions of one sequence.

    Args:
        rows: one row for each position, as the head left it, before any softmax or sigmoid; `Head.score` reads it.
        usage: what it cost: `scored_tokens` were computed, `cached_tokens` read from a cache.
    """

    rows: Sequence[Sequence[float]]
    usage: Usage


class Backend(Protocol):
    """A reward model, loaded.

    `usage` is the backend's own count of everything it did since it was opened; the usages of all readings sum to it.
    `parameters` is how many it runs a token through, known once it is open; 0 where it cannot tell. One that knows its
    model's `shape: Shape`, has that.
    """

    usage: Usage

    @property
    def parameters(self) -> int: ...

    async def open(self, model: str, head: Head) -> None:
        """Load a model and its head. Called once, before anything else.

        Args:
            model: a local folder, or an id on the Hugging Face Hub.
            head: what turns hidden states into rows, and where its weights are; settled here (`heads.settle`), since
                the tokenizer is part of the model.

        Raises:
            ModelNotFound: there is no such model, or its files do not hold this head.
            UsageError: this backend cannot read such a head; the message says which one can.
        """

    async def close(self) -> None:
        """Give everything back. Safe to call twice, and when `open` failed."""

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat in the model's own template.

        They end where the model's reply begins or, where the last message is the assistant's, with that reply's end
        (no generation prompt then).
        """

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text as it stands: nothing is added, names of special tokens are recognised."""

    async def read(self, ids: Sequence[int], positions: Sequence[int]) -> Reading:
        """What the head returns at some positions of a sequence.

        Args:
            ids: the sequence; the model is causal, so it need not go on after the last position.
            positions: indices into `ids`, ascending.

        Raises:
            VerifierError: the model failed, or the sequence is longer than its context.
        """
