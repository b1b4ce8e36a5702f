from dataclasses import dataclass
from typing import Literal

import pytest

from outthink.errors import RecipeError, UsageError
from outthink.options import make, nearest


@dataclass(frozen=True, kw_only=True)
class Thing:
    size: int
    share: float = 0.5
    mood: Literal["calm", "wild"] = "calm"

    def __post_init__(self) -> None:
        if self.size > 9:
            raise UsageError(f"size is {self.size}; it must be below 10")


def test_options_become_an_object() -> None:
    assert make(Thing, {"size": 3, "share": 1}, "thing") == Thing(size=3, share=1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"size": 1, "shore": 0.1}, r"thing: unknown key 'shore'; did you mean 'share'\?"),
        ({"size": "3"}, r"thing\.size: .*integer.*'3'"),
        ({"size": True}, r"thing\.size: .*integer"),
        ({}, r"thing\.size: .*required"),
        ({"size": 1, "mood": "angry"}, r"thing\.mood: .*'calm' or 'wild'"),
        ({"size": 10}, r"thing: size is 10"),
        ([1], r"thing: expected options by name"),
        (None, r"thing: expected options by name"),
    ],
)
def test_wrong_options_are_refused_by_name(given: object, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make(Thing, given, "thing")


def test_a_name_far_from_all_gets_the_list_of_all() -> None:
    assert nearest("zzz", ["beam", "sample"]) == "; valid: beam, sample"
