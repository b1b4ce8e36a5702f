import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.engines.logprobs import confidence, normalised


@given(st.lists(st.floats(-500, 0), min_size=1, max_size=5), st.floats(-100, 100))
def test_probabilities_add_up_and_keep_their_ratios(logprobs: list[float], shift: float) -> None:
    result = normalised([each + shift for each in logprobs])
    assert sum(map(math.exp, result)) == pytest.approx(1.0)
    for one, other in zip(result, logprobs, strict=True):
        assert one - result[0] == pytest.approx(other - logprobs[0], abs=1e-9)


def test_the_confidence_of_a_token_is_minus_the_mean_of_its_likeliest_candidates() -> None:
    assert confidence([-3.0, -0.5, -1.0], 3) == 1.5
    assert confidence([-3.0, -0.5, -1.0], 2) == 0.75, "a token that was drawn from further down does not count"
    assert confidence([], 2) == 0.0


@pytest.mark.parametrize("nothing", [-math.inf, -9999.0, -3.4e38])
def test_a_candidate_without_any_probability_does_not_outweigh_a_solution(nothing: float) -> None:
    assert confidence([-0.0, nothing], 2) == 50.0


@given(st.lists(st.floats(-90, 0), min_size=1, max_size=8), st.integers(1, 8), st.randoms())
def test_a_confidence_is_not_negative_whatever_the_order(logprobs: list[float], top: int, rng: Random) -> None:
    shuffled = rng.sample(logprobs, len(logprobs))
    assert confidence(logprobs, top) == confidence(shuffled, top) >= 0
