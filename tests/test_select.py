import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink import select
from outthink.errors import UsageError
from outthink.select import SELECTIONS, Candidate, Choice, aggregate, best, best_of_majority, majority, weighted


def held(key: str | None, score: float | None = None, answer: str | None = None) -> Candidate:
    return Candidate(answer=answer or key, key=key, score=score)


scores = st.floats(0, 1)
scored_candidates = st.lists(
    st.builds(
        lambda key, spelling, score: Candidate(answer=key and spelling * key, key=key, score=score),
        st.sampled_from([None, "1", "2", "10", "x"]),
        st.integers(1, 2),
        scores,
    ),
    max_size=12,
)


@pytest.mark.parametrize(("how", "value"), [("last", 0.5), ("min", 0.25), ("mean", 0.5), ("prod", 0.09375)])
def test_aggregate(how: select.Aggregate, value: float) -> None:
    assert aggregate([0.75, 0.25, 0.5], how) == value
    assert aggregate([0.75], how) == 0.75
    with pytest.raises(ValueError, match="no aggregate"):
        aggregate([], how)


@given(st.lists(scores, min_size=1))
def test_aggregates_stay_in_range_and_order(values: list[float]) -> None:
    prod, low, mean = (aggregate(values, how) for how in ("prod", "min", "mean"))
    assert 0 <= prod <= low <= max(values) <= 1
    assert low <= mean * (1 + 1e-15) and mean <= max(values) * (1 + 1e-15)


def test_majority_counts_answers() -> None:
    choice = majority([held("1"), held("2"), held("2"), held(None)])
    assert choice == Choice(answer="2", key="2", votes=2, weight=2 / 3, candidates=4)


def test_best_takes_the_highest_score() -> None:
    choice = best([held("1", 0.5), held("1", 0.5), held("2", 0.75), held(None, 1.0)])
    assert choice == Choice(answer="2", key="2", votes=1, weight=0.75 / 1.75, candidates=4)


def test_weighted_sums_the_scores() -> None:
    choice = weighted([held("1", 0.5), held("1", 0.5), held("2", 0.75)])
    assert choice == Choice(answer="1", key="1", votes=2, weight=1 / 1.75, candidates=3)


@pytest.mark.parametrize(
    ("name", "candidates", "winner"),
    [
        ("majority", [held("1", 0.1), held("2", 0.2)], "1"),
        ("majority", [held("10"), held("9")], "9"),
        ("majority", [held("b"), held("a")], "a"),
        ("best", [held("1", 0.5), held("2", 0.5), held("2", 0.0)], "2"),
        ("best", [held("10", 0.5), held("9", 0.5)], "9"),
        ("weighted", [held("1", 0.5), held("2", 0.25), held("2", 0.25)], "2"),
        ("weighted", [held("1", 0.0), held("2", 0.0), held("2", 0.0)], "2"),
        ("weighted", [held("b", 0.0), held("a", 0.0)], "a"),
        # As decimal fractions both sums are 1.9; as binary ones they are not the same.
        ("weighted", [held("7", 0.5), held("7", 0.5), held("7", 0.9), *[held("12", x) for x in (0.1, 0.9, 0.9)]], "7"),
        ("best-of-majority", [held("1", 0.5), held("2", 0.5), held("2", 0.0)], "2"),
        ("best-of-majority", [held("b", 0.5), held("a", 0.5)], "a"),
    ],
)
def test_ties(name: select.Select, candidates: list[Candidate], winner: str) -> None:
    assert SELECTIONS[name](candidates).key == SELECTIONS[name](candidates[::-1]).key == winner


def test_the_answer_is_the_usual_spelling() -> None:
    spellings = ["0.50", "1/2", "0.5", "1/2", "0.50"]
    assert majority([held("1/2", None, answer) for answer in spellings]).answer == "1/2"
    assert majority([held("1/2", None, answer) for answer in ("0.50", "1/2", "0.5")]).answer == "0.5"


@pytest.mark.parametrize("choose", SELECTIONS.values())
def test_no_answer_wins_only_when_there_is_none(choose: select.Selection) -> None:
    assert choose([]) == Choice(answer=None, key=None, votes=0, weight=0.0, candidates=0)
    assert choose([held(None, 0.9)] * 3) == Choice(answer=None, key=None, votes=0, weight=0.0, candidates=3)
    assert choose([held(None, 0.9), held(None, 0.9), held("1", 0.0)]).key == "1"


@pytest.mark.parametrize("name", SELECTIONS)
def test_scores_are_asked_for_where_needed(name: select.Select) -> None:
    candidates = [held("1"), held("2"), held("2"), held(None, 0.5)]
    if name in select.NEEDS_SCORES:
        with pytest.raises(UsageError, match=rf"`{name}` needs scores, and none of 3 answers has one.*verifier"):
            SELECTIONS[name](candidates)
    else:
        assert SELECTIONS[name](candidates).votes == 2


@pytest.mark.parametrize("name", sorted(select.NEEDS_SCORES))
def test_an_answer_that_was_not_scored_in_time_does_not_count(name: select.Select) -> None:
    choice = SELECTIONS[name]([held("1", 0.25), held("2"), held("2")])
    assert (choice.key, choice.votes, choice.weight, choice.candidates) == ("1", 1, 1.0, 3)


@pytest.mark.parametrize("choose", SELECTIONS.values())
@given(data=st.data(), candidates=scored_candidates)
def test_order_does_not_matter(choose: select.Selection, data: st.DataObject, candidates: list[Candidate]) -> None:
    assert choose(data.draw(st.permutations(candidates))) == choose(candidates)


@pytest.mark.parametrize("choose", SELECTIONS.values())
@given(candidates=scored_candidates)
def test_a_choice_is_one_of_the_candidates(choose: select.Selection, candidates: list[Candidate]) -> None:
    choice = choose(candidates)
    holders = [candidate for candidate in candidates if candidate.key == choice.key is not None]
    assert choice.votes == len(holders) and choice.candidates == len(candidates)
    assert choice.answer in {candidate.answer for candidate in holders} or not holders
    assert 0 <= choice.weight <= 1


def counts(candidates: Sequence[Candidate]) -> Counter[str]:
    return Counter(candidate.key for candidate in candidates if candidate.key is not None)


@given(scored_candidates)
def test_majority_has_the_most_votes(candidates: list[Candidate]) -> None:
    assert majority(candidates).votes == max(counts(candidates).values(), default=0)


@given(scored_candidates)
def test_best_has_the_highest_score(candidates: list[Candidate]) -> None:
    answered = [candidate for candidate in candidates if candidate.key is not None]
    top = max((candidate.score or 0.0 for candidate in answered), default=None)
    assert top is None or any(c.score == top and c.key == best(candidates).key for c in answered)


@given(scored_candidates)
def test_weighted_has_the_largest_sum(candidates: list[Candidate]) -> None:
    sums = {key: math.fsum(c.score or 0.0 for c in candidates if c.key == key) for key in counts(candidates)}
    # Sums that differ in the thirteenth digit are a tie.
    assert not sums or sums[weighted(candidates).key or ""] == pytest.approx(max(sums.values()), rel=1e-11, abs=0)


@pytest.mark.parametrize("smallest", [1.0, 1e-14, 1e-200])
def test_sums_are_told_apart_however_small_and_tie_but_for_rounding(smallest: float) -> None:
    """The product of fifty steps' scores has a dozen noughts behind the point."""
    rare = [held("1", 0.1 * smallest), held("1", 0.1 * smallest), held("2", 0.3 * smallest)]
    assert weighted(rare).key == "2"
    even = [*[held("1", 0.1 * smallest)] * 3, held("2", 0.3 * smallest)]
    assert weighted(even).key == "1"


def test_best_of_majority_takes_the_highest_score_among_the_frequent_answers() -> None:
    """Of seven votes one is too few and two are enough; the rare answer's score does not matter."""
    candidates = [held("1", 0.5)] * 4 + [held("2", 0.25), held("2", 0.75), held("3", 1.0)]
    assert best(candidates).key == "3"
    choice = best_of_majority(candidates)
    assert choice == Choice(answer="2", key="2", votes=2, weight=1 / 3, candidates=7)
    assert best_of_majority([*candidates[1:], held(None, 1.0)]).key == "3", "one of six votes is enough"


def test_best_of_majority_counts_the_weights_of_votes() -> None:
    heavy = Candidate(answer="3", key="3", score=0.9, weight=2.0)
    assert best_of_majority([*[held("1", 0.5)] * 7, heavy]).key == "3"
    assert best_of_majority([*[held("1", 0.5)] * 7, held("3", 0.9)]).key == "1"


def test_where_no_answer_is_frequent_the_most_frequent_are() -> None:
    apart = [held(str(number), number / 10) for number in range(10)]
    assert best_of_majority(apart).key == "9"
    assert best_of_majority([*apart, held("4", 0.0)]).key == "4"


@given(scored_candidates)
def test_best_of_majority_lies_between_majority_and_best(candidates: list[Candidate]) -> None:
    choice, votes = best_of_majority(candidates), counts(candidates)
    assert choice.votes >= min(majority(candidates).votes, select.FREQUENT * sum(votes.values()))
    if len(votes) == 1 or len(candidates) <= 6:
        assert choice.key == best(candidates).key


@given(st.lists(st.sampled_from([None, "1", "2", "10", "x"]), max_size=12), st.sampled_from([0.0, 0.25, 1.0]))
def test_weighted_by_equal_scores_is_majority(keys: list[str | None], score: float) -> None:
    candidates = [held(key, score) for key in keys]
    assert weighted(candidates).key == majority(candidates).key


def test_votes_count_their_weights() -> None:
    votes = [("3", 0.9, 1.0), ("3", 0.9, 0.5), ("5", 0.4, 4.0)]
    candidates = [Candidate(answer=key, key=key, score=score, weight=weight) for key, score, weight in votes]
    majority, weighted = select.majority(candidates), select.weighted(candidates)
    assert (majority.key, majority.votes, majority.weight) == ("5", 1, 4 / 5.5)
    assert (weighted.key, weighted.weight) == ("5", pytest.approx(1.6 / (1.6 + 1.35)))
    assert select.best(candidates).key == "3"
