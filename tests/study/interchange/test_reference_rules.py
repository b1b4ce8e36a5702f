"""The toolkit's rules and ours on the same solutions: where they agree, and each way in which they do not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.grade import Grader
from outthink.problems import Problem
from outthink.prompt import Prompt
from outthink.strategies.sample import Sample
from outthink.study.interchange.completions import Completion
from outthink.study.interchange.importing import planted
from outthink.study.interchange.rules import PREDICTIONS, Ours, Prediction, Theirs

PROBLEM = Problem(question="Which?", answer="1")


def said(answer: object, *scores: float, finished: bool = True) -> Completion:
    """A completion with so many steps as there are scores."""
    text = "\n\n".join([*(f"step {place}" for place in scores[1:]), f"The answer is {answer}."])
    return Completion(text=text, scores=scores, finished=finished)


async def chosen(completions: Sequence[Completion], how: Prediction, n: int | None = None) -> tuple[str, str]:
    """By their rules, and by ours."""
    tree = planted(PROBLEM, completions, Prompt())
    strategy, found = Sample(n=len(completions)), []
    async with Grader() as grader:
        for rules in (Theirs(strategy, "last"), Ours(strategy, "last", grader)):
            told = await rules.told(PROBLEM, tree)
            found.append(await rules.chosen(PROBLEM, told[:n], how, stopped=False))
    theirs, ours = found
    return theirs, ours


@pytest.mark.parametrize(("how", "answer"), [("naive", "3"), ("weighted", "2"), ("maj", "1")])
async def test_both_choose_alike_where_there_is_nothing_to_quarrel_about(how: Prediction, answer: str) -> None:
    votes = [*[said(1, 0.1)] * 4, *[said(2, 0.4)] * 3, said(3, 0.9)]
    assert await chosen(votes, how) == (answer, answer)


@pytest.mark.parametrize("how", PREDICTIONS)
async def test_of_equals_the_first_wins_there_and_the_plainer_answer_here(how: Prediction) -> None:
    assert await chosen([said(12, 0.5), said(1, 0.5)], how) == ("12", "1")
    assert await chosen([said(1, 0.5), said(12, 0.5)], how) == ("1", "1")


async def test_a_vote_for_nothing_counts_there() -> None:
    silent = Completion(text="I do not know.", scores=(0.9,))
    assert await chosen([silent, silent, said(1, 0.2)], "maj") == ("", "1")
    assert await chosen([silent, silent, said(1, 0.2)], "weighted") == ("", "1")
    assert await chosen([silent, said(1, 0.2)], "naive") == ("", "1")


@pytest.mark.parametrize("how", PREDICTIONS)
async def test_what_is_unfinished_votes_there_by_any_number_in_it(how: Prediction) -> None:
    open_ = Completion(text="First add 3 and 4.\n\n", scores=(0.9,), finished=False)
    assert await chosen([open_, open_, said(1, 0.3)], how) == ("4", "1")


async def test_equal_answers_are_told_by_their_spelling_there_and_by_algebra_here() -> None:
    votes = [said(r"\boxed{x+1}", 0.4), said(r"\boxed{1+x}", 0.4), said(r"\boxed{7}", 0.5), said(r"\boxed{7}", 0.2)]
    assert await chosen(votes[:3], "weighted") == ("7", "1+x")
    assert await chosen(votes, "maj") == ("7", "7")
    # Both know the plain spellings of a number.
    assert await chosen([said(r"\boxed{0.5}", 0.3), said(r"\boxed{\frac12}", 0.3), said(2, 0.5)], "weighted") == (
        "0.5",
        "0.5",
    )


async def test_a_solutions_score_is_that_of_its_last_step_there_whatever_the_run_says() -> None:
    tree = planted(PROBLEM, [said(1, 0.9, 0.8), said(2, 0.1, 0.85)], Prompt())
    found = []
    async with Grader() as grader:
        for rules in (Theirs(Sample(n=2), "min"), Ours(Sample(n=2), "min", grader)):
            told = await rules.told(PROBLEM, tree)
            found.append(await rules.chosen(PROBLEM, told, "naive", stopped=False))
    assert found == ["2", "1"]


async def test_a_figure_at_n_is_of_the_first_n() -> None:
    votes = [said(1, 0.1), said(2, 0.9), said(2, 0.9)]
    assert [await chosen(votes, "maj", n) for n in (1, 3)] == [("1", "1"), ("2", "2")]
    assert await chosen(votes, "naive", 1) == ("1", "1")
    assert Theirs(Sample(n=12), "last").sizes() == [1, 2, 4, 8]


async def test_nothing_is_chosen_of_nothing() -> None:
    rules = Theirs(Sample(n=4), "last")
    assert [await rules.chosen(PROBLEM, [], how, stopped=False) for how in PREDICTIONS] == ["", "", ""]


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0.25, 0.5, 1.0])), min_size=1, max_size=12))
def test_their_sums_are_what_they_say(votes: list[tuple[int, float]]) -> None:
    """By brute force: what is chosen has the most, and nothing with as much was said earlier."""
    from outthink.study.interchange.rules import Told

    rules = Theirs(Sample(n=len(votes)), "last")
    told = [Told(Completion(text="", scores=(score,)), str(answer), str(answer)) for answer, score in votes]
    for how, worth in (("weighted", 1), ("maj", 0)):
        sums = {answer: sum(score**worth for said, score in votes if said == answer) for answer, _ in votes}
        best = max(sums.values())
        expected = next(answer for answer, _ in votes if sums[answer] == best)
        coroutine = rules.chosen(PROBLEM, told, how, stopped=False)  # type: ignore[arg-type]
        with pytest.raises(StopIteration) as end:
            coroutine.send(None)
        assert end.value.value == str(expected)
