import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.engines.logprobs import normalised


@given(st.lists(st.floats(-500, 0), min_size=1, max_size=5), st.floats(-100, 100))
def test_probabilities_add_up_and_keep_their_ratios(logprobs: list[float], shift: float) -> None:
    result = normalised([each + shift for each in logprobs])
    assert sum(map(math.exp, result)) == pytest.approx(1.0)
    for one, other in zip(result, logprobs, strict=True):
        assert one - result[0] == pytest.approx(other - logprobs[0], abs=1e-9)
