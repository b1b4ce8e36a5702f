"""The HTTP engine on llama.cpp's own server."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from running import Running, llamacpp, opened

from outthink.budget import Budget
from outthink.cost import Usage
from outthink.engines import Sampling
from outthink.engines.http import Http
from outthink.engines.openai import OpenAI
from outthink.engines.servers.text import TextServer
from outthink.errors import ContextTooSmall, ModelNotFound
from outthink.problems import Problem
from outthink.search import Search
from outthink.solver import Solver
from outthink.strategies.beam import Beam
from outthink.strategies.sample import Sample
from outthink.tree import Tree
from outthink.verifiers import Verifier
from outthink.verifiers.judge import Judge
from outthink.verifiers.rules import Rules

pytestmark = pytest.mark.model

QUESTION = "Mia has 14 apples. She buys 23 more and gives 9 to Tom. How many apples does she have?"
MESSAGES = [{"role": "user", "content": QUESTION}]


@pytest.fixture(scope="module")
def server(default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = llamacpp(default_model, tmp_path_factory.mktemp("llamacpp") / "log")
    running.start()
    try:
        running.wait(60)
        yield running
    finally:
        running.kill()


async def new_search(engine: OpenAI, *, seed: int = 0, verifier: Verifier | None = None, **sampling: Any) -> Search:
    return Search(
        Tree.plant(QUESTION, MESSAGES, await engine.encode(MESSAGES), seed),
        engine=engine,
        verifier=verifier or Rules(),
        sampling=Sampling(**{"max_step_tokens": 40, "max_tokens": 120, **sampling}),
        separator="\n\n",
        budget=Budget(),
        aggregate="min",
    )


async def text_of(engine: OpenAI, ids: list[int]) -> str:
    assert engine._fleet is not None
    return str((await engine._fleet.endpoints[0].http.post("/detokenize", {"tokens": ids}))["content"])


def assert_billed(engine: OpenAI, *searches: Search) -> None:
    total = sum((search.tree.cost.engine for search in searches), Usage())
    assert replace(total, seconds=0.0) == replace(engine.usage, seconds=0.0)


async def test_it_is_recognised_with_its_slots_and_its_context(server: Running) -> None:
    async with opened(server) as engine:
        assert (engine.mode, engine.parallel, engine.room) == ("ids", 4, 4 * 512)


async def test_paths_are_continued_by_their_ids(server: Running, sent: list[dict[str, Any]]) -> None:
    async with opened(server) as engine:
        search = await new_search(engine)
        await search.run(Beam(n=4, width=2, max_steps=4))
        tree = search.tree
        parents = {node.parent for node in tree.nodes[1:]}
        paths = {tuple(tree.path(tree.nodes[parent]).ids) for parent in parents}
        assert {tuple(body["prompt"]) for body in sent} <= paths
        assert max(node.depth for node in tree.nodes) > 1
        for node in tree.nodes[1:]:
            assert (await text_of(engine, node.ids.tolist())).replace("<|im_end|>", "") == node.text
        assert_billed(engine, search)


async def test_continuing_by_ids_writes_what_writing_in_one_go_does(server: Running) -> None:
    async with opened(server) as engine:
        whole = await new_search(engine)
        (leaf,) = await whole.complete([whole.root], 1, temperature=0.0)
        stepwise = await new_search(engine)
        (node,) = await stepwise.expand([stepwise.root], 1, temperature=0.0)
        while node.open:
            (node,) = await stepwise.expand([node], 1, temperature=0.0)
            usage = node.cost.engine
            assert usage.cached_tokens >= usage.prompt_tokens + usage.cached_tokens - 4
        assert stepwise.tree.path(node).ids == whole.tree.path(leaf).ids


async def test_siblings_share_a_request_and_its_prompt(server: Running, sent: list[dict[str, Any]]) -> None:
    async with opened(server) as engine:
        search = await new_search(engine, temperature=1.5)
        children = await search.expand([search.root], 10)
        assert len(children) == 10 and len({child.ids.tobytes() for child in children}) > 5
        assert [body["n"] for body in sent] == [4, 4, 2]
        usage = search.tree.cost.engine
        assert usage.prompt_tokens + usage.cached_tokens == 10 * len(search.root.ids)
        assert_billed(engine, search)


async def test_ids_inside_a_character_are_found_again(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    events = Http.events

    def with_grammar(self: Http, path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        return events(self, path, {**body, "grammar": 'root ::= "so 😀🎉.\\n\\n" "ok"'})

    monkeypatch.setattr(Http, "events", with_grammar)
    async with opened(server) as engine:
        search = await new_search(engine)
        (leaf,) = await search.complete([search.root], 1, temperature=0.0)
        first, *_ = search.tree.path(leaf).nodes
        assert first.text == "so 😀🎉.\n\n"
        assert await text_of(engine, first.ids.tolist()) == first.text
        assert first.cost.engine.generated_tokens == len(first.ids)


async def test_a_full_context_is_reported_as_such(server: Running) -> None:
    async with opened(server) as engine:
        search = await new_search(engine)
        search.tree.root.ids[:0] = type(search.tree.root.ids)("i", [5] * (508 - len(search.tree.root.ids)))
        (child,) = await search.complete([search.root], 1, temperature=0.0)
        assert child.finish == "context"
        search.tree.root.ids.extend([5] * 92)
        with pytest.raises(ContextTooSmall, match=r"\(600 tokens\) exceeds the available context size \(512 tokens\)"):
            await search.expand([search.root], 1)
        with pytest.raises(ContextTooSmall, match="holds 512"):
            await engine.encode([{"role": "user", "content": "many words " * 600}])


async def test_a_wrong_model_is_named_with_the_one_there_is(server: Running) -> None:
    with pytest.raises(ModelNotFound, match=r"does not serve 'other'.*it serves .*\.gguf"):
        async with opened(server, model="other"):
            pass


async def test_cancelling_frees_the_slots_and_loses_no_cost(server: Running) -> None:
    async with opened(server) as engine:
        search = await new_search(engine, max_tokens=400, max_step_tokens=400)
        writing = asyncio.create_task(search.complete([search.root], 8, temperature=2.0))
        await asyncio.sleep(0.5)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert_billed(engine, search)
        async with asyncio.timeout(20):
            again = await new_search(engine)
            await again.expand([again.root], 4)


async def test_the_judge_asks_the_server(server: Running) -> None:
    async with opened(server) as engine:
        judge = Judge()
        await judge.open(engine)
        search = await new_search(engine, verifier=judge)
        await search.run(Sample(n=2))
        scores = [score for leaf in search.tree.leaves for score in search.tree.path(leaf).scores]
        assert scores and all(0 < score < 1 for score in scores)
        assert search.tree.cost.verifier == judge.usage


async def test_as_any_other_server_it_continues_text(server: Running) -> None:
    """What text mode makes of a server that could do more."""
    http = Http(server.url, key=None, key_variable="", timeout=60.0)
    try:
        (entry,) = (await http.get("/v1/models"))["data"]
        found = await TextServer.probe(http, entry["id"])
        assert found.about.startswith("/v1/chat/completions")
        assert found._way is not None and "n" in found._wishes
    finally:
        await http.close()


async def test_a_run_outlives_a_server_that_is_killed_and_started_again(server: Running) -> None:
    engine = OpenAI(url=server.url, patience=120.0)
    async with Solver(engine=engine, verifier=Rules(), sampling=Sampling(max_step_tokens=40, max_tokens=80)) as solver:
        problems = [Problem(question=f"{QUESTION} And {number} more?") for number in range(4)]
        strategies = [Beam(n=4, width=2, max_steps=4), Sample(n=4)] * 2
        running = asyncio.gather(
            *(
                solver.search(problem, strategy, aggregate=None, budget=None, seed=0, scored=strategy.ranks, priority=0)
                for problem, strategy in zip(problems, strategies, strict=True)
            )
        )
        while not engine.usage.generated_tokens:
            await asyncio.sleep(0.01)
        server.kill()
        await asyncio.sleep(1.0)
        assert not running.done()
        server.start()
        attempts = await running
    assert [attempt.error for attempt in attempts] == [None] * 4
    for attempt in attempts:
        assert len(attempt.tree.leaves) <= 4
        for parent, children in attempt.tree.offspring().items():
            assert [child.ordinal for child in children] == list(range(attempt.tree.nodes[parent].children))
    total = sum((attempt.tree.cost.engine for attempt in attempts), Usage())
    assert replace(total, seconds=0.0) == replace(engine.usage, seconds=0.0)
