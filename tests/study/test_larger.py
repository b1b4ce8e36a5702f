"""Studies beside larger models, on studies made up of numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from simulated import RUN, TOKENS, outcome, pools, solved, study

from outthink.errors import RecipeError
from outthink.shape import Shape
from outthink.study.beside import beside
from outthink.study.larger import Larger, read_larger
from outthink.study.matched import Large, match

GIVEN: dict[str, Any] = {
    "name": "seventy",
    "parameters": 20,
    "tokens": TOKENS,
    "accuracy": 0.5,
    "source": "a paper",
    "ratios": [2, 0.5],
}
LARGER = Larger(**GIVEN)


def test_every_method_is_matched_without_training_and_at_each_ratio() -> None:
    made = study(pools({"a": 0.9, "b": 0.2}, 16, seeds=2), [1, 4, 16], ["majority", "weighted"])
    found = beside(made, [LARGER], {RUN: 1})
    methods = list(dict.fromkeys(cell.method for cell in made.cells))
    assert [(each.ratio, each.method) for each in found] == [
        (ratio, method) for ratio in (math.inf, 2, 0.5) for method in methods
    ]
    large = Large(shape=Shape(parameters=20), tokens=TOKENS, accuracy=0.5, source="a paper")
    for each in found:
        cells = [cell for cell in made.cells if cell.method == each.method]
        assert each.match == match(cells, 1, large, each.ratio)
    # 2 * 20 * 10 FLOPs; a solution takes 2 * 10, and as many as half of that again to be weighed.
    assert [each.match and each.match.n for each in found[:2]] == [16, 4]


def test_a_method_whose_cheapest_budget_costs_more_is_told() -> None:
    made = study([outcome("a", [solved(True, 0.9)] * 64, n=64)], [64])
    assert {each.match for each in beside(made, [LARGER], {RUN: 1})[:1]} == {None}


@pytest.mark.parametrize("sizes", [{}, {RUN: 20}, {RUN: 21}, {"other": 1}])
def test_engines_of_unknown_size_or_no_smaller_are_left_out(sizes: dict[str, int]) -> None:
    made = study(pools({"a": 0.9}, 4, seeds=1), [4])
    assert beside(made, [LARGER], sizes) == []


def test_what_nobody_can_choose_is_left_out() -> None:
    made = study(pools({"a": 0.9}, 4, seeds=1), [4], ["majority", "oracle"])
    assert {each.method.selection for each in beside(made, [LARGER], {RUN: 1})} == {"majority"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "seventy"}, "larger: expected a list of larger models"),
        ([{**GIVEN, "accuracy": 65.2}], r"larger.0: accuracy is 65.2; it must lie in \[0, 1\]"),
        ([GIVEN, {**GIVEN, "ratios": [0]}], "larger.1: ratios is .* each must be above 0"),
        ([{**GIVEN, "ratios": [float("inf")]}], "larger.0: ratios is"),
        ([{**GIVEN, "parameters": 0}], "larger.0: the larger model's parameters and tokens must be above 0"),
        ([{**GIVEN, "size": 7}], "larger.0: unknown key 'size'"),
        ([{key: value for key, value in GIVEN.items() if key != "source"}], "larger.0.source"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(given: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_larger(given, "larger")
