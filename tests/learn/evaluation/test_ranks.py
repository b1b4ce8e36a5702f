import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.learn.evaluation.ranks import auc, midranks, placements

CASES = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]), st.booleans()), min_size=1, max_size=30)


@given(CASES)
def test_the_area_is_the_share_of_pairs_set_right(cases: list[tuple[float, bool]]) -> None:
    scores, good = [score for score, _ in cases], [each for _, each in cases]
    above = [score for score, each in cases if each]
    below = [score for score, each in cases if not each]
    if not above or not below:
        assert math.isnan(auc(scores, good))
        return
    wins = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(above, below))
    expected = wins / (len(above) * len(below))
    assert auc(scores, good) == pytest.approx(expected)
    placed = placements(scores, good)
    bad = [value for value, each in zip(placed, good, strict=True) if not each]
    assert sum(bad) / len(bad) == pytest.approx(expected)


def test_equal_values_share_their_ranks() -> None:
    assert midranks([3.0, 1.0, 3.0, 2.0]) == [3.5, 1.0, 3.5, 2.0]
    assert midranks([]) == []


def test_perfect_reversed_and_constant_scores() -> None:
    good = [True, True, False]
    assert auc([0.9, 0.8, 0.1], good) == 1.0
    assert auc([0.1, 0.2, 0.9], good) == 0.0
    assert auc([0.4, 0.4, 0.4], good) == 0.5
