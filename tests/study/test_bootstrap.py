"""Bootstrap distributions against closed forms."""

from __future__ import annotations

import time
from statistics import NormalDist

import numpy as np
import pytest

from outthink.study.bootstrap import DRAWS, over_seeds, quantiles, ratios, two_stage

RNG = np.random.default_rng(5)


def test_means_of_drawn_problems_have_the_bootstraps_own_mean_and_variance() -> None:
    values = RNG.random((40, 3))
    drawn = ratios(values, np.ones_like(values))
    assert drawn.shape == (DRAWS, 3)
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), atol=4 * values.std() / np.sqrt(40 * DRAWS))
    np.testing.assert_allclose(drawn.var(axis=0), values.var(axis=0) / 40, rtol=0.06)


def test_figures_come_from_the_same_draws() -> None:
    values = RNG.random((30, 1))
    drawn = ratios(np.hstack([values, 1 - values]), np.ones((30, 2)))
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)


def test_a_problem_without_a_result_has_no_part() -> None:
    sums, counts = np.array([[1.0], [0.0], [0.0]]), np.array([[1.0], [1.0], [0.0]])
    drawn = ratios(sums, counts)[:, 0]
    # Only where the third problem is drawn three times over is there nothing.
    assert np.isnan(drawn).mean() == pytest.approx(1 / 27, abs=0.01)
    assert np.nanmean(drawn) == pytest.approx(0.5, abs=0.02)
    assert np.isnan(ratios(sums[:0], counts[:0])).all()


def test_drawing_seeds_as_well_counts_what_happens_within_problems_twice() -> None:
    seeds = 3
    values = (RNG.random((200, seeds)) < RNG.random((200, 1))).astype(float)
    means = values.mean(axis=1)
    # Of the second stage alone, problems held fixed: the seeds' own variance, over seeds, over problems.
    inner = values.var(axis=1).mean() / seeds / 200
    assert two_stage(values).var() == pytest.approx(means.var() / 200 + inner, rel=0.06)
    assert ratios(means[:, None], np.ones((200, 1))).var() == pytest.approx(means.var() / 200, rel=0.06)


def test_missing_seeds_are_not_drawn() -> None:
    values = np.array([[1.0, np.nan, 1.0], [np.nan, 0.0, np.nan], [np.nan, np.nan, np.nan]])
    assert set(np.unique(two_stage(values))) == {0.0, 0.5, 1.0}
    np.testing.assert_array_equal(over_seeds(values), [1.0, 0.0, np.nan])


@pytest.mark.parametrize(("problems", "student"), [(5, 2.776445), (10, 2.262157), (30, 2.045230), (500, 1.964729)])
def test_ends_lie_as_far_out_as_students_quantile_has_them(problems: int, student: float) -> None:
    uniform = np.linspace(0.0, 1.0, 100_001)[:, None]
    low, high = quantiles(uniform, np.array([problems]))[:, 0]
    expected = NormalDist().cdf(-student * (problems / (problems - 1)) ** 0.5)
    assert low == pytest.approx(expected, rel=0.03)
    assert high == pytest.approx(1 - low)


def test_a_figure_that_no_draw_defines_has_no_ends() -> None:
    drawn = np.array([[np.nan, 1.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(quantiles(drawn, np.array([2, 2])), [[np.nan, 1.0], [np.nan, 1.0]])


def test_it_is_fast() -> None:
    values = RNG.random((500, 1))
    began = time.process_time()
    ratios(values, np.ones_like(values))
    assert time.process_time() - began < 1.0
