import math
from collections.abc import Callable
from typing import Any, Literal

import pytest

from outthink.checks import above, at_least, between, fraction, one_of
from outthink.errors import UsageError

Colour = Literal["red", "green"]


@pytest.mark.parametrize(
    ("check", "fine", "wrong", "message"),
    [
        (lambda **given: at_least(1, **given), (1, 2.5, math.inf), (0, 0.9), "it must be at least 1"),
        (lambda **given: above(0, **given), (1e-9, 3), (0, -1), "it must be above 0"),
        (lambda **given: between(0, 1, **given), (0, 0.5, 1), (-0.1, 1.1), "it must lie between 0 and 1"),
        (fraction, (1e-9, 1), (0, 1.1), "it must lie above 0 and not above 1"),
    ],
    ids=["at least", "above", "between", "fraction"],
)
def test_numbers_out_of_range_are_named(
    check: Callable[..., None], fine: tuple[float, ...], wrong: tuple[float, ...], message: str
) -> None:
    for value in fine:
        check(first=value, second=value)
    for value in (*wrong, math.nan):
        with pytest.raises(UsageError) as refused:
            check(first=fine[0], second=value)
        assert str(refused.value) == f"second is {value}; {message}"


def test_a_word_must_be_one_of_those_a_literal_has() -> None:
    one_of(Colour, wall="red", door="green")
    wrong: Any = None
    for value in ("blue", wrong):
        with pytest.raises(UsageError) as refused:
            one_of(Colour, wall="red", door=value)
        assert str(refused.value) == f"door is {value!r}; it must be one of red, green"
