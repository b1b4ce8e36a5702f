"""Log-probabilities among a few options, and how sure a model was of a token."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

__all__ = ["confidence", "normalised"]

# Servers write what they like for a probability of zero: -inf, -9999, the lowest number there is. One such candidate
# would outweigh a whole solution.
_LEAST = -100.0


def confidence(logprobs: Iterable[float], top: int) -> float:
    """The confidence of one token: minus the mean log-probability of its most likely candidates.

    It is high where one candidate takes all the probability and the others have next to none (DeepConf, Fu et al. 2025,
    arXiv 2508.15260).

    Args:
        logprobs: of the candidates a server told; some add the token that was drawn, however unlikely.
        top: how many of them count.
    """
    likely = sorted(logprobs, reverse=True)[:top]
    return -sum(max(each, _LEAST) for each in likely) / len(likely) if likely else 0.0


def normalised(logprobs: Sequence[float]) -> list[float]:
    """Log-probabilities given that it is one of these."""
    top = max(logprobs)
    total = top + math.log(sum(math.exp(logprob - top) for logprob in logprobs))
    return [logprob - total for logprob in logprobs]
