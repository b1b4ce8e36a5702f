"""Where voting ends, on models whose distributions are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outthink.study.asymptote import Asymptote, Limit, asymptote, limit

RIGHT = "0"


def drawn(shares: Sequence[float], n: int, rng: np.random.Generator) -> list[str]:
    """Answers of a model that gives answer "i" so often; "0" is right."""
    return [str(i) for i in rng.choice(len(shares), size=n, p=np.array(shares) / sum(shares))]


def told(keys: Sequence[str | None], scores: Sequence[float | None] | None = None, seed: int = 0) -> Limit:
    return limit(keys, [key == RIGHT for key in keys], np.random.default_rng(seed), scores)


@pytest.mark.parametrize(
    ("shares", "right"), [([0.4, 0.3, 0.3], 1.0), ([0.3, 0.4, 0.3], 0.0), ([0.04, *[0.02] * 48], 1.0)]
)
def test_it_converges_to_whether_the_most_frequent_answer_is_right(shares: list[float], right: float) -> None:
    found = told(drawn(shares, 4000, np.random.default_rng(1)))
    assert found.right == pytest.approx(right, abs=0.01)
    assert found.sure > 0.99


def test_scores_decide_where_they_weigh_more_than_votes() -> None:
    """The right answer has 0.3 of the votes and 0.3 * 0.9 of the scores, the wrong one 0.7 and 0.7 * 0.2."""
    keys = drawn([0.3, 0.7], 2000, np.random.default_rng(2))
    scores = [0.9 if key == RIGHT else 0.2 for key in keys]
    assert told(keys).right < 0.01
    assert told(keys, scores).right > 0.99


def test_two_answers_alike_are_a_toss() -> None:
    found = told(["0", "1"] * 50)
    assert found.right == pytest.approx(0.5, abs=0.04)
    assert found.sure == pytest.approx(0.5, abs=0.04)


def test_shares_are_drawn_from_a_dirichlet_distribution() -> None:
    """Three to one, and one that nobody gave beside them: shares are drawn from a Dirichlet distribution (3, 1, 1)."""
    rng = np.random.default_rng(0)
    shares = rng.gamma([3.0, 1.0, 1.0], size=(200_000, 3))
    expected = (shares.argmax(axis=1) == 0).mean()
    assert told(["0", "0", "0", "1"]).right == pytest.approx(expected, abs=0.03)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["0", "1", "2", None]), max_size=12), st.integers(0, 9))
def test_the_order_of_samples_and_their_answers_names_do_not_matter(keys: list[str | None], seed: int) -> None:
    found = told(keys, seed=seed)
    other = told(list(reversed(keys)), seed=seed + 1)
    assert found.right == pytest.approx(other.right, abs=0.08)
    assert 0.0 <= found.right <= 1.0 and 0.0 <= found.sure <= 1.0


def test_what_states_no_answer_does_not_vote() -> None:
    assert told(["0", None, None, None, "0", "0"]).right == told(["0", "0", "0"]).right


def test_nothing_to_vote_for_is_wrong_for_ever() -> None:
    found = told([None, None])
    assert (found.answer, found.right, found.sure) == (None, 0.0, 1.0)


def test_a_right_answer_that_no_sample_gave_cannot_win() -> None:
    assert told(["1", "2", "1"]).right == 0.0


def test_one_sample_is_no_certainty() -> None:
    assert told(["0"]).sure == pytest.approx(0.5, abs=0.04)


def test_samples_without_scores_do_not_count_where_scores_do() -> None:
    assert told(["0", "1", "1"], [0.5, None, None]).right == told(["0"], [0.5]).right


def test_where_all_scores_are_nothing_the_votes_decide() -> None:
    assert told(["0"] * 9 + ["1"], [0.0] * 10).right > 0.95


def over(problems: Sequence[Sequence[float]], n: int, seed: int) -> Asymptote:
    rng = np.random.default_rng(seed)
    limits = []
    for shares in problems:
        keys = drawn(shares, n, rng)
        limits.append(limit(keys, [key == RIGHT for key in keys], rng))
    return asymptote(limits, rng)


def test_accuracy_is_the_share_of_problems_that_end_right() -> None:
    found = over([[0.5, 0.3, 0.2]] * 6 + [[0.3, 0.5, 0.2]] * 4, 600, 0)
    assert found.accuracy == pytest.approx(0.6, abs=0.01)
    assert found.open == 0.0
    # Ten problems leave room for chance, however sure each of them is.
    assert found.interval.low < 0.4 and found.interval.high > 0.8


def test_problems_that_all_end_alike_leave_open_how_others_do() -> None:
    """Of ten problems that are all right Wilson's interval begins at 72 %."""
    found = over([[0.5, 0.3, 0.2]] * 10, 600, 0)
    assert found.accuracy == pytest.approx(1.0, abs=1e-3)
    assert found.interval == pytest.approx((0.7225, 1.0), abs=1e-3)


def test_close_problems_are_open() -> None:
    assert over([[0.5, 0.3, 0.2]] * 3 + [[0.36, 0.34, 0.3]], 400, 0).open == 0.25


def test_undecided_problems_widen_the_interval_more_than_their_mean_tells() -> None:
    """Forty tosses: the limit may be anything that forty coins show, though the mean of their chances is a half."""
    rng = np.random.default_rng(0)
    found = asymptote([limit(["0", "1"] * 20, [True, False] * 20, rng) for _ in range(40)], rng)
    assert found.accuracy == pytest.approx(0.5, abs=0.03)
    assert found.interval.high - found.interval.low > 0.25


def test_without_problems_nothing_is_known() -> None:
    nothing = asymptote([], np.random.default_rng(0))
    assert np.isnan(nothing.accuracy) and nothing.interval == (0.0, 1.0)


@pytest.mark.parametrize(("n", "bias"), [(16, (-0.09, -0.02)), (64, (-0.04, 0.01))])
def test_the_bias_is_what_the_documentation_says(n: int, bias: tuple[float, float]) -> None:
    """Problems from hopeless to easy, wrong answers spread as a Dirichlet process of concentration 2 spreads them."""
    rng = np.random.default_rng(3)
    problems = []
    for _ in range(150):
        right = rng.beta(0.6, 0.6)
        sticks = rng.beta(1.0, 2.0, size=60)
        wrong = sticks * np.cumprod([1.0, *(1.0 - sticks[:-1])])
        problems.append([right, *(1.0 - right) * wrong / wrong.sum()])
    truth = np.mean([np.argmax(shares) == 0 for shares in problems])
    low, high = bias
    assert low < over(problems, n, 4).accuracy - truth < high
