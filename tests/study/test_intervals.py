import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.study.intervals import accuracy_interval, paired_interval


@pytest.mark.parametrize(
    ("right", "n", "expected"), [(250, 500, (0.456, 0.544)), (15, 30, (0.332, 0.668)), (0, 40, (0.0, 0.0876))]
)
def test_wilsons_interval_on_published_figures(right: int, n: int, expected: tuple[float, float]) -> None:
    assert accuracy_interval([1.0] * right + [0.0] * (n - right)) == pytest.approx(expected, abs=5e-4)


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
    assert paired_interval(first, first) == (0.0, 0.0)
    low, high = paired_interval(first, [1.0, 0.0, 0.0, 0.0] * 25)
    assert 0.1 < low < 0.25 < high < 0.4
