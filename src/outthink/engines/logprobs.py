"""Log-probabilities among a few options."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["normalised"]


def normalised(logprobs: Sequence[float]) -> list[float]:
    """Log-probabilities given that it is one of these."""
    top = max(logprobs)
    total = top + math.log(sum(math.exp(logprob - top) for logprob in logprobs))
    return [logprob - total for logprob in logprobs]
