"""Broken solutions are wrong from one step on, and go on from what came out there."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.errors import UsageError
from outthink.learn.broken import broken
from outthink.problems.arithmetic import arithmetic

QUESTION = "Ann has 3 boxes of 8 pens and 6 loose ones. Half of all are red. How many are red?"
STEPS = ("3 * 8 = 24", "24 + 6 = 30", "So half of 30 are 30/2 = 15 pens.", "The answer is 15.")


def test_the_worked_solution_comes_first_and_all_of_it_is_right() -> None:
    (worked,) = broken("p", QUESTION, STEPS, times=0, seed=0)
    assert worked.steps == STEPS and worked.labels == (1, 1, 1, 1) and worked.correct


@given(st.integers(0, 10_000))
def test_one_step_is_wrong_and_all_before_it_right(seed: int) -> None:
    _, one = broken("p", QUESTION, STEPS, times=1, seed=seed)
    place = one.labels.index(0)
    assert one.labels == (1,) * place + (0,) * (len(one.steps) - place) and not one.correct
    assert one.steps[:place] == STEPS[:place] and one.steps[place] != STEPS[place]


@given(st.integers(0, 10_000))
def test_what_goes_on_after_a_mistake_calculates_with_it(seed: int) -> None:
    _, one = broken("p", QUESTION, STEPS, times=1, seed=seed)
    place = one.labels.index(0)
    if place == len(one.steps) - 1:
        return
    assert len(one.steps) == len(STEPS)
    results = [int(found[-1]) for step in one.steps[:3] if (found := re.findall(r"= (\d+)", step))]
    assert one.steps[3] == f"The answer is {results[-1]}."
    for step in one.steps[place + 1 : 3]:
        left, operator, right, result = re.search(r"(\d+) ?([-+*/]) ?(\d+) = (\d+)", step).groups()  # type: ignore[union-attr]
        exact = {"*": int(left) * int(right), "+": int(left) + int(right), "/": int(left) / int(right)}[operator]
        assert exact == int(result) or operator == "/"
    if place < 2:
        assert one.steps[place + 1].startswith(str(results[place])) or f"half of {results[place]}" in one.steps[2]


def test_all_kinds_of_mistakes_are_made() -> None:
    made = {one.steps[one.labels.index(0)] for one in list(broken("p", QUESTION, STEPS, times=400, seed=0))[1:]}
    # A wrong result; a right one of a wrong number, of another operation, without the step between; too early an end.
    assert {"3 * 8 = 25", "8 * 8 = 64", "3 + 8 = 11", "8 + 6 = 14", "The answer is 24."} <= made
    # The solution's own number, or the last that came out, is what it may end with.
    assert {step for step in made if step.startswith("The answer")} <= {"The answer is 24.", "The answer is 30."}


def test_most_end_with_their_mistake() -> None:
    made = list(broken("p", QUESTION, STEPS, times=400, seed=0))[1:]
    ended = sum(one.labels.count(0) == 1 for one in made) / len(made)
    assert 0.7 < ended < 0.95


def test_nothing_is_broken_where_nothing_is_calculated() -> None:
    assert len(list(broken("p", "Why?", ["Because.", "The answer is 1.5 + 2.5 = 4."], times=3, seed=0))) == 1


def test_the_same_seed_makes_the_same_mistakes_and_another_others() -> None:
    first, again, other = (list(broken("p", QUESTION, STEPS, times=8, seed=seed)) for seed in (0, 0, 1))
    assert first == again and first != other


def test_built_in_solutions_break_into_wrong_ones() -> None:
    for problem in arithmetic("train", count=50):
        steps = tuple(str(problem.solution).split("\n\n"))
        found = list(broken(problem.id, problem.question, steps, times=8, seed=0))
        assert len(found) == 9
        for one in found[1:]:
            place = one.labels.index(0)
            assert one.steps[:place] == steps[:place] and one.steps[place] != steps[place]
            assert one.steps != steps[: len(one.steps)]


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(UsageError, match="times is -1"):
        list(broken("p", QUESTION, STEPS, times=-1, seed=0))
