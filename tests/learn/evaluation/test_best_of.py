"""Curves of what is chosen among k samples. Each figure's arithmetic is tested where it is (study/test_pools.py)."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outthink.grade import Grader
from outthink.learn.evaluation.best_of import Pool, curve, pool_of
from outthink.study.pools import ballots

Vote = tuple[str | None, float | None]


def pool(*votes: Vote, right: str = "7", problem: str = "p") -> Pool:
    keys, scores = [key for key, _ in votes], [score for _, score in votes]
    return Pool(problem=problem, samples=ballots(keys, [key == right for key in keys], scores))


def test_each_figure_is_of_its_own_selection() -> None:
    # Of one problem: seven wins by votes, eight has the best score, and nine the most weight.
    votes: list[Vote] = [("7", 0.1), ("7", 0.1), ("7", 0.1), ("8", 0.9), ("9", 0.8), ("9", 0.8)]
    for right, expected in (("7", (1, 1, 0, 0)), ("8", (1, 0, 1, 0)), ("9", (1, 0, 0, 1)), ("10", (0, 0, 0, 0))):
        point = curve([pool(*votes, right=right)])[-1]
        assert (point.k, point.problems) == (6, 1)
        figures = (point.passed, point.majority, point.best, point.weighted)
        assert tuple(figure.value for figure in figures) == expected
        assert (point.best_gain.value, point.weighted_gain.value) == (
            expected[2] - expected[1],
            expected[3] - expected[1],
        )


def test_a_perfect_verifier_reaches_the_ceiling_and_a_reversed_one_the_floor() -> None:
    rng = Random(1)
    pools, reversed_pools = [], []
    for problem in range(30):
        keys = [rng.choice(["7", "8", "9"]) for _ in range(8)]
        pools.append(pool(*((key, float(key == "7")) for key in keys), problem=str(problem)))
        reversed_pools.append(pool(*((key, float(key != "7")) for key in keys), problem=str(problem)))
    points = curve(pools)
    assert [(point.k, point.problems) for point in points] == [(1, 30), (2, 30), (4, 30), (8, 30)]
    assert [point.best.value for point in points] == pytest.approx([point.passed.value for point in points])
    single = points[0]
    assert single.best.value == pytest.approx(single.majority.value)
    assert single.weighted.value == pytest.approx(single.majority.value)
    assert single.best_gain.value == pytest.approx(0.0)
    assert single.best_gain.interval == pytest.approx((-0.1135, 0.1135), abs=1e-4)
    low = curve(reversed_pools)
    assert low[-1].best_gain.interval is not None
    assert low[-1].best_gain.interval.high < 0
    assert low[-1].passed == points[-1].passed


def test_a_verifier_that_knows_nothing_gains_nothing() -> None:
    rng = Random(2)
    # Even votes go to 7: it must not always be the right answer.
    pools = [
        pool(*((rng.choice("78"), rng.random()) for _ in range(6)), right="78"[place % 2], problem=str(place))
        for place in range(60)
    ]
    point = curve(pools)[-1]
    assert point.weighted_gain.interval is not None
    assert point.weighted_gain.interval.low <= 0 <= point.weighted_gain.interval.high


def test_the_curve_goes_as_far_as_half_of_the_problems() -> None:
    sizes = [3, 5, 5, 9]
    pools = [pool(*[("7", 0.5)] * size, problem=str(place)) for place, size in enumerate(sizes)]
    assert [(point.k, point.problems) for point in curve(pools)] == [(1, 4), (2, 4), (4, 3), (5, 3)]
    assert curve([]) == ()


def test_an_answer_that_is_missing_is_a_sample_all_the_same() -> None:
    one, two = curve([pool(("7", 0.1), (None, 0.9))])
    assert (one.passed.value, one.best.value, two.best.value) == (0.5, 0.5, 1.0)


async def test_spellings_of_one_answer_vote_together() -> None:
    async with Grader() as grader:
        graded = await pool_of("p", "0.50", ["0.5", "1/2", None, "3"], [0.1, 0.2, None, 0.4], grader)
    assert sorted(graded.samples.keys) == [-1, 0, 1, 1], "the shorter key, 3, comes first"
    (point,) = [point for point in curve([graded]) if point.k == 4]
    # Neither spelling of a half has more votes than the three, or more weight.
    assert (point.majority.value, point.weighted.value, point.best.value) == (1.0, 0.0, 0.0)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
async def test_the_order_of_the_samples_makes_no_difference(rng: Random) -> None:
    votes = [(str(place % 3 + 6), place / 12) for place in range(12)]
    curves = []
    async with Grader() as grader:
        for _ in range(2):
            answers, scores = [answer for answer, _ in votes], [score for _, score in votes]
            curves.append(curve([await pool_of("p", "7", answers, scores, grader)]))
            rng.shuffle(votes)
    assert curves[0] == curves[1]
