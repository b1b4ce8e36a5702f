"""The HTTP engine against a server that can be told what it is and how to fail."""

import asyncio
import logging
import math
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from imitation import END, Imitation, encode, next_token, prompt_of, serving, text_of

from outthink.budget import Budget
from outthink.cost import Usage
from outthink.engines import Sampling, retry
from outthink.engines.openai import OpenAI
from outthink.errors import ContextTooSmall, EngineDown, EngineError, ModelNotFound, RecipeError, UsageError
from outthink.options import make
from outthink.search import Search
from outthink.seeding import derive
from outthink.strategies.beam import Beam
from outthink.strategies.sample import Sample
from outthink.tree import Node, Tree
from outthink.verifiers import Verifier
from outthink.verifiers.judge import Judge
from outthink.verifiers.scripted import Scripted

QUESTION = "Is 2 + 2 = 4?"
MESSAGES = [{"role": "user", "content": QUESTION}]
ID_KINDS = ["vllm", "sglang"]
# Shares of requests that fail, and seconds to wait for those that are left without an answer. Where none is, the wait
# is long: on a busy machine, an imitation that shares this process's event loop may take a while.
SOUND_AND_FAULTY = [(0.0, 30.0), (0.2, 0.3)]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.01)


@asynccontextmanager
async def opened(imitation: Imitation, **options: Any) -> AsyncIterator[OpenAI]:
    engine = OpenAI(**{"url": imitation.url, "seeded": True, "timeout": 30.0, "patience": 20.0, **options})
    try:
        await engine.open()
        yield engine
    finally:
        await engine.close()


async def new_search(
    engine: OpenAI,
    *,
    seed: int = 0,
    verifier: Verifier | None = None,
    question: str = QUESTION,
    budget: Budget | None = None,
    priority: int = 0,
    **sampling: Any,
) -> Search:
    messages = [{"role": "user", "content": question}]
    return Search(
        Tree.plant(question, messages, await engine.encode(messages), seed),
        engine=engine,
        verifier=verifier or Scripted(),
        sampling=Sampling(**{"max_step_tokens": 60, "max_tokens": 200, **sampling}),
        separator="\n\n",
        budget=budget or Budget(),
        aggregate="last",
        priority=priority,
    )


def assert_billed(engine: OpenAI, *searches: Search, since: Usage = Usage()) -> None:  # noqa: B008
    total = sum((search.tree.cost.engine for search in searches), since)
    assert replace(total, seconds=0.0) == replace(engine.usage, seconds=0.0)
    assert total.seconds == pytest.approx(engine.usage.seconds)


def assert_written_by_the_model(tree: Tree, node: Node, seeds: list[int]) -> None:
    """That a step's ids are what the model writes behind its parent, with one of the seeds."""
    before = tree.path(tree.nodes[node.parent]).ids
    for seed in seeds:
        ids = list(before)
        while ids[len(before) :] == node.ids.tolist()[: len(ids) - len(before)] and len(ids) < len(before) + len(
            node.ids
        ):
            ids.append(next_token(ids, seed))
        if ids[len(before) :] == node.ids.tolist():
            return
    raise AssertionError(f"no seed gives {node.ids.tolist()}")


@pytest.mark.parametrize("kind", ID_KINDS)
@pytest.mark.parametrize("gather", [1, 3, 50])
async def test_paths_are_continued_by_the_ids_that_were_sampled(kind: str, gather: int) -> None:
    async with serving(Imitation(kind, gather=gather)) as server, opened(server) as engine:
        assert engine.mode == "ids" and engine.room == 1600
        search = await new_search(engine)
        await search.run(Beam(n=8, width=2, max_steps=6))
        tree = search.tree
        sent = {tuple(prompt) for prompt in server.prompts[1:]}
        assert sent <= {tuple(tree.path(tree.nodes[node.parent]).ids) for node in tree.nodes[1:]}
        assert tree.root.ids.tolist() == encode(prompt_of(MESSAGES))
        await search.expand([search.root], 2, temperature=0.0)
        assert any(256 in node.ids[:-1] or 257 in node.ids for node in tree.nodes[1:])
        for node in tree.nodes[1:]:
            # A character that is never finished is never shown.
            assert node.text == text_of(node.ids.tolist()).removesuffix("\ufffd")
            assert (END in node.ids) == node.finished
            assert "\n\n" in node.text or not node.open


@pytest.mark.parametrize("kind", ID_KINDS)
@pytest.mark.parametrize("gather", [1, 3, 50])
async def test_whole_solutions_are_cut_where_single_steps_end(kind: str, gather: int) -> None:
    async with serving(Imitation(kind, gather=gather)) as server, opened(server) as engine:
        whole = await new_search(engine)
        leaves = await whole.complete([whole.root], 6)
        assert len(server.bodies) == 1, "siblings go in one request"
        assert max(leaf.depth for leaf in leaves) > 2
        for node in whole.tree.nodes[1:]:
            assert node.text == text_of(node.ids.tolist()).removesuffix("\ufffd")
            assert "\n\n" not in text_of(node.ids.tolist()[:-1]) and ("\n\n" in node.text or not node.open)
        for ordinal, leaf in enumerate(sorted(leaves, key=lambda leaf: whole.tree.path(leaf).nodes[0].ordinal)):
            seed = (derive(0, 0) if kind == "vllm" else 0) + ordinal
            ids = whole.tree.path(leaf).ids
            assert ids[: len(whole.root.ids)] == whole.root.ids.tolist()
            for end in range(len(whole.root.ids), len(ids)):
                assert ids[end] == next_token(ids[:end], seed)
        assert_billed(engine, whole)


@pytest.mark.parametrize("kind", ID_KINDS)
async def test_the_tree_is_the_same_whatever_fails_on_the_way_and_every_cost_is_on_a_bill(kind: str) -> None:
    digests = []
    for fault_rate, timeout in SOUND_AND_FAULTY:
        server = Imitation(kind, fault_rate=0.0)
        async with serving(server), opened(server, timeout=timeout) as engine:
            server.fault_rate = fault_rate
            searches = [await new_search(engine, seed=seed) for seed in range(8)]
            await asyncio.gather(*(search.run(Beam(n=4, width=2)) for search in searches))
            digests.append([search.tree.digest() for search in searches])
            assert_billed(engine, *searches)
            assert (server.failed > 20) == (fault_rate > 0)
            written = sum(len(node.ids) for search in searches for node in search.tree.nodes[1:])
            assert engine.usage.generated_tokens >= written
            if not fault_rate:
                assert engine.usage.generated_tokens == written == server.tokens_written - (kind == "vllm")
    # SGLang draws siblings without seeds of their own: asked for apart, they turn out differently.
    assert digests[0] == digests[1] or kind == "sglang"


@pytest.mark.parametrize("kind", ID_KINDS)
async def test_a_whole_solution_goes_on_after_a_break_from_its_last_step(kind: str) -> None:
    async with serving(Imitation(kind, gather=2)) as server, opened(server) as engine:
        server.fault_rate, server.faults = 0.3, ("broken",)
        search = await new_search(engine)
        leaves = await search.complete([search.root], 12)
        assert server.failed > 5 and len(leaves) == 12
        assert len({node.parent for node in search.tree.nodes[1:]}) == len(search.tree.nodes) - 12
        base = derive(0, 0) if kind == "vllm" else 0
        for leaf in leaves:
            path = search.tree.path(leaf)
            done, sibling = 0, path.nodes[0].ordinal
            seeds = [base + sibling]
            for node in path.nodes:
                if kind == "vllm":
                    assert_written_by_the_model(search.tree, node, seeds)
                done += len(node.ids)
                seeds.append(derive(base + sibling, done))
        assert_billed(engine, search)


@pytest.mark.parametrize("kind", ["chat", "completions"])
async def test_text_mode_survives_the_same_faults(kind: str) -> None:
    texts = []
    for fault_rate, timeout in SOUND_AND_FAULTY:
        server = Imitation(kind)
        async with serving(server), opened(server, timeout=timeout) as engine:
            server.fault_rate = fault_rate
            searches = [await new_search(engine, seed=seed) for seed in range(6)]
            await asyncio.gather(*(search.run(Beam(n=4, width=2, max_steps=4)) for search in searches))
            texts.append([[node.text for node in search.tree.nodes[1:5]] for search in searches])
            assert (server.failed > 8) == (fault_rate > 0)
            assert_billed(engine, *searches)
    first, second = ([sorted(some) for some in each] for each in texts)
    assert first == second


async def test_siblings_compute_their_prompt_once_and_read_what_is_cached() -> None:
    async with serving(Imitation()) as server, opened(server) as engine:
        search = await new_search(engine)
        (child, *_) = await search.expand([search.root], 4)
        prompt = len(search.root.ids)
        usage = search.tree.cost.engine
        assert (usage.prompt_tokens, usage.cached_tokens, usage.calls) == (prompt, 3 * prompt, 1)
        await search.expand([child], 1)
        usage = search.tree.nodes[-1].cost.engine
        assert usage.prompt_tokens <= 4 + len(child.ids)
        assert usage.prompt_tokens + usage.cached_tokens == prompt + len(child.ids)
    async with serving(Imitation(tells_cached=False)) as server, opened(server, parameters=10) as engine:
        search = await new_search(engine)
        await search.expand([search.root], 1)
        await search.expand([search.root], 1)
        usage = search.tree.cost.engine
        assert (usage.prompt_tokens, usage.cached_tokens) == (2 * prompt, 0), "untold, it counts as computed"
        assert usage.flops == 2 * 10 * (usage.prompt_tokens + usage.generated_tokens)


async def test_log_probabilities_are_summed_over_the_step() -> None:
    for kind in ID_KINDS:
        async with serving(Imitation(kind, gather=7)) as server, opened(server) as engine:
            search = await new_search(engine, logprobs=True)
            await search.complete([search.root], 3)
            for node in search.tree.nodes[1:]:
                assert node.logprob == pytest.approx(-0.5 * len(node.ids))
                assert node.confidences is None


@pytest.mark.parametrize("kind", ID_KINDS)
@pytest.mark.parametrize("gather", [1, 7])
@pytest.mark.parametrize("whole", [True, False])
async def test_every_token_has_its_confidence(kind: str, gather: int, whole: bool) -> None:
    async with serving(Imitation(kind, gather=gather)) as server, opened(server) as engine:
        search = await new_search(engine, top_logprobs=3)
        await (search.complete if whole else search.expand)([search.root], 3)
        for node in search.tree.nodes[1:]:
            assert node.logprob is None and list(node.confidences or ()) == [1.5] * len(node.ids)


@pytest.mark.parametrize("kind", ["chat", "completions"])
async def test_plain_endpoints_tell_confidences_too(kind: str) -> None:
    async with serving(Imitation(kind, gather=5, tells_logprobs=True)) as server, opened(server) as engine:
        search = await new_search(engine, top_logprobs=3)
        (tip,) = await search.complete([search.root], 1)
        path = search.tree.path(tip)
        assert path.confidences == [1.5] * -(-len(path.text) // 5), "one a piece, since that is what the server tells"
        plain = await new_search(engine, logprobs=True)
        (tip,) = await plain.complete([plain.root], 1)
        assert tip.logprob is not None and not plain.tree.path(tip).confidences


@pytest.mark.parametrize("kind", ID_KINDS)
async def test_caps_hold(kind: str) -> None:
    async with serving(Imitation(kind, gather=4)) as server, opened(server) as engine:
        search = await new_search(engine, max_step_tokens=5, max_tokens=9)
        children = await search.expand([search.root], 6)
        assert all(len(child.ids) == 5 for child in children if child.finish == "length")
        leaves = await search.complete([search.root], 6)
        assert {leaf.finish for leaf in leaves} <= {"end", "length"}
        assert all(len(node.ids) <= 5 and node.length <= 9 for node in search.tree.nodes[1:])
        assert_billed(engine, search)


@pytest.mark.parametrize("kind", ID_KINDS)
async def test_a_full_context_is_reported_as_such(kind: str) -> None:
    prompt = len(encode(prompt_of(MESSAGES)))
    async with serving(Imitation(kind, context=prompt + 3)) as server, opened(server) as engine:
        search = await new_search(engine)
        (child,) = await search.complete([search.root], 1)
        assert child.finish == "context"
        search.tree.root.ids.extend([97] * 10)
        with pytest.raises(ContextTooSmall, match=r"(maximum|model's) context length.*longer context"):
            await search.expand([search.root], 1)
        with pytest.raises(ContextTooSmall, match=r"the prompt has .* holds"):
            await engine.encode([{"role": "user", "content": "many words " * 60}])
        assert_billed(engine, search)


async def test_more_siblings_than_the_server_may_have_go_in_groups() -> None:
    async with serving(Imitation()) as server, opened(server, parallel=3) as engine:
        search = await new_search(engine)
        assert len({child.ordinal for child in await search.expand([search.root], 8)}) == 8
        assert sorted(body["n"] for body in server.bodies) == [2, 3, 3]
        assert len({body["seed"] for body in server.bodies}) == 3
        assert_billed(engine, search)


async def test_priorities_are_sent_where_the_server_has_them() -> None:
    for priorities in (True, False):
        async with serving(Imitation(priorities=priorities)) as server, opened(server) as engine:
            search = await new_search(engine, priority=7)
            await search.expand([search.root], 1)
            assert server.bodies[-1].get("priority") == (7 if priorities else None)


async def test_leaving_early_hangs_up_and_pays_for_what_was_heard() -> None:
    async with serving(Imitation(endless=True)) as server, opened(server) as engine:
        search = await new_search(engine)
        writing = asyncio.create_task(search.complete([search.root], 4))
        while not search.tree.nodes[1:]:
            await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        while not server.hung_up:
            await asyncio.sleep(0)
        assert engine.usage.generated_tokens > sum(len(node.ids) for node in search.tree.nodes[1:]) > 0
        assert_billed(engine, search)


async def test_a_silent_server_is_asked_again_then_given_up() -> None:
    async with serving(Imitation()) as server, opened(server, timeout=0.02, patience=0.1) as engine:
        search = await new_search(engine)
        server.fault_rate, server.faults = 1.0, ("silent",)
        with pytest.raises(EngineDown, match=r"was silent for 0\.02 s.*No request was answered for 0\.1 s"):
            await search.expand([search.root], 2)
        assert server.failed > 2
        assert_billed(engine, search)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("garbage", "no event"), ("broken", "broke the connection"), ("500", "answered 500: try again")],
)
async def test_what_always_fails_ends_with_a_readable_error(fault: str, words: str) -> None:
    async with serving(Imitation()) as server, opened(server, patience=0.05) as engine:
        search = await new_search(engine)
        server.fault_rate, server.faults = 1.0, (fault,)
        with pytest.raises(EngineError, match=words):
            await search.expand([search.root], 2)


async def test_a_request_that_fails_while_others_succeed_is_given_up_alone() -> None:
    async with serving(Imitation(poison=ord("~"))) as server, opened(server, patience=60.0) as engine:
        poisoned, sound = await new_search(engine, question="~"), await new_search(engine)
        going = asyncio.create_task(poisoned.run(Sample(n=2)))
        while not going.done():
            await sound.expand([sound.root], 1)
        with pytest.raises(EngineError, match=r"cannot \(\d+ attempts\)") as raised:
            await going
        assert not isinstance(raised.value, EngineDown)


async def test_an_answer_of_another_shape_is_a_failure_that_may_pass() -> None:
    async with serving(Imitation()) as server, opened(server, patience=0.05) as engine:
        server._tokenize = lambda body: {"surprise": 1}  # type: ignore[method-assign]
        with pytest.raises(EngineDown, match="lacks 'tokens'"):
            await engine.encode(MESSAGES)


async def test_a_wrong_model_is_named_with_those_there_are() -> None:
    async with serving(Imitation(models=("big", "small"))) as server:
        with pytest.raises(ModelNotFound, match=r"does not serve 'tiny' \(engine\.model\); it serves big, small"):
            async with opened(server, model="tiny"):
                pass
        with pytest.raises(UsageError, match="serves big, small; name the model"):
            async with opened(server):
                pass
        async with opened(server, model="small") as engine:
            await (await new_search(engine)).run(Sample(n=1))
            assert server.bodies[-1]["model"] == "small"
            server.models = ("other",)
            with pytest.raises(ModelNotFound, match="`small` does not exist"):
                await engine.encode(MESSAGES)


async def test_the_key_comes_from_the_environment_and_is_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(Imitation(key="sesame-1")) as server:
        monkeypatch.setenv("MY_KEY", "sesame-1")
        async with opened(server, key="MY_KEY") as engine:
            await engine.encode(MESSAGES)
        monkeypatch.setenv("MY_KEY", "wrong-2")
        with pytest.raises(UsageError, match="MY_KEY") as raised:
            async with opened(server, key="MY_KEY"):
                pass
    assert "wrong-2" not in str(raised.value)
    assert "sesame" not in caplog.text and "wrong-2" not in caplog.text
    with pytest.raises(UsageError, match="NO_SUCH_KEY"):
        OpenAI(key="NO_SUCH_KEY")


async def test_the_mode_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "outthink")
    async with serving(Imitation(tells_cached=False, priorities=False)) as server, opened(server):
        pass
    (line,) = [record.getMessage() for record in caplog.records if record.name == "outthink.engines.openai"]
    assert line.startswith(f"{server.url}: mode ids. vLLM 0.0, hash: continues token ids, siblings in one request")
    assert "no priorities" in line and "cached tokens not told" in line


async def test_problems_stick_to_their_server_and_move_when_it_goes() -> None:
    first, second = Imitation(), Imitation()
    async with serving(first), serving(second), opened(first, url=[first.url, second.url]) as engine:
        assert engine.parallel == 128 and engine.room == 3200
        searches = [await new_search(engine, question=f"{number}?") for number in range(12)]
        await asyncio.gather(*(search.run(Beam(n=4, max_steps=3)) for search in searches))

        def homes() -> list[set[int]]:
            served = []
            for search in searches:
                ids = search.root.ids.tolist()
                served.append(
                    {
                        number
                        for number, each in enumerate((first, second))
                        if ids in [p[: len(ids)] for p in each.prompts]
                    }
                )
            return served

        assert set(map(len, homes())) == {1}, "each problem met one server"
        assert {0} in homes() and {1} in homes(), "and both had some"
        first.down = True
        await asyncio.gather(*(search.run(Beam(n=4, max_steps=3)) for search in searches))
        assert all(1 in home for home in homes())
        assert_billed(engine, *searches)


async def test_one_server_of_two_may_come_later(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Imitation(), Imitation(down=True)
    async with serving(first), serving(second), opened(first, url=[first.url, second.url]) as engine:
        searches = [await new_search(engine, question=f"{number}?") for number in range(8)]
        second.down = False
        for _ in range(3):
            await asyncio.gather(*(search.run(Sample(n=2)) for search in searches))
        assert second.bodies and first.bodies


async def test_a_run_outlives_a_server_that_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    server = Imitation()
    async with serving(server), opened(server) as engine:
        undisturbed = await new_search(engine, seed=1)
        await undisturbed.run(Beam(n=8, max_steps=5))
        searches = [await new_search(engine, seed=seed) for seed in range(4)]
        running = asyncio.gather(*(search.run(Beam(n=8, max_steps=5)) for search in searches))
        while len(searches[1].tree.nodes) < 9:
            await asyncio.sleep(0)
        # The server goes while it writes, and comes back at the same address.
        await server.stop()
        while not caplog.records:
            await asyncio.sleep(0)
        assert not running.done()
        async with serving(server):
            await running
        assert_billed(engine, undisturbed, *searches)
    assert searches[1].tree.digest() == undisturbed.tree.digest()
    assert "cannot be reached" in caplog.text


async def test_patience_ends_and_says_how_to_go_on(caplog: pytest.LogCaptureFixture) -> None:
    engine = OpenAI(url="http://127.0.0.1:9", patience=0.05)
    with pytest.raises(EngineDown, match=r"http://127\.0\.0\.1:9 cannot be reached.*engine\.patience.*same command"):
        await engine.open()
    assert sum("trying again for 0.05 s" in record.getMessage() for record in caplog.records) == 1
    await engine.close()
    with pytest.raises(EngineError, match="not open"):
        await engine.encode(MESSAGES)


async def test_a_server_that_accepts_no_connection_is_said_to_give_no_answer() -> None:
    with socket.socket() as listening, ExitStack() as queued:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(4):  # As many as the system keeps waiting, and more.
            waiting = queued.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        engine = OpenAI(url=f"http://127.0.0.1:{address[1]}", timeout=0.05, patience=0.05)
        with pytest.raises(EngineDown, match="cannot be reached: no answer"):
            await engine.open()
        await engine.close()


async def test_a_server_that_asks_for_more_patience_than_there_is_ends_the_run() -> None:
    async with serving(Imitation()) as server, opened(server, patience=0.0005) as engine:
        server.fault_rate, server.faults = 1.0, ("429",)
        with pytest.raises(EngineDown, match="answered 429: try again"):
            await engine.encode(MESSAGES)


async def test_the_judge_asks_servers_that_know_token_ids() -> None:
    for kind in ID_KINDS:
        async with serving(Imitation(kind)) as server, opened(server) as engine:
            judge = Judge(of="solution")
            await judge.open(engine)
            search = await new_search(engine, verifier=judge)
            await search.run(Sample(n=2))
            # The imitation holds the first option for e times as likely as the second.
            scores = [score for leaf in search.tree.leaves for score in search.tree.path(leaf).scores]
            assert scores == [pytest.approx(1 / (1 + math.exp(-1)))] * len(scores) != []
            assert judge.usage.scored_tokens > 0
            assert search.tree.cost.verifier.calls + search.tree.cost.engine.calls == engine.usage.calls
    async with serving(Imitation("chat")) as server, opened(server) as engine:
        with pytest.raises(UsageError, match=r"no token ids.*use vLLM, SGLang or llama\.cpp, or another verifier"):
            await Judge().open(engine)


@pytest.mark.parametrize(
    ("way", "echoes", "strips"), [("flag", False, True), ("prefix", True, False), ("last", False, False)]
)
async def test_text_mode_continues_replies_the_way_the_server_knows(way: str, echoes: bool, strips: bool) -> None:
    server = Imitation("chat", way=way, echoes=echoes, strips=strips, gather=2)
    async with serving(server), opened(server) as engine:
        assert engine.mode == "text" and await engine.encode(MESSAGES) == []
        search = await new_search(engine)
        (child, *_) = await search.expand([search.root], 3)
        for child in [child for child in search.tree.nodes[1:] if child.open][:1]:
            (grandchild,) = await search.expand([child], 1)
        *_, last = server.bodies[-1]["messages"]
        assert last["role"] == "assistant" and last["content"] == child.text
        assert child.text.endswith("\n\n") and child.text.count("\n\n") == 1
        assert not grandchild.text.startswith((child.text, "\n\n"))
        assert not child.ids and not grandchild.ids
        assert "continue_final_message" in server.bodies[-1] or way != "flag"


async def test_a_server_that_cannot_continue_writes_whole_solutions_only() -> None:
    async with serving(Imitation("chat", way=None)) as server, opened(server) as engine:
        search = await new_search(engine)
        await search.run(Sample(n=4))
        assert len(server.bodies) == 2 and server.bodies[-1]["n"] == 4
        assert len(search.tree.leaves) == 4
        assert_billed(engine, search)
        usage = search.tree.cost.engine
        assert (usage.prompt_tokens, usage.calls) == (50, 1)
        (child,) = [node for node in search.tree.nodes[1:] if node.open][:1]
        with pytest.raises(UsageError, match=r"only write whole ones; use a strategy that samples whole solutions"):
            await search.expand([child], 1)


async def test_text_mode_leaves_out_what_a_server_refuses() -> None:
    refuses = ("n", "seed", "stream_options", "max_tokens")
    async with serving(Imitation("chat", refuses=refuses)) as server, opened(server) as engine:
        search = await new_search(engine)
        await search.run(Sample(n=3))
        assert len(search.tree.leaves) == 3
        for body in server.bodies:
            assert not body.keys() & set(refuses) and body["max_completion_tokens"] in (8, 200)
        assert search.tree.cost.engine.generated_tokens > 0
        assert_billed(engine, search)


async def test_text_mode_counts_tokens_as_the_server_tells_them() -> None:
    async with serving(Imitation("chat", gather=5)) as server, opened(server) as engine:
        before = server.tokens_written
        search = await new_search(engine)
        await search.run(Sample(n=3))
        assert engine.usage.generated_tokens == server.tokens_written - before
        with pytest.raises(EngineError, match=r"no log-probabilities; set sampling\.logprobs to false"):
            again = await new_search(engine, logprobs=True)
            await again.run(Sample(n=1))


async def test_servers_of_two_kinds_do_not_mix() -> None:
    first, second = Imitation(), Imitation("chat")
    async with serving(first), serving(second):
        with pytest.raises(UsageError, match="mode; name servers of one kind"):
            async with opened(first, url=[first.url, second.url]):
                pass


async def test_an_address_with_the_apis_root_is_as_good() -> None:
    async with serving(Imitation()) as server, opened(server, url=f"{server.url}/v1/") as engine:
        assert engine.mode == "ids" and await engine.encode(MESSAGES)


def test_options_are_checked() -> None:
    made = make(OpenAI, {"url": ["http://a", "http://b"], "model": "m", "timeout": 5, "patience": 1}, "engine")
    assert made.parallel == 128
    for wrong, words in [
        ({"url": []}, "names no server"),
        ({"url": ["http://a", "http://a"]}, "twice"),
        ({"parallel": 0}, "parallel is 0"),
        ({"patience": -1.0}, r"patience is -1\.0"),
        ({"ulr": "http://a"}, "did you mean 'url'"),
    ]:
        with pytest.raises(RecipeError, match=words):
            make(OpenAI, wrong, "engine")


@pytest.mark.parametrize("url", ["localhost:8000", "http://", "ftp://a", "http://a:b"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        await OpenAI(url=url).open()
