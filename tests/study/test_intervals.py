import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outthink.study.intervals import (
    accuracy_estimates,
    accuracy_interval,
    difference_estimates,
    estimates,
    hierarchical_interval,
    paired_interval,
    ratio_estimates,
    spread,
)


@pytest.mark.parametrize(
    ("right", "n", "expected"), [(250, 500, (0.456, 0.544)), (15, 30, (0.332, 0.668)), (0, 40, (0.0, 0.0876))]
)
def test_wilsons_interval_on_published_figures(right: int, n: int, expected: tuple[float, float]) -> None:
    assert accuracy_interval([1.0] * right + [0.0] * (n - right)) == pytest.approx(expected, abs=5e-4)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=40))
def test_an_interval_holds_its_mean_and_stays_in_bounds(values: list[float]) -> None:
    low, high = accuracy_interval(values)
    assert 0 <= low <= sum(values) / len(values) + 1e-12
    assert sum(values) / len(values) - 1e-12 <= high <= 1


def test_seeds_of_one_problem_are_not_news() -> None:
    """Ten problems with two equal seeds each are ten observations, not twenty."""
    once = accuracy_interval([0.5, *[0.0, 1.0] * 10])
    low, high = accuracy_interval([0.0, 1.0] * 40)
    assert once.high - once.low > high - low


def test_pairing_removes_what_both_share() -> None:
    first = [1.0, 1.0, 0.0, 0.0] * 25
    low, high = paired_interval(first, [1.0, 0.0, 0.0, 0.0] * 25)
    assert 0.1 < low < 0.25 < high < 0.4


def test_problems_that_agree_leave_open_what_others_are_worth() -> None:
    """None of 12 differs; by Wilson's interval, of all such problems up to 24 % may."""
    none = accuracy_interval([0.0] * 12)
    assert none == pytest.approx((0.0, 0.2425), abs=5e-5)
    assert paired_interval([1.0, 0.0] * 6, [1.0, 0.0] * 6) == pytest.approx((-none.high, none.high))
    assert paired_interval([1.0] * 12, [0.0] * 12) == pytest.approx((1 - 2 * none.high, 1.0))
    # A tenth and a fifth are not what a computer adds up exactly.
    assert paired_interval([0.3] * 12, [0.1] * 12) == pytest.approx((0.2 - 1.2 * none.high, 0.2 + 0.8 * none.high))
    assert accuracy_interval([0.25] * 12) == pytest.approx((0.25 * (1 - none.high), 0.25 + 0.75 * none.high))
    assert accuracy_interval([1.0] * 12) == pytest.approx((1 - none.high, 1.0))


def test_groups_are_drawn_whole_and_all_figures_from_the_same_draws() -> None:
    groups = [[0.0] * 10, [1.0] * 10] * 20

    def figures(drawn: Sequence[int]) -> list[float]:
        values = [value for group in drawn for value in groups[group]]
        return [sum(values) / len(values), 1.0 - sum(values) / len(values)]

    mean, complement = estimates(len(groups), figures)
    assert mean.value == 0.5
    assert mean.interval is not None and complement.interval is not None
    # As wide as that of forty observations, not of four hundred.
    assert mean.interval == pytest.approx(accuracy_interval([0.0, 1.0] * 20), abs=0.03)
    assert complement.interval == pytest.approx((1.0 - mean.interval.high, 1.0 - mean.interval.low))


def test_what_is_not_defined_has_no_estimate() -> None:
    nothing, known = estimates(3, lambda drawn: [math.nan, float(len(drawn))])
    assert nothing == (None, None)
    assert known == (3.0, (3.0, 3.0))
    assert estimates(1, lambda drawn: [0.5]) == [(0.5, None)]


def test_draws_in_which_a_figure_is_not_defined_are_left_out() -> None:
    (known,) = estimates(4, lambda drawn: [1.0 if 0 in drawn else math.nan])
    assert known == (1.0, (1.0, 1.0))


def test_many_figures_at_once_have_the_intervals_of_each_alone() -> None:
    rng = np.random.default_rng(0)
    shares, single = rng.integers(5, size=60) / 4, rng.integers(2, size=60).astype(float)
    columns = np.stack([shares, single, single - shares], axis=1)
    first, second, _ = accuracy_estimates(columns)
    assert first.interval == pytest.approx(accuracy_interval(shares.tolist()))
    assert second.interval == pytest.approx(accuracy_interval(single.tolist()))
    assert difference_estimates(columns)[2].interval == pytest.approx(paired_interval(single.tolist(), shares.tolist()))


def test_differences_of_single_results_are_no_proportions() -> None:
    differences = np.array([1.0] * 5 + [0.0] * 25)[:, None]
    assert difference_estimates(differences)[0].interval != accuracy_estimates(differences)[0].interval


def test_a_figure_counts_the_problems_that_have_a_part_in_it() -> None:
    values = np.full((20, 3), np.nan)
    values[:10, 0] = [0.0, 0.5] * 5
    values[3, 1] = 0.25
    whole, lone, nothing = difference_estimates(values)
    (alone,) = difference_estimates(values[:10, :1])
    assert whole.value == alone.value == 0.25
    assert whole.interval == pytest.approx(alone.interval, abs=0.03)
    assert lone == (0.25, None) and nothing == (None, None)
    assert ratio_estimates(np.zeros((0, 1)), np.zeros((0, 1))) == [(None, None)]


def test_of_one_problem_nothing_is_known() -> None:
    assert accuracy_interval([0.5]) == (0.0, 1.0)
    assert paired_interval([0.5], [0.25]) == (-1.0, 1.0)
    assert hierarchical_interval(np.array([[0.5, 1.0]])) is None


def test_the_spread_is_parted_into_problems_and_seeds() -> None:
    rng = np.random.default_rng(1)
    chances = rng.beta(2, 2, size=(4000, 1))
    found = spread((rng.random((4000, 5)) < chances).astype(float))
    assert found is not None
    # Of Beta(2, 2): variance 1/20, and mean p (1 - p) 1/5.
    assert found.between == pytest.approx(0.05, abs=0.006)
    assert found.within == pytest.approx(0.2, abs=0.006)
    assert found.of_means(4) == pytest.approx(found.between + found.within / 4)


def test_the_spread_wants_seeds_and_problems() -> None:
    assert spread(np.array([[1.0], [0.0]])) is None
    assert spread(np.array([[1.0, 0.0]])) is None
    # Alike problems: chance must not make their spread negative.
    found = spread(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, np.nan]]))
    assert found is not None and found.between >= 0 and found.within == pytest.approx(0.5)
