"""What llama.cpp streams, as it was seen to stream it, and what becomes of it."""

from typing import Any

from outthink.cost import Usage
from outthink.engines import Request, Sampling, Step
from outthink.engines.llamacpp_stream import Stream


def request(n: int, *, whole: bool, max_step_tokens: int = 100) -> Request:
    return Request(
        n=n,
        sampling=Sampling(max_step_tokens=max_step_tokens, logprobs=True),
        separator="\n\n",
        whole=whole,
        max_tokens=100,
        seed=0,
        priority=0,
        abandoned=lambda usage: None,
    )


def chunk(index: int, content: str, tokens: list[int], stop: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "index": index,
        "content": content,
        "tokens": tokens,
        "stop": stop is not None,
        "stop_type": stop,
        "stopping_word": "\n\n" if stop == "word" else "",
        "truncated": False,
        "completion_probabilities": [{"logprob": -0.5} for _ in tokens],
        "timings": {"prompt_n": 7, "cache_n": 30},
        **more,
    }


def feed(stream: Stream, chunks: list[dict[str, Any]]) -> list[Step]:
    return [step for each in chunks for step in stream.feed(each)]


def test_a_step_keeps_the_ids_of_the_separator_that_the_text_held_back() -> None:
    stream = Stream(request(1, whole=False), 4, 1, lambda tokens: 2.0 * tokens)
    chunks = [chunk(0, "so", [5]), chunk(0, "", [198]), chunk(0, "", [198]), chunk(0, "", [], "word")]
    (step,) = feed(stream, chunks)
    assert (step.sibling, step.ids, step.text, step.finish, step.logprob) == (4, [5, 198, 198], "so\n\n", "step", -1.5)
    assert step.usage.generated_tokens == 3
    assert (step.usage.prompt_tokens, step.usage.cached_tokens, step.usage.calls) == (7, 30, 1)
    assert step.usage.flops == 2.0 * (7 + 3)
    assert stream.over


def test_siblings_finish_one_by_one_and_the_call_is_billed_once() -> None:
    stream = Stream(request(2, whole=False), 0, 2, float)
    steps = feed(stream, [chunk(0, "a", [1]), chunk(1, "b", [2]), chunk(1, "", [3], "eos"), chunk(0, "", [], "limit")])
    assert [(step.sibling, step.finish, step.ids) for step in steps] == [(1, "end", [2, 3]), (0, "length", [1])]
    assert sum((step.usage for step in steps), Usage()) == stream.usage
    assert stream.usage.calls == 1 and stream.usage.generated_tokens == 3
    assert (stream.usage.prompt_tokens, stream.usage.cached_tokens) == (7, 30 + 37), "the prompt is computed once"


def test_a_whole_solution_is_cut_into_steps_and_ends_blank_after_a_separator() -> None:
    stream = Stream(request(1, whole=True), 0, 1, float)
    steps = feed(stream, [chunk(0, "a.", [1]), chunk(0, "\n\n", [2]), chunk(0, "", [9], "eos")])
    assert [(step.text, step.finish, step.ids) for step in steps] == [("a.\n\n", "step", [1, 2]), ("", "end", [9])]


def test_a_whole_solution_cut_off_at_a_separator_is_not_open() -> None:
    stream = Stream(request(1, whole=True), 0, 1, float)
    (step,) = feed(stream, [chunk(0, "a.", [1]), chunk(0, "\n\n", [2], "limit")])
    assert step.finish == "length"


def test_a_full_context_is_told_from_a_cap() -> None:
    stream = Stream(request(1, whole=True), 0, 1, float)
    (step,) = feed(stream, [chunk(0, "a", [1]), chunk(0, "", [], "limit", truncated=True)])
    assert step.finish == "context"


def test_a_step_that_outgrows_its_cap_is_cut_and_pays_for_all_it_wrote() -> None:
    stream = Stream(request(2, whole=True, max_step_tokens=2), 0, 2, float)
    assert feed(stream, [chunk(0, "x", [1]), chunk(0, "x", [2]), chunk(0, "x", [3])]) == []
    steps = feed(stream, [chunk(1, "y", [4]), chunk(1, "", [5], "eos")])
    assert [(step.sibling, step.finish, step.ids) for step in steps] == [(1, "end", [4, 5]), (0, "length", [1, 2])]
    assert steps[1].usage.generated_tokens == 3
    assert stream.over, "nobody is left who could finish"


def test_what_is_abandoned_is_billed_once() -> None:
    stream = Stream(request(2, whole=False), 0, 2, float)
    feed(stream, [chunk(0, "a", [1]), chunk(1, "b", [2]), chunk(1, "", [3], "eos")])
    usage = stream.abandoned(delivered=1)
    assert (usage.generated_tokens, usage.prompt_tokens) == (1, 7)
    assert stream.usage.generated_tokens == 3


def test_a_call_abandoned_with_all_its_siblings_is_billed_as_one_call() -> None:
    stream = Stream(request(3, whole=False), 0, 3, float)
    feed(stream, [chunk(0, "a", [1]), chunk(1, "b", [2])])
    usage = stream.abandoned(delivered=0)
    assert (usage.calls, usage.generated_tokens, usage.prompt_tokens) == (1, 2, 7)


def test_a_step_completed_too_late_to_be_handed_on_is_abandoned_too() -> None:
    stream = Stream(request(2, whole=False), 0, 2, float)
    feed(stream, [chunk(0, "a", [1]), chunk(1, "b", [2]), chunk(1, "", [3], "eos")])
    assert stream.abandoned(delivered=0).generated_tokens == stream.usage.generated_tokens == 3
