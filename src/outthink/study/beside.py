"""A study beside larger models: what its methods get right for the FLOPs that a larger model takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from outthink.shape import Shape
from outthink.study.cells import Method
from outthink.study.comparisons import mean_cost
from outthink.study.larger import Larger
from outthink.study.matched import Large, Match, match
from outthink.study.study import Study

__all__ = ["Beside", "beside"]


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
                found += [Beside(model, each, method, match(mine, size, _large(model), each)) for each in ratios]
    return sorted(found, key=lambda each: (larger.index(each.larger), -each.ratio))


def _large(model: Larger) -> Large:
    shape = Shape(parameters=model.parameters)
    return Large(shape=shape, tokens=model.tokens, accuracy=model.accuracy, source=model.source)
