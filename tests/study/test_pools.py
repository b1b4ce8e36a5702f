"""What k of n solutions are worth, against brute force over all subsets."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outthink.select import SELECTIONS, Candidate, Select
from outthink.study.pools import ballots, chance, chosen_right, pass_at

RIGHT = "7"
Solution = tuple[str | None, float | None]

solutions = st.tuples(st.sampled_from([RIGHT, "8", "12", "x", None]), st.sampled_from([0.1, 0.25, 0.5, 0.9, None]))
pools = st.lists(solutions, min_size=1, max_size=7)


def brute_force(pool: list[Solution], k: int, select: Select) -> float:
    """The share of all subsets from which `outthink.select` chooses the right answer."""
    subsets = list(combinations(pool, k))
    return sum(_select(list(subset), select) == RIGHT for subset in subsets) / len(subsets)


def _select(pool: list[Solution], select: Select) -> str | None:
    heard = [(key, score) for key, score in pool if select == "majority" or (key is not None and score is not None)]
    return SELECTIONS[select]([Candidate(answer=key, key=key, score=score) for key, score in heard]).key


def estimate(pool: list[Solution], k: int, select: Select | str) -> float:
    made = ballots([key for key, _ in pool], [key == RIGHT for key, _ in pool], [score for _, score in pool])
    return chance(made, k, select, np.random.default_rng(0))  # type: ignore[arg-type]


@settings(deadline=None)
@given(pool=pools, k=st.integers(1, 7))
def test_majority_is_exact(pool: list[Solution], k: int) -> None:
    k = min(k, len(pool))
    assert estimate(pool, k, "majority") == pytest.approx(brute_force(pool, k, "majority"))


@settings(deadline=None)
@given(pool=pools, k=st.integers(1, 7), tied=st.booleans())
def test_best_is_exact_where_right_and_wrong_do_not_tie(pool: list[Solution], k: int, tied: bool) -> None:
    k = min(k, len(pool))
    if not tied:
        pool = [(key, None if score is None else score + i / 1000) for i, (key, score) in enumerate(pool)]
    tolerance = 0.12 if tied else 1e-12
    assert estimate(pool, k, "best") == pytest.approx(brute_force(pool, k, "best"), abs=tolerance)


@pytest.mark.parametrize("select", ["weighted", "best-of-majority", "best", "majority"])
@settings(deadline=None)
@given(pool=pools)
@example(pool=[("7", 0.5), ("7", 0.5), ("7", 0.9), ("12", 0.1), ("12", 0.9), ("12", 0.9)])
@example(pool=[("7", 1e-14), ("7", 1e-14), ("12", 1e-13)])
def test_every_subset_is_chosen_from_as_outthink_selects(select: Select, pool: list[Solution]) -> None:
    made = ballots([key for key, _ in pool], [key == RIGHT for key, _ in pool], [score for _, score in pool])
    for k in range(1, len(pool) + 1):
        members = np.array(list(combinations(range(len(pool)), k)))
        expected = [_select([pool[i] for i in subset], select) == RIGHT for subset in members]
        assert (chosen_right(made, members, select) if made.right.any() else np.zeros(len(members), bool)).tolist() == (
            expected
        )


@pytest.mark.parametrize("select", SELECTIONS)
def test_subsets_come_close(select: Select) -> None:
    rng = np.random.default_rng(3)
    pool: list[Solution] = [(str(rng.integers(5, 9)), float(rng.random())) for _ in range(12)]
    for k in (2, 5, 9):
        assert estimate(pool, k, select) == pytest.approx(brute_force(pool, k, select), abs=0.07)


@given(pool=pools, k=st.integers(1, 7))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer(pool: list[Solution], k: int) -> None:
    k = min(k, len(pool))
    passed = [any(key == RIGHT for key, _ in subset) for subset in combinations(pool, k)]
    assert estimate(pool, k, "oracle") == pytest.approx(sum(passed) / len(passed))


def test_pass_at_k() -> None:
    assert pass_at(4, 1, 2) == pytest.approx(0.5)
    assert pass_at(10, 0, 5) == 0.0
    assert pass_at(10, 6, 5) == 1.0
    assert estimate([(RIGHT, None)] * 2 + [("8", None)] * 6, 3, "oracle") == pytest.approx(1 - 20 / 56)


def test_all_of_the_pool_is_what_was_measured() -> None:
    pool: list[Solution] = [(RIGHT, 0.2), (RIGHT, 0.3), ("8", 0.9), (None, None)]
    assert [estimate(pool, 4, each) for each in ("majority", "best", "weighted", "oracle")] == [1.0, 0.0, 0.0, 1.0]
    # More than there are is all there are.
    assert estimate(pool, 9, "majority") == 1.0


def test_the_right_answer_may_be_missing() -> None:
    assert estimate([("8", 0.5), (None, 0.4)], 1, "weighted") == 0.0
    assert estimate([(None, None)], 1, "majority") == 0.0


def test_large_pools_keep_their_precision() -> None:
    half = [(RIGHT, None)] * 129 + [("8", None)] * 127
    value = estimate(half, 65, "majority")
    # Hypergeometric: at least 33 of 65 drawn from 129 of 256.
    exact = sum(math.comb(129, i) * math.comb(127, 65 - i) for i in range(33, 66)) / math.comb(256, 65)
    assert value == pytest.approx(exact, rel=1e-9)
