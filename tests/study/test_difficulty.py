from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st
from simulated import cell

from outthink.errors import UsageError
from outthink.problems import Problem
from outthink.study.difficulty import absolute, agreement, by_level, given, quantiles


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def sizes(levels: np.ndarray) -> list[int]:
    return np.bincount(levels[levels >= 0]).tolist()


def test_quintiles_are_equal_and_the_first_is_the_easiest() -> None:
    rng = np.random.default_rng(0)
    ease = rng.permutation(100)[:, None] / 100
    difficulty = quantiles(ease)
    levels = difficulty.levels(difficulty.fit())
    assert sizes(levels) == [20] * 5
    assert difficulty.names == ("1", "2", "3", "4", "5")
    assert ease[levels == 0].min() > ease[levels == 1].max() > ease[levels == 4].max()


def test_equal_values_are_of_one_level() -> None:
    difficulty = quantiles(column(*[0.0] * 45, *[0.5] * 5, *[1.0] * 50))
    assert difficulty.fit() == (0.25, 0.75)
    assert sizes(difficulty.levels(difficulty.fit())) == [50, 5, 45]


@settings(deadline=None)
@examples(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1), min_size=1, max_size=40),
    st.integers(1, 7),
)
def test_levels_follow_ease_and_none_is_empty(values: list[float], parts: int) -> None:
    difficulty = quantiles(column(*values), parts)
    edges = difficulty.fit()
    levels = difficulty.levels(edges)[:, 0]
    assert len(edges) < parts and list(edges) == sorted(set(edges))
    assert all(sizes(levels)) and len(sizes(levels)) <= len(edges) + 1
    for a, x in zip(values, levels, strict=True):
        for b, y in zip(values, levels, strict=True):
            assert x <= y if a > b else (x == y or a < b)


def test_edges_are_of_the_problems_they_are_fitted_to() -> None:
    difficulty = quantiles(column(*range(10), *range(100, 110)), 2)
    rows = np.arange(20) < 10
    assert difficulty.fit(rows) == (4.5,)
    assert sizes(difficulty.levels((4.5,))) == [15, 5]


def test_absolute_levels() -> None:
    difficulty = absolute(column(1.0, 0.5, 0.49, 0.1, 0.09, 0.0, np.nan))
    assert difficulty.levels(difficulty.fit())[:, 0].tolist() == [0, 0, 1, 1, 2, 2, -1]
    assert difficulty.names == ("easy", "medium", "hard")


def test_the_sources_own_levels_are_in_the_order_of_their_numbers() -> None:
    names = ["Level 10", "Level 2", None, "Level 1"]
    problems = [Problem(id=str(i), question="", level=name) for i, name in enumerate(names)]
    difficulty = given(problems, seeds=2)
    assert difficulty.names == ("Level 1", "Level 2", "Level 10")
    assert difficulty.levels(difficulty.fit()).tolist() == [[2, 2], [1, 1], [-1, -1], [0, 0]]
    with pytest.raises(UsageError, match="have no levels"):
        given([Problem(id="1", question="")], seeds=1)


def test_accuracy_by_level() -> None:
    accuracy = np.array([[1.0, 0.0], [1.0, np.nan], [0.0, 0.0], [0.5, 1.0]])
    levels = np.array([[0, 1], [0, 0], [1, 1], [-1, 0]])
    easy, hard, none = by_level(cell(accuracy), levels, 3)
    assert easy.value == pytest.approx(1.0) and hard.value == pytest.approx(0.0)
    assert none == (None, None)
    # Four problems would be three if one of them had no easy case.
    assert easy.interval is not None


def test_two_ways_to_tell_levels_are_compared() -> None:
    first = np.array([[0, 0, 1, 1, 2, 2, -1]]).T
    counts, rank = agreement(first, first)
    assert counts.tolist() == [[2, 0, 0], [0, 2, 0], [0, 0, 2]] and rank == pytest.approx(1.0)
    counts, rank = agreement(first, np.array([[1, 1, 0, 0, 0, -1, 0]]).T)
    assert counts.tolist() == [[0, 2], [2, 0], [1, 0]]
    # Spearman's correlation of mean ranks (1.5, 1.5, 3.5, 3.5, 5) and (4.5, 4.5, 2, 2, 2).
    assert rank == pytest.approx(np.corrcoef([1.5, 1.5, 3.5, 3.5, 5], [4.5, 4.5, 2, 2, 2])[0, 1])
    assert agreement(first, np.zeros_like(first)).rank is None
