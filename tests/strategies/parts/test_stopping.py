"""The stopping rules against published values, exact binomials and independent draws."""

import math
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.strategies.parts.stopping import bayes_factor, confidence, unanimous

answers = st.lists(st.sampled_from([None, "1", "2", "3", "10"]), max_size=40)


def votes(*counts: int) -> list[str | None]:
    return [str(answer) for answer, count in enumerate(counts) for _ in range(count)]


@pytest.mark.parametrize(
    ("first", "second", "expected", "stops"),
    [
        (3, 0, 0.9375, False),
        (4, 0, 0.96875, True),
        (6, 1, 0.96484, True),
        (7, 2, 0.94531, False),
        (8, 2, 0.96729, True),
    ],
)
def test_adaptive_consistency_stops_where_its_code_does(first: int, second: int, expected: float, stops: bool) -> None:
    found = confidence(votes(first, second))
    assert found == pytest.approx(expected, abs=5e-6)
    assert (found >= 0.95) == stops
    assert confidence([*votes(first, second), "other"] if second else votes(first, second)) == found


@given(st.integers(0, 30), st.integers(0, 30))
def test_confidence_is_the_beta_tail(one: int, other: int) -> None:
    """P(Beta(a + 1, b + 1) > 1/2), integrated by the midpoint rule."""
    first, second = max(one, other), min(one, other)
    norm = math.comb(first + second, first) * (first + second + 1)
    points = [0.5 + (k + 0.5) / 4000 for k in range(2000)]
    tail = math.fsum(norm * x**first * (1 - x) ** second for x in points) / 4000
    assert confidence(votes(one, other)) == pytest.approx(tail, abs=1e-4)


def test_no_answer_says_nothing() -> None:
    assert confidence([]) == confidence([None] * 9) == 0.5
    assert bayes_factor([]) == bayes_factor([None] * 9) == 0.0
    assert not unanimous([None] * 5, 5)


@pytest.mark.parametrize(
    ("given_answers", "stops"),
    [
        (["1"] * 4, False),
        (["1"] * 5, True),
        (["1", "2", *["1"] * 5], False),
        (["1", "2", "1", "1", "1", *["1"] * 5], True),
        (["1"] * 4 + [None], False),
        (["1"] * 5 + ["2"] * 2, True),
    ],
)
def test_a_window_is_unanimous(given_answers: list[str | None], stops: bool) -> None:
    assert unanimous(given_answers, 5) == stops


def drawn(counts: Sequence[int], draws: int) -> float:
    """P(the most frequent is the most likely) as Best-of-infinity's code finds it: by drawing from the Dirichlet."""
    random = Random(0)
    shapes = [*(count + 1.0 for count in sorted(counts, reverse=True)), 1.3]
    won = 0
    for _ in range(draws):
        mode, *others = (random.gammavariate(shape, 1) for shape in shapes)
        won += mode > max(others)
    return won / draws


@pytest.mark.parametrize("counts", [(1,), (2,), (3, 1), (5, 2), (6, 5, 1), (1, 1, 1, 1), (12, 9, 4, 1)])
def test_the_bayes_factor_is_that_of_the_dirichlet(counts: tuple[int, ...]) -> None:
    kinds, factor = len(counts) + 1, bayes_factor(votes(*counts))
    assert factor / (kinds + factor) == pytest.approx(drawn(counts, 10_000), abs=0.02)


def test_the_bayes_factor_of_equal_chances_is_the_closed_form() -> None:
    """For one answer P = P(Beta(v + 1, 1.3) > 1/2); for v = 0 votes more than its rival's 0.3 it would be one half."""
    for count in (1, 2, 3, 8):
        norm = math.gamma(count + 2.3) / math.gamma(count + 1) / math.gamma(1.3)
        points = [0.5 + (k + 0.5) / 40_000 for k in range(20_000)]
        p = math.fsum(norm * x**count * (1 - x) ** 0.3 for x in points) / 40_000
        assert bayes_factor(votes(count)) == pytest.approx(2 * p / (1 - p), rel=1e-3)


def test_best_of_infinity_stops_at_its_default_bound() -> None:
    assert [bayes_factor(votes(count)) >= 10 for count in (1, 2, 3)] == [False, False, True]
    assert [bayes_factor(votes(count, 1)) >= 10 for count in (2, 3, 4)] == [False, False, True]
    assert bayes_factor(votes(2000)) > 1e9


@given(answers)
def test_no_rule_but_the_window_minds_the_order(given_answers: list[str | None]) -> None:
    turned = given_answers[::-1]
    assert confidence(turned) == confidence(given_answers)
    assert bayes_factor(turned) == bayes_factor(given_answers)


@given(answers)
def test_another_vote_for_the_first_makes_surer(given_answers: list[str | None]) -> None:
    counts = Counter(answer for answer in given_answers if answer is not None)
    if counts:
        more = [*given_answers, counts.most_common(1)[0][0]]
        assert confidence(more) >= confidence(given_answers)
        assert bayes_factor(more) >= bayes_factor(given_answers)
