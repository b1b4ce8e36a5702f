"""Larger models that a study stands beside, as its recipe names them.

larger:
  - name: Llama-3.1-70B-Instruct
    parameters: 70600000000
    tokens: 500                       # for a problem, prompt and answer together
    accuracy: 0.652                   # as somebody reports it
    source: arXiv 2502.06703, table 3
    ratios: [0.1, 1]                  # R: also with its training, spread over R tokens for each of training
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from outthink.errors import RecipeError, UsageError
from outthink.options import make

__all__ = ["Larger", "read_larger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Larger:
    """A larger model, asked once for each problem, as somebody reports it.

    Args:
        name: what it is called.
        parameters: that a token is run through.
        tokens: that it computes for a problem, prompt and answer together, on average.
        accuracy: in [0, 1], on the study's problems.
        source: where the accuracy is from.
        ratios: R, tokens it will write for each token it was trained on: its training is counted in at each of these.
    """

    name: str
    parameters: int
    tokens: float
    accuracy: float
    source: str
    ratios: list[float] | tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.parameters < 1 or not 0 < self.tokens < math.inf:
            raise UsageError("the larger model's parameters and tokens must be above 0")
        if not 0 <= self.accuracy <= 1:
            raise UsageError(f"accuracy is {self.accuracy}; it must lie in [0, 1]")
        if not all(0 < ratio < math.inf for ratio in self.ratios):
            raise UsageError(f"ratios is {list(self.ratios)}; each must be above 0 (inference alone is always shown)")


def read_larger(given: object, where: str) -> tuple[Larger, ...]:
    """Larger models from a recipe; raises RecipeError naming the field."""
    if not isinstance(given, list):
        raise RecipeError(f"{where}: expected a list of larger models, got {given!r}")
    return tuple(make(Larger, each, f"{where}.{place}") for place, each in enumerate(given))
