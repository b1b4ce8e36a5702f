"""A study beside larger models: what its methods get right for the FLOPs that a larger model takes.

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from outthink.errors import RecipeError, UsageError
from outthink.options import make
from outthink.shape import Shape
from outthink.study.cells import Method
from outthink.study.comparisons import mean_cost
from outthink.study.matched import Large, Match, match
from outthink.study.study import Study

__all__ = ["Beside", "Larger", "beside", "read_larger"]


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
        if not 0 <= self.accuracy <= 1:
            raise UsageError(f"accuracy is {self.accuracy}; it must lie in [0, 1]")
        if not all(0 < ratio < math.inf for ratio in self.ratios):
            raise UsageError(f"ratios is {list(self.ratios)}; each must be above 0 (inference alone is always shown)")
        self.large()

    def large(self) -> Large:
        """What the analysis needs of it."""
        return Large(
            shape=Shape(parameters=self.parameters), tokens=self.tokens, accuracy=self.accuracy, source=self.source
        )


class Beside(NamedTuple):
    """A method beside a larger model.

    Args:
        larger: which.
        ratio: R; infinite where its training is left out.
        method: of the study.
        match: its largest budget that costs no more; None if even the smallest costs more.
    """

    larger: Larger
    ratio: float
    method: Method
    match: Match | None


def read_larger(given: object, where: str) -> tuple[Larger, ...]:
    """Larger models from a recipe; raises RecipeError naming the field."""
    if not isinstance(given, list):
        raise RecipeError(f"{where}: expected a list of larger models, got {given!r}")
    return tuple(make(Larger, each, f"{where}.{place}") for place, each in enumerate(given))


def beside(study: Study, larger: Sequence[Larger], parameters: Mapping[str, int]) -> list[Beside]:
    """Every method beside every larger model, without its training and at each ratio.

    Methods of engines whose size is unknown, or which are no smaller, are left out, and so is what nobody can choose.

    Args:
        study: what was found.
        larger: the models.
        parameters: of each run's engine.
    """
    found = []
    for method, cells in groupby(study.cells, key=lambda cell: cell.method):
        mine = [cell for cell in cells if not math.isnan(mean_cost(cell, "flops"))]
        size = parameters.get(method.run, 0)
        if not size or not mine or method.selection == "oracle":
            continue
        for model in larger:
            if size < model.parameters:
                ratios = [math.inf, *model.ratios]
                found += [Beside(model, each, method, match(mine, size, model.large(), each)) for each in ratios]
    return sorted(found, key=lambda each: (larger.index(each.larger), -each.ratio))
