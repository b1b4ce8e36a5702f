"""What becomes of chunks: steps, and bills that add up."""

from typing import Any

from outthink.cost import Usage
from outthink.engines import Request, Sampling, Step
from outthink.engines.stream import Chunk, Stream
from outthink.tree import Finish


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


def stream(n: int, *, first: int = 0, **options: Any) -> Stream:
    return Stream(request(n, **options), first, n, prompt=37, flops=lambda tokens: 2.0 * tokens)


def chunk(sibling: int, text: str, ids: list[int], finish: Finish | None = None, **more: Any) -> Chunk:
    return Chunk(**{"sibling": sibling, "ids": ids, "text": text, "tokens": len(ids), "finish": finish, **more})


def feed(stream: Stream, chunks: list[Chunk]) -> list[Step]:
    return [step for each in chunks for step in stream.feed(each)]


def test_a_step_has_all_that_was_written_since_the_last() -> None:
    it = stream(1, first=4, whole=False)
    chunks = [chunk(0, "so", [5, 6], logprob=-1.0), chunk(0, "\n\n", [198], "step", logprob=-0.5, prompt=(7, 30))]
    (step,) = feed(it, chunks)
    assert (step.sibling, step.ids, step.text, step.finish) == (4, [5, 6, 198], "so\n\n", "step")
    assert step.logprob == -1.5
    assert (step.usage.prompt_tokens, step.usage.cached_tokens, step.usage.calls) == (7, 30, 1)
    assert step.usage.flops == 2.0 * (7 + 3)
    assert it.over


def test_figures_told_with_every_chunk_are_paid_by_who_ends_first() -> None:
    it = stream(2, whole=False)
    told = {"prompt": (7, 30)}
    steps = feed(
        it, [chunk(0, "a", [1], **told), chunk(1, "b", [2, 3], "end", **told), chunk(0, "", [4], "length", **told)]
    )
    assert [(step.sibling, step.finish, step.ids) for step in steps] == [(1, "end", [2, 3]), (0, "length", [1, 4])]
    assert [(step.usage.prompt_tokens, step.usage.cached_tokens) for step in steps] == [(7, 30), (0, 37)]
    assert sum((step.usage for step in steps), Usage()) == it.usage
    assert it.usage.calls == 1 and it.usage.generated_tokens == 4


def test_figures_told_at_the_end_are_paid_by_who_ends_last() -> None:
    it = stream(2, whole=False)
    steps = feed(it, [chunk(0, "a", [1], "end"), chunk(1, "b", [2], "end", prompt=(5, 32))])
    assert [(step.usage.prompt_tokens, step.usage.cached_tokens) for step in steps] == [(0, 37), (5, 32)]


def test_untold_a_prompt_counts_as_computed_once() -> None:
    it = stream(2, whole=False)
    feed(it, [chunk(0, "a", [1], "end"), chunk(1, "b", [2], "end")])
    assert (it.usage.prompt_tokens, it.usage.cached_tokens) == (37, 37)


def test_tokens_that_came_with_no_chunk_are_billed_but_fill_no_cap() -> None:
    (step,) = feed(stream(1, whole=False, max_step_tokens=3), [chunk(0, "a", [1], "end", unseen=9)])
    assert (step.finish, step.ids, step.usage.generated_tokens) == ("end", [1], 10)


def test_a_whole_solution_is_cut_into_steps_and_ends_blank_after_a_separator() -> None:
    it = stream(1, whole=True)
    steps = feed(it, [chunk(0, "a.", [1]), chunk(0, "\n", [2]), chunk(0, "\n", [3]), chunk(0, "", [9], "end")])
    assert [(step.text, step.finish, step.ids) for step in steps] == [("a.\n\n", "step", [1, 2, 3]), ("", "end", [9])]


def test_a_whole_solution_cut_off_at_a_separator_is_not_open() -> None:
    for finish in ("length", "context", "end"):
        (step,) = feed(stream(1, whole=True), [chunk(0, "a.", [1]), chunk(0, "\n\n", [2], finish)])
        assert step.finish == finish


def test_a_step_that_the_cap_ends_at_its_separator_can_go_on() -> None:
    (step,) = feed(stream(1, whole=False), [chunk(0, "a\n\n", [1, 2], "length")])
    assert step.finish == "step"


def test_a_step_that_outgrows_its_cap_is_cut_and_pays_for_all_it_wrote() -> None:
    it = stream(2, whole=True, max_step_tokens=2)
    assert feed(it, [chunk(0, "x", [1]), chunk(0, "x", [2]), chunk(0, "x", [3])]) == []
    steps = feed(it, [chunk(1, "y", [4]), chunk(1, "", [5], "end")])
    assert [(step.sibling, step.finish, step.ids) for step in steps] == [(1, "end", [4, 5]), (0, "length", [1, 2])]
    assert steps[1].usage.generated_tokens == 3
    assert it.over, "nobody is left who could finish"


def test_the_cap_is_that_of_a_step_not_of_the_solution() -> None:
    it = stream(1, whole=True, max_step_tokens=2)
    steps = feed(it, [chunk(0, "a", [1]), chunk(0, "\n\n", [2]), chunk(0, "b", [3]), chunk(0, "\n\n", [4])])
    assert [step.finish for step in steps] == ["step", "step"]


def test_it_tells_which_chunks_a_step_ends_in() -> None:
    it = stream(1, whole=True, max_step_tokens=4)
    assert not it.divides(chunk(0, "ab", [1, 2]))
    assert it.divides(chunk(0, "a\n\nb", [1, 2]))
    assert not it.divides(chunk(0, "\n\n", [1])), "one token cannot be divided"
    feed(it, [chunk(0, "a\n", [1, 2])])
    assert it.tail(0) == "\n"
    assert it.divides(chunk(0, "\nb", [3, 4])), "the separator began before"
    assert it.divides(chunk(0, "bcd", [3, 4, 5])), "the cap is crossed"


def test_what_is_written_after_a_step_was_handed_over_is_billed_and_no_more() -> None:
    it = stream(2, whole=False)
    steps = feed(it, [chunk(0, "a\n\n", [1]), chunk(0, "more", [2, 3]), chunk(1, "b", [4])])
    assert [(step.sibling, step.finish) for step in steps] == [(0, "step")]
    assert it.abandoned(delivered=1).generated_tokens == 3
    assert it.usage.generated_tokens == 4 and it.usage.calls == 1


def test_what_is_abandoned_is_billed_once() -> None:
    it = stream(3, whole=False)
    feed(it, [chunk(0, "a", [1]), chunk(1, "b", [2]), chunk(2, "", [3], "end")])
    usage = it.abandoned(delivered=1)
    assert (usage.generated_tokens, usage.prompt_tokens, usage.cached_tokens, usage.calls) == (2, 37, 37, 1)
    assert it.usage.generated_tokens == 3


def test_a_step_completed_too_late_to_be_handed_on_is_abandoned_too() -> None:
    it = stream(1, whole=False)
    feed(it, [chunk(0, "a", [1], "end")])
    assert it.abandoned(delivered=0) == it.usage


def test_a_call_that_was_never_answered_costs_nothing() -> None:
    assert stream(2, whole=False).abandoned(delivered=0) == Usage()
