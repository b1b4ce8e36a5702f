"""Where votes end, from pools whose model is known."""

from __future__ import annotations

import pytest
from simulated import RUN, outcome, pools, solved, study

from outthink.study.cells import Method
from outthink.study.limits import voting_limits

MAJORITY = Method(RUN, "sample", "majority", None)
WEIGHTED = Method(RUN, "sample", "weighted", "last")


def test_a_vote_converges_to_the_answer_that_is_most_probable() -> None:
    # Of three wrong answers each is a third of what is wrong: at 0.5 the right one leads, at 0.05 it does not.
    made = study(pools({"a": 0.5, "b": 0.5, "c": 0.05, "d": 0.05}, 400, seeds=2), [1, 400], ["majority", "weighted"])
    limits = voting_limits(made)
    assert set(limits) == {MAJORITY, WEIGHTED}
    assert limits[MAJORITY].accuracy == pytest.approx(0.5, abs=0.01)
    # Which of the three wrong ones wins for c and d is open: they are alike.
    assert limits[MAJORITY].open == 0.5
    # Right ones score 0.7 and wrong ones 0.3: 0.035 is still less than 0.095, so weighing does not save c and d.
    assert limits[WEIGHTED].accuracy == pytest.approx(0.5, abs=0.01)


def test_scores_can_turn_a_vote() -> None:
    solutions = [solved(True, 0.9)] * 40 + [solved(False, 0.1)] * 60
    made = study([outcome("a", solutions, n=100)], [100], ["majority", "weighted"])
    limits = voting_limits(made)
    assert limits[MAJORITY].accuracy < 0.05
    assert limits[WEIGHTED].accuracy > 0.95


def test_searches_that_are_no_pools_have_no_limit() -> None:
    made = study([outcome("a", [solved(True, 0.9)] * 4, n=4, strategy="beam", pooled=False)], [4])
    assert voting_limits(made) == {}
