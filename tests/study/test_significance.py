from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outthink.study.significance import holm, p_value, problems_needed


def test_mcnemars_exact_test() -> None:
    # Ten problems for the one and two for the other: 2 (1 + 12 + 66) / 2^12.
    differences = np.array([1.0] * 10 + [-1.0] * 2 + [0.0] * 50)
    assert p_value(differences) == pytest.approx(158 / 4096)
    assert p_value(-differences) == p_value(differences)
    assert p_value(np.zeros(9)) == 1.0
    assert p_value(np.array([1.0, -1.0])) == 1.0


def test_means_over_seeds_are_tested_by_throwing_signs() -> None:
    differences = np.array([0.5, 0.25, 0.75, -0.25, 1.0, 0.5, 0.25, -0.5])
    flipped = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=8)]
    exact = np.mean([value >= abs(differences.sum()) - 1e-12 for value in flipped])
    assert p_value(differences) == pytest.approx(exact, abs=0.012)


def test_where_nothing_differs_in_truth_one_in_twenty_seems_to() -> None:
    rng = np.random.default_rng(1)
    values = [p_value(rng.integers(-3, 4, size=40) / 3) for _ in range(200)]
    assert np.mean(np.array(values) < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(values) == pytest.approx(0.5, abs=0.08)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_bonferroni_over_all_families_that_hold_a_comparison(values: list[float]) -> None:
    """Closed testing: a hypothesis falls if every family with it does."""
    families = [[i for i in range(len(values)) if mask >> i & 1] for mask in range(1, 1 << len(values))]
    for i, adjusted in enumerate(holm(values)):
        worst = max(min(1.0, len(each) * min(values[j] for j in each)) for each in families if i in each)
        assert adjusted == pytest.approx(worst)


def test_to_see_three_points_takes_about_a_thousand_problems() -> None:
    assert problems_needed(1 / 9, 0.03) == 969
    assert problems_needed(1 / 9, 0.06) == 243
    assert problems_needed(0.0, 0.03) == 1


def test_with_so_many_problems_a_difference_is_seen_as_often_as_promised() -> None:
    rng = np.random.default_rng(2)
    difference, sd = 0.1, 0.5
    n = problems_needed(sd**2, difference)
    found = rng.normal(difference, sd, size=(2000, n))
    seen = found.mean(axis=1) / (found.std(axis=1, ddof=1) / n**0.5) > 1.96
    assert seen.mean() == pytest.approx(0.8, abs=0.03)
