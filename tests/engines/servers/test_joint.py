import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.engines.servers.joint import Joint
from outthink.errors import EngineError

BEGUN = "So she has 37 apples and gives nine of them away.\n\n"


def continued(begun: str, pieces: list[str]) -> str:
    joint = Joint(begun)
    return "".join(joint.feed(piece) for piece in pieces) + joint.rest()


@pytest.mark.parametrize(
    ("begun", "sent", "new"),
    [
        ("", "\n\nStep", "\n\nStep"),
        (BEGUN, "37 - 9 = 28", "37 - 9 = 28"),
        (BEGUN, "\n\n37 - 9", "37 - 9"),
        (BEGUN, "\n37 - 9", "37 - 9"),
        (BEGUN, BEGUN + "37 - 9", "37 - 9"),
        (BEGUN, "So 28 are left", "So 28 are left"),
        (BEGUN, "So", "So"),
        (BEGUN, "", ""),
        (BEGUN, BEGUN, ""),
        ("a ", " b", "b"),
        ("a\n\n", " b", " b"),
    ],
)
def test_what_is_repeated_is_removed_however_it_arrives(begun: str, sent: str, new: str) -> None:
    assert continued(begun, [sent]) == new
    assert continued(begun, list(sent)) == new


@given(st.text("ab \n", max_size=12), st.text("ab \n", max_size=12), st.integers(1, 5))
def test_nothing_but_a_repetition_is_ever_removed(begun: str, sent: str, size: int) -> None:
    new = continued(begun, [sent[start : start + size] for start in range(0, len(sent), size)])
    assert sent.endswith(new)
    gone = sent.removesuffix(new)
    assert gone == begun or (begun.endswith(gone) and not gone.strip())


def test_a_solution_begun_anew_is_an_error() -> None:
    with pytest.raises(EngineError, match=r"begins the solution anew.*sample, greedy"):
        continued(BEGUN, [BEGUN[:45], "to Tom"])
