import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.errors import UsageError
from outthink.verifiers.heads import Head, Labels, Pair, Ratio, Signs, Value, settle

LOGITS = st.floats(min_value=-1e30, max_value=1e30)


@pytest.mark.parametrize(
    ("head", "row", "score"),
    [
        (Pair(good=0, bad=1), [math.log(3), 0.0], 0.75),
        (Signs(), [math.log(3), 0.0], 0.75),
        (Labels(), [0.0, math.log(4)], 0.8),
        (Labels(good=0), [math.log(4), 0.0, math.log(3)], 0.5),
        (Value(), [math.log(9)], 0.9),
        (Value(scale=0.5), [math.log(9)], 0.75),
        (Ratio(reference="base", beta=0.001), [1000 * math.log(3)], 0.75),
    ],
)
def test_the_formulas(head: Head, row: list[float], score: float) -> None:
    assert head.score(row) == pytest.approx(score)


@given(LOGITS, LOGITS)
def test_scores_stay_in_bounds_however_large_the_logits(one: float, other: float) -> None:
    heads: list[tuple[Head, list[float]]] = [
        (Pair(good=0, bad=1), [one, other]),
        (Signs(), [one, other]),
        (Labels(), [one, other]),
        (Value(), [one]),
        (Ratio(reference="base", beta=1.0), [one]),
    ]
    for head, row in heads:
        assert 0.0 <= head.score(row) <= 1.0


@given(st.floats(min_value=-700, max_value=700))
def test_a_choice_is_a_sigmoid_of_the_difference(logit: float) -> None:
    assert Pair(good=0, bad=1).score([logit, 0.0]) == pytest.approx(Value().score([logit]))
    assert Labels().score([0.0, logit]) == pytest.approx(Value().score([logit]))
    assert Value().score([logit]) + Value().score([-logit]) == pytest.approx(1.0)


def test_a_row_of_another_head_is_refused() -> None:
    for head, row in ((Pair(good=0, bad=1), [0.0]), (Signs(), [0.0]), (Value(), [0.0, 0.0])):
        with pytest.raises(ValueError):
            head.score(row)


def test_what_is_no_number_stays_none() -> None:
    assert math.isnan(Value().score([math.nan]))
    assert math.isnan(Pair(good=0, bad=1).score([math.nan, 0.0]))


async def characters(text: str) -> list[int]:
    return [0 if letter in "?!" else ord(letter) for letter in text]


async def test_signs_become_the_tokens_that_the_tokenizer_has_for_them() -> None:
    assert await settle(Signs(), characters) == Pair(good=ord("+"), bad=ord("-"))
    assert await settle(Signs(good="y", bad="n"), characters) == Pair(good=ord("y"), bad=ord("n"))


@pytest.mark.parametrize(
    ("signs", "message"),
    [
        (Signs(good="yes"), r"'yes' as \[121, 101, 115\], and a sign has to be exactly one token"),
        (Signs(bad=""), r"'' as \[\], and a sign has to be exactly one token"),
        (Signs(good="?", bad="!"), "both '\\?' and '!' as token 0"),
    ],
)
async def test_signs_that_are_no_choice_between_two_tokens_are_refused(signs: Signs, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        await settle(signs, characters)


@pytest.mark.parametrize("head", [Pair(good=0, bad=1), Labels(), Value(), Ratio(reference="base")])
async def test_all_other_heads_are_settled_already(head: Head) -> None:
    assert await settle(head, characters) is head
