"""FLOPs matches: the paper's worked figures, and small against large on made-up measurements."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outthink.errors import UsageError
from outthink.shape import Shape
from outthink.study.cells import Cell, Method
from outthink.study.intervals import accuracy_interval, paired_interval
from outthink.study.matched import Large, allowance, match, multiplier

METHOD = Method("", "sample", "weighted", "last")
LARGE = Large(shape=Shape(parameters=700), tokens=10.0, accuracy=0.5, source="a report")


def cell(n: int, flops: float, accuracy: list[list[float]]) -> Cell:
    right = np.array(accuracy)
    return Cell(method=METHOD, n=n, accuracy=right, costs={"flops": np.full(right.shape, flops)})


SMALL = [
    cell(1, 2_000.0, [[0, 0], [1, 0], [0, 0], [0, 1]]),
    cell(4, 8_000.0, [[0, 1], [1, 1], [0, 0], [0, 1]]),
    cell(16, 32_000.0, [[1, 1], [1, 1], [0, 1], [1, 1]]),
]


@pytest.mark.parametrize(("ratio", "published"), [(0.08, 257.8), (0.40, 62.8), (11.0, 15.8)])
def test_the_figures_of_snell_et_al(ratio: float, published: float) -> None:
    assert abs(multiplier(14, ratio) - published) <= 0.05 + 1e-9


def test_without_training_a_model_so_many_times_larger_costs_so_many_times_as_much() -> None:
    assert multiplier(14) == 14
    assert multiplier(1, 0.1) == 1


@settings(deadline=None)
@given(st.floats(1, 100), st.floats(0.01, 100), st.integers(1, 10**6))
def test_an_allowance_is_the_multiplier_times_what_the_small_one_takes_for_the_same_tokens(
    times: float, ratio: float, parameters: int
) -> None:
    large = Large(shape=Shape(parameters=round(times * parameters)), tokens=30.0, accuracy=0.0, source="")
    own = 2.0 * parameters * 30
    expected = own * multiplier(large.shape.parameters / parameters, ratio, per_parameter=2.0)
    assert allowance(parameters, large, ratio) == pytest.approx(expected)


def test_the_attention_of_the_large_model_counts_where_it_is_known() -> None:
    wide = Large(shape=Shape(parameters=700, layers=2, width=5), tokens=10.0, accuracy=0.5, source="")
    assert wide.flops == LARGE.flops + 4 * 2 * 5 * 55


def test_the_largest_budget_that_costs_no_more() -> None:
    # 2 * 700 * 10 = 14,000 FLOPs.
    found = match(SMALL, 100, LARGE)
    assert found is not None
    own = accuracy_interval([0.5, 1.0, 0.0, 0.5])
    assert (found.allowance, found.n, found.flops, found.accuracy, found.large) == (14_000.0, 4, 8_000.0, 0.5, 0.5)
    assert found.interval == pytest.approx((own.low - 0.5, own.high - 0.5))


def test_training_that_was_saved_is_spent_on_inference() -> None:
    found = match(SMALL, 100, LARGE, ratio=2.0)
    assert found is not None
    assert (found.allowance, found.n) == (14_000.0 + 6 * 600 * 10 / 2, 16)


def test_a_budget_that_costs_as_much_is_one_that_costs_no_more() -> None:
    exact = Large(shape=Shape(parameters=400), tokens=10.0, accuracy=0.5, source="")
    found = match(SMALL, 100, exact)
    assert found is not None and found.n == 4


def test_a_large_model_that_is_cheaper_than_one_answer_has_no_match() -> None:
    assert match(SMALL, 100, Large(shape=Shape(parameters=100), tokens=1.0, accuracy=0.5, source="")) is None


def test_measured_on_the_same_problems_the_difference_is_paired() -> None:
    nan = math.nan
    measured = np.array([[1.0], [1.0], [nan], [0.0]])
    found = match(SMALL, 100, Large(shape=Shape(parameters=700), tokens=10.0, accuracy=measured, source="a run"))
    assert found is not None
    assert (found.accuracy, found.large) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert found.interval == paired_interval([0.5, 1.0, 0.5], [1.0, 1.0, 0.0])


def test_what_was_not_measured_is_left_out_of_the_means() -> None:
    accuracy = np.array([[1.0, math.nan], [math.nan, math.nan]])
    costs = {"flops": np.array([[10.0, math.nan], [math.nan, math.nan]])}
    found = match([Cell(method=METHOD, n=1, accuracy=accuracy, costs=costs)], 100, LARGE)  # type: ignore[arg-type]
    assert found is not None and (found.flops, found.accuracy) == (10.0, 1.0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"parameters": 800}, "larger model with more parameters"),
        ({"ratio": 0.0}, "ratio above 0"),
        ({"cells": [cell(1, math.nan, [[1.0]])]}, "FLOPs are unknown"),
        ({"large": Large(shape=Shape(parameters=700), tokens=10.0, accuracy=np.ones((2, 1)), source="")}, "2 problems"),
    ],
)
def test_what_cannot_be_matched_is_said(change: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        match(**({"cells": SMALL, "parameters": 100, "large": LARGE} | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("times", "ratio", "per"), [(0.5, 1.0, 4.0), (2.0, 0.0, 4.0), (2.0, 1.0, 0.0), (2.0, math.nan, 4.0)]
)
def test_a_multiplier_of_nonsense_is_refused(times: float, ratio: float, per: float) -> None:
    with pytest.raises(UsageError):
        multiplier(times, ratio, per_parameter=per)


@pytest.mark.parametrize(("parameters", "tokens"), [(0, 1.0), (1, 0.0)])
def test_a_large_model_has_a_size_and_writes_something(parameters: int, tokens: float) -> None:
    with pytest.raises(UsageError, match="above 0"):
        Large(shape=Shape(parameters=parameters), tokens=tokens, accuracy=0.5, source="")
