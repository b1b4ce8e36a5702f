"""Heads: what a reward model says at one position, and how that becomes a score.

A head is plain data. Where the weights of its kind lie in a checkpoint is known to `checkpoints.py`, running them is a
backend's work; here is only the formula, in Python floats.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from outthink.errors import UsageError

__all__ = ["Head", "Labels", "Pair", "Ratio", "Signs", "Value", "settle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A language model's choice between two tokens: a row is [logit of good, logit of bad].

    Args:
        good, bad: token ids, rows of the language-model head.
    """

    good: int
    bad: int

    def score(self, row: Sequence[float]) -> float:
        """P(good) among the two."""
        good, bad = row
        return _sigmoid(good - bad)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """A language model's choice between two texts, each one token, whichever, in its own tokenizer.

    A backend settles it into the `Pair` of these tokens when it opens the model.

    Args:
        good, bad: the texts.
    """

    good: str = "+"
    bad: str = "-"

    def score(self, row: Sequence[float]) -> float:
        """P(good) among the two, as of the `Pair`."""
        good, bad = row
        return _sigmoid(good - bad)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A classifier of tokens or of whole sequences: a row holds one logit for each class.

    Args:
        good: the class that means correct.
    """

    good: int = 1

    def score(self, row: Sequence[float]) -> float:
        """P(good) among all classes."""
        top = max(row)
        weights = [math.exp(logit - top) for logit in row]
        return weights[self.good] / sum(weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A single number: a row is [logit]. Of a Bradley-Terry model, P(preferred to something of reward 0).

    Args:
        scale: what the logit is multiplied with before the sigmoid; unbounded rewards may need less than 1.
    """

    scale: float = 1.0

    def score(self, row: Sequence[float]) -> float:
        """The scaled logit through a sigmoid."""
        (logit,) = row
        return _sigmoid(self.scale * logit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """An implicit reward: a row is [log P - log P_reference of the sequence up to and with this token].

    The log-ratio of a model trained on outcomes to the one it was trained from is a process reward (Yuan et al. 2024,
    arXiv 2412.01981). What the prompt contributes has to be taken off: read at the prompt's last token too.

    Args:
        reference: the model it was trained from: a folder or an id on the Hub.
        beta: scale of the reward, as in training.
    """

    reference: str
    beta: float = 0.001

    def score(self, row: Sequence[float]) -> float:
        """The scaled log-ratio through a sigmoid."""
        (log_ratio,) = row
        return _sigmoid(self.beta * log_ratio)


Head = Pair | Signs | Labels | Value | Ratio

Settled = TypeVar("Settled", bound=Pair | Labels | Value | Ratio)
Tokenize = Callable[[str], Awaitable[Sequence[int]]]


async def settle(head: Settled | Signs, tokenize: Tokenize) -> Settled | Pair:
    """The head in a model's own token ids: `Signs` become the `Pair` they stand for, all others are settled already.

    Args:
        head: as a family has it.
        tokenize: token ids of a text as it stands, as `Backend.tokenize`.

    Raises:
        UsageError: a sign is not exactly one token, or both are the same one.
    """
    if not isinstance(head, Signs):
        return head
    good, bad = [await _token(sign, tokenize) for sign in (head.good, head.bad)]
    if good == bad:
        raise UsageError(
            f"this model's tokenizer writes both {head.good!r} and {head.bad!r} as token {good}, which leaves nothing "
            "to choose; use another base model"
        )
    return Pair(good=good, bad=bad)


async def _token(sign: str, tokenize: Tokenize) -> int:
    ids = await tokenize(sign)
    if len(ids) != 1:
        raise UsageError(
            f"this model's tokenizer writes {sign!r} as {list(ids)}, and a sign has to be exactly one token; use a "
            "base model that has one for it, or a family with another head"
        )
    return ids[0]


def _sigmoid(logit: float) -> float:
    # The exponent is never positive, so it cannot overflow.
    small = math.exp(-abs(logit))
    return (1.0 if logit >= 0 else small) / (1.0 + small)
