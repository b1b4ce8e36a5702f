from hypothesis import given
from hypothesis import strategies as st

from outthink.engines.splitter import StepSplitter

# Tokens that split separators in every way a byte-pair encoder may.
tokens = st.lists(st.sampled_from(["a", "b.", "\n", "\n\n", ".\n\n", "\n\n\n", "\nc", " "]), max_size=30)


def cut(pieces: list[str]) -> list[tuple[list[int], str]]:
    splitter, found = StepSplitter("\n\n"), []
    for number, piece in enumerate(pieces):
        step = splitter.feed([number], piece, -1.0)
        if step is not None:
            found.append((step.ids, step.text))
    if len(splitter):
        rest = splitter.rest()
        found.append((rest.ids, rest.text))
    return found


@given(tokens)
def test_no_token_and_no_text_is_lost(pieces: list[str]) -> None:
    steps = cut(pieces)
    assert [number for ids, _ in steps for number in ids] == list(range(len(pieces)))
    assert "".join(text for _, text in steps) == "".join(pieces)


@given(tokens)
def test_every_step_but_the_last_holds_a_separator_that_its_last_token_completes(pieces: list[str]) -> None:
    for ids, text in cut(pieces)[:-1]:
        assert "\n\n" in text
        assert "\n\n" not in text[: len(text) - len(pieces[ids[-1]])]


def test_the_log_probabilities_of_a_step_are_summed_and_its_confidences_kept() -> None:
    splitter = StepSplitter("\n\n")
    assert splitter.feed([1, 2], "a\n", -1.5, [9.0, 8.0]) is None
    step = splitter.feed([3], "\n", -0.25, [7.0])
    assert step is not None and step.logprob == -1.75 and step.confidences == [9.0, 8.0, 7.0]
    assert splitter.rest().confidences == []
    assert len(splitter) == 0
