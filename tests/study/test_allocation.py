"""Samples shared out over a batch: optimal, conserved, and better than as many for every problem."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import RUN, pools, study

from outthink.errors import UsageError
from outthink.study.allocation import Allocation, allocate, allocation, expected_gains, gains
from outthink.study.cells import Method
from outthink.study.pilots import draw_pilots

chances = st.lists(st.floats(0, 1), min_size=1, max_size=4)


@settings(deadline=None)
@given(chances, st.integers(0, 12), st.integers(0, 1))
def test_no_other_way_gains_more(p: list[float], total: int, least: int) -> None:
    most = 4
    worth = gains(np.array(p), most)
    total = min(max(total, least * len(p)), most * len(p))
    counts = allocate(worth, total, least)
    assert counts.sum() == total and counts.min() >= least and counts.max() <= most
    ways = [way for way in product(range(least, most + 1), repeat=len(p)) if sum(way) == total]
    reached = [sum(worth[i, :n].sum() for i, n in enumerate(way)) for way in ways]
    assert sum(worth[i, :n].sum() for i, n in enumerate(counts)) == pytest.approx(max(reached))


def test_gains_add_up_to_the_chance_that_any_is_right() -> None:
    p = np.array([0.0, 0.2, 0.9, 1.0])
    np.testing.assert_allclose(gains(p, 7).sum(axis=1), 1 - (1 - p) ** 7)


def test_expected_gains_are_the_mean_over_what_is_believed() -> None:
    right, wrong = np.array([0.5, 3.0]), np.array([0.7, 1.0])
    drawn = np.random.default_rng(0).beta(right, wrong, size=(200_000, 2))
    expected = np.stack([gains(drawn[:, i], 6).mean(axis=0) for i in range(2)])
    np.testing.assert_allclose(expected_gains(right, wrong, 6), expected, atol=2e-3)
    # The surer the belief, the nearer they come to the gains at its mean.
    np.testing.assert_allclose(
        expected_gains(np.array([3e6]), np.array([7e6]), 6), gains(np.array([0.3]), 6), rtol=1e-5
    )


def test_of_equals_each_gets_as_many() -> None:
    assert allocate(gains(np.full(4, 0.3), 8), 10).tolist() == [3, 3, 2, 2]
    # What is surely right needs one, what never is gets what is left over.
    assert allocate(gains(np.array([1.0, 0.0, 0.5]), 8), 9).tolist() == [1, 0, 8]


@pytest.mark.parametrize("total", [3, 17])
def test_what_cannot_be_shared_out_is_refused(total: int) -> None:
    with pytest.raises(UsageError, match=f"{total} samples for 4 problems; it must be between 4 and 16"):
        allocate(np.ones((4, 4)), total, least=1)


def shared_out(p: dict[str, float], each: int, selection: str = "oracle", *, seeds: int = 1, n: int = 32) -> Allocation:
    made = study(pools(p, n, seeds=seeds), [n])
    method = Method(RUN, "sample", selection, None)  # type: ignore[arg-type]
    return allocation(draw_pilots(made, RUN, 4), method, each, parts=3)


def test_samples_go_where_they_are_needed() -> None:
    """A third of the problems is easy, a third hopeless; on the others single samples are right now and then."""
    p = {f"p{i:03}": (0.95, 0.12, 0.0)[i % 3] for i in range(120)}
    found = shared_out(p, 8, seeds=2)
    assert found.counts.sum() == 8 * 120 * 2 and found.counts.min() >= 4
    assert found.gain.interval is not None and found.gain.interval.low > 0
    # Easy problems are let go after the pilots.
    assert found.by_level[0] < 5 < max(found.by_level)
    assert found.accuracy.value - found.uniform.value == pytest.approx(found.gain.value)  # type: ignore[operator]


def test_alike_problems_gain_nothing() -> None:
    found = shared_out({f"p{i:03}": 0.3 for i in range(90)}, 8, seeds=2)
    assert found.counts.sum() == 8 * 90 * 2
    assert found.gain.value == pytest.approx(0, abs=0.01)


def test_what_is_counted_is_the_selections_own() -> None:
    p = {f"p{i:03}": (0.95, 0.12, 0.0)[i % 3] for i in range(60)}
    any_right, voted = shared_out(p, 8), shared_out(p, 8, "majority")
    np.testing.assert_array_equal(any_right.counts, voted.counts)
    assert any_right.accuracy.value > voted.accuracy.value  # type: ignore[operator]


def test_all_that_there_is_is_shared_out_evenly() -> None:
    found = shared_out({f"p{i}": i / 10 for i in range(10)}, 8, n=8)
    assert (found.counts == 8).all() and found.gain.value == 0.0
    # Of ten problems none differs: Wilson's interval ends at 28 %.
    assert found.gain.interval == pytest.approx((-0.2775, 0.2775), abs=1e-4)
    with pytest.raises(UsageError, match="each is 9; it must be between 4 pilots and 8 solutions in a pool"):
        shared_out({f"p{i}": i / 10 for i in range(10)}, 9, n=8)
