import math
from itertools import combinations
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from outthink.grade import Grader
from outthink.learn.evaluation import best_of
from outthink.learn.evaluation.best_of import Pool, best_at, candidates_of, curve, pass_at, selected_at
from outthink.select import SELECTIONS, Candidate, Select


def pool_of(*votes: tuple[str | None, float], right: str = "7", problem: str = "p") -> Pool:
    candidates = tuple(Candidate(answer=key, key=key, score=score) for key, score in votes)
    return Pool(problem=problem, candidates=candidates, right=frozenset({right}))


def brute(pool: Pool, k: int, how: Select) -> float:
    chosen = [SELECTIONS[how](subset).key in pool.right for subset in combinations(pool.candidates, k)]
    return sum(chosen) / len(chosen)


KEYS = st.sampled_from(["7", "7", "8", "9", None])
POOLS = st.lists(st.tuples(KEYS, st.sampled_from([0.0, 0.2, 0.5, 0.9])), min_size=1, max_size=7)
DISTINCT = st.lists(st.tuples(KEYS, st.floats(0, 1)), min_size=1, max_size=8, unique_by=lambda vote: vote[1])


@given(DISTINCT, st.integers(1, 8))
def test_best_at_k_is_the_mean_over_all_subsets(votes: list[tuple[str | None, float]], k: int) -> None:
    assume(k <= len(votes))
    pool = pool_of(*votes)
    assert best_at(pool, k) == pytest.approx(brute(pool, k, "best"))


@given(POOLS, st.integers(1, 7))
def test_so_it_is_with_ties_and_for_the_other_selections(votes: list[tuple[str | None, float]], k: int) -> None:
    assume(k <= len(votes))
    pool = pool_of(*votes)
    assert best_at(pool, k) == pytest.approx(brute(pool, k, "best"))
    for how in SELECTIONS:
        assert selected_at(pool, k, how) == pytest.approx(brute(pool, k, how))


@given(POOLS, st.integers(1, 7))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer(votes: list[tuple[str | None, float]], k: int) -> None:
    assume(k <= len(votes))
    pool = pool_of(*votes)
    passed = [any(each.key == "7" for each in subset) for subset in combinations(pool.candidates, k)]
    assert pass_at(pool, k) == pytest.approx(sum(passed) / len(passed))


@pytest.mark.parametrize("how", SELECTIONS)
def test_drawn_subsets_come_near_all_subsets(how: Select) -> None:
    rng = Random(0)
    votes = [(rng.choice(["7", "7", "8", "9"]), rng.random()) for _ in range(12)]
    pool = pool_of(*votes)
    assert math.comb(12, 5) > best_of.DRAWS
    assert selected_at(pool, 5, how) == pytest.approx(brute(pool, 5, how), abs=0.1)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_samples_makes_no_difference(rng: Random) -> None:
    votes = [(str(place % 3 + 6), place / 12) for place in range(12)]
    plain = pool_of(*votes)
    rng.shuffle(votes)
    assert selected_at(pool_of(*votes), 5, "weighted") == selected_at(plain, 5, "weighted")


def test_a_perfect_verifier_reaches_the_ceiling_and_a_reversed_one_the_floor() -> None:
    rng = Random(1)
    pools, reversed_pools = [], []
    for problem in range(30):
        keys = [rng.choice(["7", "8", "9"]) for _ in range(8)]
        pools.append(pool_of(*((key, float(key == "7")) for key in keys), problem=str(problem)))
        reversed_pools.append(pool_of(*((key, float(key != "7")) for key in keys), problem=str(problem)))
    points = curve(pools)
    assert [(point.k, point.problems) for point in points] == [(1, 30), (2, 30), (4, 30), (8, 30)]
    assert [point.best.value for point in points] == pytest.approx([point.passed.value for point in points])
    assert points[0].best == points[0].majority == points[0].weighted
    assert points[0].best_gain == (0.0, (0.0, 0.0))
    low = curve(reversed_pools)
    assert low[-1].best_gain.interval is not None
    assert low[-1].best_gain.interval.high < 0
    assert low[-1].passed == points[-1].passed


def test_a_verifier_that_knows_nothing_gains_nothing() -> None:
    rng = Random(2)
    # Even votes go to 7: it must not always be the right answer.
    pools = [
        pool_of(*((rng.choice("78"), rng.random()) for _ in range(6)), right="78"[place % 2], problem=str(place))
        for place in range(60)
    ]
    point = curve(pools)[-1]
    assert point.weighted_gain.interval is not None
    assert point.weighted_gain.interval.low <= 0 <= point.weighted_gain.interval.high


def test_the_curve_goes_as_far_as_half_of_the_problems() -> None:
    sizes = [3, 5, 5, 9]
    pools = [pool_of(*[("7", 0.5)] * size, problem=str(place)) for place, size in enumerate(sizes)]
    assert [(point.k, point.problems) for point in curve(pools)] == [(1, 4), (2, 4), (4, 3), (5, 3)]
    assert curve([]) == ()


def test_an_answer_that_is_missing_is_a_sample_all_the_same() -> None:
    pool = pool_of(("7", 0.1), (None, 0.9))
    assert (pass_at(pool, 1), best_at(pool, 1), best_at(pool, 2)) == (0.5, 0.5, 1.0)


async def test_spellings_of_one_answer_vote_together() -> None:
    async with Grader() as grader:
        found = await candidates_of(["0.5", "1/2", None, "3"], [0.1, 0.2, None, 0.4], grader)
    assert [each.key for each in found] == ["1/2", "1/2", None, "3"]
    assert [each.answer for each in found] == ["0.5", "1/2", None, "3"]
