"""What llama.cpp streams, as it was seen to stream it, and what is made of it."""

from typing import Any

import pytest

from outthink.engines.llamacpp_reader import LlamaCppReader

# Ids of three tokens that make one character together, as SmolLM2 has them.
SMILE = [10813, 242, 218]
TEXTS = {198: "\n", 5: "so", 0: "<|endoftext|>"}


async def tokenize(text: str) -> list[int]:
    return [198, *SMILE] if text.startswith("\n") else SMILE


async def detokenize(ids: list[int]) -> str:
    return "".join(TEXTS[each] for each in ids)


def reader(n: int = 1, top: int = 0) -> LlamaCppReader:
    return LlamaCppReader(n, top=top, tokenize=tokenize, detokenize=detokenize)


def event(content: str, tokens: list[int], predicted: int, stop: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "content": content,
        "tokens": tokens,
        "tokens_predicted": predicted,
        "stop": stop is not None,
        "stop_type": stop,
        "stopping_word": "\n\n" if stop == "word" else "",
        "truncated": False,
        "completion_probabilities": [{"logprob": -0.5} for _ in tokens],
        "timings": {"prompt_n": 7, "cache_n": 30},
        **more,
    }


async def test_the_separator_that_ended_a_step_is_its_text() -> None:
    it = reader()
    chunks = [
        await it.read(each)
        for each in (event("so", [5], 1), event("", [198], 2), event("", [198], 3), event("", [], 3, "word"))
    ]
    assert [chunk.text for chunk in chunks] == ["so", "", "", "\n\n"]
    assert [chunk.ids for chunk in chunks] == [[5], [198], [198], []]
    assert [chunk.finish for chunk in chunks] == [None, None, None, "step"]
    assert [chunk.logprob for chunk in chunks] == [-0.5, -0.5, -0.5, 0]
    assert chunks[-1].prompt == (7, 30)


@pytest.mark.parametrize(("stop", "finish"), [("limit", "length"), ("eos", "end")])
async def test_text_that_was_held_back_and_became_no_separator_is_found(stop: str, finish: str) -> None:
    it = reader()
    last = [198] if stop == "limit" else [198, 0]
    chunks = [await it.read(event("so", [5], 1)), await it.read(event("", last, 1 + len(last)))]
    chunks.append(await it.read(event("", [], 1 + len(last), stop)))
    assert "".join(chunk.text for chunk in chunks) == "so\n"
    assert chunks[-1].finish == finish


async def test_ids_inside_a_character_are_found() -> None:
    it = reader()
    await it.read(event("so", [5], 1))
    chunk = await it.read(event("😀", [218], 4))
    assert (chunk.ids, chunk.tokens, chunk.text) == (SMILE, 3, "😀")


async def test_every_token_has_a_confidence_those_inside_a_character_that_of_its_last() -> None:
    told = [{"logprob": -0.5, "top_logprobs": [{"logprob": -0.5}, {"logprob": -2.5}, {"logprob": -9.0}]}]
    it = reader(top=2)
    chunks = [
        await it.read(event("so", [5], 1, completion_probabilities=told)),
        await it.read(event("😀", [218], 4, completion_probabilities=told)),
        await it.read(event("", [], 4, "limit", completion_probabilities=[])),
    ]
    assert [chunk.confidences for chunk in chunks] == [[1.5], [1.5] * 3, []]
    assert (await reader().read(event("so", [5], 1, completion_probabilities=told))).confidences == []


async def test_what_was_held_back_before_a_character_is_no_part_of_it() -> None:
    it = reader()
    await it.read(event("", [198], 1))
    assert (await it.read(event("\n😀", [218], 4))).ids == SMILE


async def test_a_sibling_is_cut_in_front_of_ids_that_cannot_be_found() -> None:
    for tokens, predicted in (([999], 3), ([218], 6)):
        chunk = await reader().read(event("😀", tokens, predicted))
        assert (chunk.ids, chunk.text, chunk.tokens, chunk.finish) == ([], "", predicted, "length")


async def test_an_unfinished_character_at_the_end_is_counted_though_never_told() -> None:
    chunk = await reader().read(event("", [], 2, "limit"))
    assert (chunk.tokens, chunk.ids, chunk.text, chunk.finish) == (2, [], "", "length")


async def test_siblings_are_told_apart_and_a_full_context_from_a_cap() -> None:
    it = reader(2)
    await it.read(event("so", [5], 3 - 2))
    chunk = await it.read(event("so", [5], 1, "limit", index=1, truncated=True))
    assert (chunk.sibling, chunk.tokens, chunk.finish) == (1, 1, "context")
