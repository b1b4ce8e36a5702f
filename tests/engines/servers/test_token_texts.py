from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.engines import Request, Sampling
from outthink.engines.servers.token_texts import TokenTexts, align
from outthink.engines.stream import Chunk, Stream

VOCABULARY = [b"a", b"b.", b" c", b"\n", b"\n\n", b".\n\n", b"\n\n\n", *(bytes([byte]) for byte in "é😀\x1f".encode())]


def decode(ids: Sequence[int]) -> str:
    return b"".join(VOCABULARY[each] for each in ids).decode(errors="replace")


def stream(**options: bool) -> Stream:
    request = Request(
        n=1,
        sampling=Sampling(),
        separator="\n\n",
        max_tokens=99,
        seed=0,
        priority=0,
        abandoned=lambda usage: None,
        **{"whole": True, **options},
    )
    return Stream(request, 0, 1, prompt=1, flops=float)


class Asked:
    """A server's tokenizer, which counts what it is asked.

    Args:
        drops: whether it drops the space in front of a text's first word.
        marks: whether it knows the character that texts are told apart by.
    """

    def __init__(self, *, drops: bool = False, marks: bool = True) -> None:
        self.times = 0
        self._drops = drops
        self._marks = marks

    async def tokenize(self, text: str) -> list[int]:
        assert text == "\x1f"
        return [0, len(VOCABULARY) - 1] if self._marks else [0]

    async def detokenize(self, ids: list[int]) -> str:
        self.times += 1
        return decode(ids).removeprefix(" " if self._drops else "")


def texts_of(asked: Asked) -> TokenTexts:
    return TokenTexts(asked.tokenize, asked.detokenize)


tokens = st.lists(st.integers(0, len(VOCABULARY) - 1), min_size=1, max_size=12)


@given(tokens)
def test_texts_add_up_and_are_the_tokens_own_where_these_say_something_alone(ids: list[int]) -> None:
    whole = decode(ids)
    texts = align([decode([each]) for each in ids], whole)
    assert len(texts) == len(ids) and "".join(texts) == whole
    if "\ufffd" not in "".join(decode([each]) for each in ids):
        assert texts == [decode([each]) for each in ids]


@given(tokens)
async def test_a_step_ends_with_the_token_that_completes_its_separator(ids: list[int]) -> None:
    chunk = Chunk(0, ids, decode(ids), len(ids), finish="end")
    parts = await texts_of(Asked()).parts(chunk, [], "\n\n", stream())
    assert [token for part in parts for token in part.ids] == ids
    assert parts[-1].finish == "end" and all(part.finish is None for part in parts[:-1])
    it, text = stream(), ""
    for part in parts:
        text += part.text
        steps = it.feed(part)
        if steps:
            assert ("\n\n" in text) or part is parts[-1]
            assert "\n\n" not in text[: len(text) - len(part.text)]
            text = ""


@pytest.mark.parametrize(
    ("before", "ids", "sent", "complete"),
    [
        ("", [0, 4], "a\n\n", "a\n\n"),
        ("", [0, 6], "a\n\n", "a\n\n\n"),
        ("", [3, 4], "\n\n", "\n\n\n"),
        ("a\n", [4], "\n", "\n\n"),
        ("a\n", [3], "\n", "\n"),
        ("", [7, 8, 5], "é.\n\n", "é.\n\n"),
        ("", [7, 8, 6], "é\n\n", "é\n\n\n"),
    ],
)
async def test_a_text_cut_behind_the_separator_is_completed_from_its_last_token(
    before: str, ids: list[int], sent: str, complete: str
) -> None:
    it = stream(whole=False)
    it.feed(Chunk(0, [0], before, 1))
    parts = await texts_of(Asked()).parts(Chunk(0, ids, sent, len(ids), finish="step"), [], "\n\n", it)
    assert "".join(part.text for part in parts) == complete
    (step,) = [step for part in parts for step in it.feed(part)]
    assert (step.text, step.finish) == (before + complete, "step")


async def test_tokens_are_asked_about_together_once_and_only_if_need_be() -> None:
    asked = Asked()
    texts = texts_of(asked)
    await texts.parts(Chunk(0, [0, 1], "ab.", 2), [], "\n\n", stream())
    assert asked.times == 0
    for _ in range(3):
        parts = await texts.parts(Chunk(0, [0, 4, 0], "a\n\na", 3), [-1.0, -2.0, -3.0], "\n\n", stream())
        assert [part.logprob for part in parts] == [-1.0, -2.0, -3.0]
    assert asked.times == 1


@pytest.mark.parametrize("asked", [Asked(drops=True), Asked(marks=False)])
async def test_tokenizers_have_their_ways(asked: Asked) -> None:
    parts = await texts_of(asked).parts(Chunk(0, [0, 2, 4, 2], "a c\n\n c", 4), [], "\n\n", stream())
    assert [part.text for part in parts] == ["a", " c", "\n\n", " c"]


async def test_the_end_of_turn_has_no_text() -> None:
    class WithNames(Asked):
        async def detokenize(self, ids: list[int]) -> str:
            return "".join("<end>" if each == 1 else decode([each]) for each in ids)

    chunk = Chunk(0, [0, 4, 0, 1], "a\n\na", 4, finish="end")
    parts = await texts_of(WithNames()).parts(chunk, [], "\n\n", stream())
    assert [(part.text, part.finish) for part in parts] == [("a", None), ("\n\n", None), ("a", None), ("", "end")]
