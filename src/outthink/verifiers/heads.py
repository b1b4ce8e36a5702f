"""Heads: what a reward model says at one position, and how that becomes a score.

A head is plain data. Where the weights of its kind lie in a checkpoint is known to `checkpoints.py`, running them is a
backend's work; here is only the formula, in Python floats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Head", "Labels", "Pair", "Ratio", "Value"]


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


Head = Pair | Labels | Value | Ratio


def _sigmoid(logit: float) -> float:
    # The exponent is never positive, so it cannot overflow.
    small = math.exp(-abs(logit))
    return (1.0 if logit >= 0 else small) / (1.0 + small)
