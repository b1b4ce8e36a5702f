"""The embedded engine on its real model."""

import asyncio
import re
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from outthink.budget import Budget
from outthink.engines import Sampling, llamacpp
from outthink.engines.llamacpp import LlamaCpp
from outthink.errors import ContextTooSmall, EngineError, ModelNotFound
from outthink.models import DEFAULT_MODEL
from outthink.search import Search
from outthink.shape import Shape
from outthink.strategies.beam import Beam
from outthink.strategies.sample import Sample
from outthink.tree import Tree
from outthink.verifiers import Verifier
from outthink.verifiers.generative import Generative
from outthink.verifiers.judge import Judge
from outthink.verifiers.rules import Rules

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

QUESTION = "Mia has 14 apples. She buys 23 more and gives 9 to Tom. How many apples does she have?"
SYSTEM = 'Solve the problem step by step, with a blank line between steps. End with "The answer is ...".'
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine(default_model: Path) -> AsyncIterator[LlamaCpp]:
    engine = LlamaCpp(context=512, parallel=4)
    await engine.open()
    yield engine
    await engine.close()


async def new_search(
    engine: LlamaCpp,
    *,
    budget: Budget | None = None,
    seed: int = 0,
    verifier: Verifier | None = None,
    **sampling: object,
) -> Search:
    return Search(
        Tree.plant(QUESTION, MESSAGES, await engine.encode(MESSAGES), seed),
        engine=engine,
        verifier=verifier or Rules(),
        sampling=Sampling(**{"max_step_tokens": 40, "max_tokens": 160, **sampling}),  # type: ignore[arg-type]
        separator="\n\n",
        budget=budget or Budget(),
        aggregate="min",
    )


async def test_the_engine_knows_its_models_shape(engine: LlamaCpp) -> None:
    # 30 layers of 9 heads of size 64, which share 3 heads for keys and values.
    assert engine.shape == Shape(parameters=engine.parameters, layers=30, width=9 * 64, kv_width=2 * 3 * 64)
    assert engine.parameters == 134_515_008


async def detokenise(engine: LlamaCpp, ids: list[int]) -> str:
    return str((await engine._post("/detokenize", {"tokens": ids}))["content"])


async def test_the_prompt_is_the_chat_in_the_models_own_template(engine: LlamaCpp) -> None:
    ids = await engine.encode(MESSAGES)
    assert await detokenise(engine, ids) == (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )


async def test_ids_and_text_say_the_same_and_steps_end_at_separators(engine: LlamaCpp) -> None:
    search = await new_search(engine)
    await search.run(Sample(n=6))
    assert len(search.tree.leaves) >= 1
    for node in search.tree.nodes[1:]:
        written = (await detokenise(engine, node.ids.tolist())).replace("<|im_end|>", "")
        assert written == node.text
        assert node.text.endswith("\n\n") or not node.open


async def test_continuing_by_ids_writes_what_writing_in_one_go_does(engine: LlamaCpp) -> None:
    """At temperature 0, step after step gives the ids of the whole solution, with the parent's prefix in the cache."""
    whole = await new_search(engine)
    (leaf,) = await whole.complete([whole.root], 1, temperature=0.0)
    stepwise = await new_search(engine)
    (node,) = await stepwise.expand([stepwise.root], 1, temperature=0.0)
    while node.open:
        (node,) = await stepwise.expand([node], 1, temperature=0.0)
        # All but the last few tokens of the path are in the slot that wrote the parent.
        usage = node.cost.engine
        assert usage.cached_tokens >= usage.prompt_tokens + usage.cached_tokens - 4
    assert stepwise.tree.path(node).ids == whole.tree.path(leaf).ids


async def test_siblings_compute_their_common_prompt_once(engine: LlamaCpp) -> None:
    other = [{"role": "user", "content": "Which prime numbers lie between twenty and sixty? " * 3}]
    ids = await engine.encode(other)
    search = await new_search(engine)
    search.tree.root.ids[:] = search.tree.root.ids[:0]
    search.tree.root.ids.extend(ids)
    await search.expand([search.root], 4)
    usage = search.tree.cost.engine
    assert usage.prompt_tokens + usage.cached_tokens == 4 * len(ids)
    assert usage.prompt_tokens <= len(ids) + 3


async def test_more_siblings_than_slots_are_written_all_the_same_and_differ(engine: LlamaCpp) -> None:
    search = await new_search(engine, temperature=1.5)
    children = await search.expand([search.root], 10)
    assert len(children) == 10
    assert len({child.ids.tobytes() for child in children}) > 1


async def test_the_same_seed_writes_the_same_in_one_slot(default_model: Path) -> None:
    one = LlamaCpp(context=512, parallel=1)
    await one.open()
    try:
        digests = []
        for seed in (1, 1, 2):
            search = await new_search(one, seed=seed)
            await search.run(Sample(n=2))
            digests.append(search.tree.digest())
    finally:
        await one.close()
    assert digests[0] == digests[1] != digests[2]


async def test_log_probabilities_are_summed_over_the_step(engine: LlamaCpp) -> None:
    search = await new_search(engine, logprobs=True)
    (greedy,) = await search.expand([search.root], 1, temperature=0.0)
    children = await search.expand([search.root], 3)
    for child in [greedy, *children]:
        assert child.logprob is not None and -100 < child.logprob < 0


async def test_every_token_has_a_confidence_and_top_logprobs_change_nothing_else(engine: LlamaCpp) -> None:
    written = []
    for top in (0, 5):
        search = await new_search(engine, top_logprobs=top)
        (tip,) = await search.complete([search.root], 1, temperature=0.0)
        written.append(search.tree.path(tip))
    plain, told = written
    assert told.ids == plain.ids and plain.confidences == []
    assert len(told.confidences) == sum(len(node.ids) for node in told.nodes)
    assert all(0 < confidence < 100 for confidence in told.confidences)


async def test_caps_hold(engine: LlamaCpp) -> None:
    search = await new_search(engine, max_step_tokens=3, max_tokens=5)
    (child,) = await search.expand([search.root], 1)
    assert (len(child.ids), child.finish) == (3, "length")
    leaves = await search.complete([search.root], 4)
    assert all(len(leaf.ids) == 3 and leaf.finish == "length" for leaf in leaves)


async def test_a_full_context_is_reported_as_such(engine: LlamaCpp) -> None:
    search = await new_search(engine)
    # Padded in front: behind the question, the model has a calculation to write that does not fit.
    search.tree.root.ids[:0] = array("i", [5] * (508 - len(search.tree.root.ids)))
    (child,) = await search.complete([search.root], 1, temperature=0.0)
    assert child.finish == "context"
    search.tree.root.ids.extend([5] * 92)
    with pytest.raises(ContextTooSmall, match=r"600 tokens and a slot holds 512; raise engine\.context"):
        await search.expand([search.root], 1)


async def test_a_prompt_longer_than_the_context_is_refused(engine: LlamaCpp) -> None:
    with pytest.raises(ContextTooSmall, match="context holds 512"):
        await engine.encode([{"role": "user", "content": "many words " * 600}])


async def test_cancelling_frees_the_slots_at_once_and_loses_no_cost(engine: LlamaCpp) -> None:
    search = await new_search(engine, max_tokens=400, max_step_tokens=400)
    before = engine.usage.generated_tokens
    writing = asyncio.create_task(search.complete([search.root], 8, temperature=2.0))
    await asyncio.sleep(0.3)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert engine.usage.generated_tokens - before == search.tree.cost.engine.generated_tokens
    async with asyncio.timeout(20):
        again = await new_search(engine)
        await again.expand([again.root], 4)


async def test_the_trees_cost_is_the_engines_own_count_to_the_token(engine: LlamaCpp) -> None:
    before = engine.usage
    searches = [await new_search(engine, seed=seed) for seed in range(3)]
    await asyncio.gather(*(search.run(Beam(n=4, width=2)) for search in searches))
    cost = sum((search.tree.cost.engine for search in searches), before)
    assert cost.generated_tokens == engine.usage.generated_tokens
    assert cost.prompt_tokens == engine.usage.prompt_tokens
    assert cost.cached_tokens == engine.usage.cached_tokens
    assert cost.calls == engine.usage.calls


async def test_choosing_gives_probabilities_that_add_up(engine: LlamaCpp) -> None:
    ids = await engine.encode([{"role": "user", "content": "Is 2 + 2 = 4? Yes or No?"}])
    options = [(await engine.tokenize(word))[0] for word in ("Yes", "No")]
    (logprobs,), usage = await engine.choose(ids, [len(ids) - 1], options)
    assert sum(2.718281828**logprob for logprob in logprobs) == pytest.approx(1.0, abs=1e-3)
    assert all(-20 < logprob < 0 for logprob in logprobs)
    assert usage.calls == 1 and usage.scored_tokens > 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process's memory there")
async def test_what_slots_held_before_is_kept_within_bounds(
    default_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10 prompts of 450 tokens, at 23 KB a token, are 100 MiB; llama.cpp would go on to 8 GiB."""

    def mebibytes() -> int:
        said = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert said is not None
        return int(said[1]) // 1024

    monkeypatch.setattr(llamacpp, "_REMEMBERED", 24)
    engine = LlamaCpp(context=512, parallel=2)
    await engine.open()
    try:
        opened = mebibytes()
        for seed in range(10):
            await engine.choose(Random(seed).choices(range(1000, 40000), k=450), [449], [1000, 1001])
        assert mebibytes() - opened < 70
    finally:
        await engine.close()


async def test_the_judge_scores_steps_with_the_engine_itself(engine: LlamaCpp) -> None:
    for of in ("step", "solution"):
        judge = Judge(of=of)  # type: ignore[arg-type]
        await judge.open(engine)
        search = await new_search(engine, verifier=judge)
        await search.run(Sample(n=2))
        for leaf in search.tree.leaves:
            assert all(0 < score < 1 for score in search.tree.path(leaf).scores)
        assert search.tree.cost.verifier == judge.usage
        assert judge.usage.scored_tokens > 0


@pytest.mark.parametrize(
    ("options", "critiques"),
    [
        ({"format": "genrm", "k": 2}, 2),
        ({"format": "thinkprm"}, 1),
        ({"format": "genprm"}, 2),
        ({"format": "genprm", "sandbox": {"trusted": True}}, 2),
    ],
    ids=["genrm", "thinkprm", "genprm", "genprm with programs"],
)
async def test_critiques_are_written_and_read(engine: LlamaCpp, options: dict[str, Any], critiques: int) -> None:
    critic = Generative(max_tokens=60, **options)
    await critic.open(engine)
    tree = Tree.written(QUESTION, ("14 + 23 = 37", "37 - 9 = 28. The answer is 28."), "\n\n")
    scores = await critic.score(tree.path(tree.nodes[-1]))
    assert len(scores.values) == 2 and all(0 < score < 1 for score in scores.values)
    assert scores.usage == critic.usage
    # Each is written, then its verdict is read; a check goes on with what is left of the cap.
    assert 0 < scores.usage.generated_tokens <= 60 * critiques
    assert scores.usage.calls >= 2 * critiques


async def test_the_adapter_changes_what_is_written(engine: LlamaCpp, default_model: Path) -> None:
    bare = LlamaCpp(model="smollm2-135m", context=512, parallel=1)
    await bare.open()
    try:
        texts = []
        for each in (engine, bare):
            search = await new_search(each)
            (leaf,) = await search.complete([search.root], 1, temperature=0.0)
            texts.append(search.tree.path(leaf).text)
    finally:
        await bare.close()
    calculation = re.compile(r"\d+ [-+*/] \d+ = \d+\n\n")
    assert calculation.match(texts[0])
    assert not calculation.match(texts[1])


async def test_a_closed_engine_says_so(default_model: Path) -> None:
    closed = LlamaCpp(model=str(default_model))
    with pytest.raises(EngineError, match="not open"):
        await closed.encode(MESSAGES)


@pytest.mark.parametrize("content", [b"GGUF" + b"\0" * 64, b"GGUF"])
async def test_a_broken_file_is_refused_and_takes_nobody_down(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelNotFound, match=r"could not load .*broken\.gguf"):
        await LlamaCpp(model=str(path)).open()


async def test_a_truncated_file_is_refused(tmp_path: Path, default_model: Path) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes(default_model.read_bytes()[:50_000_000])
    with pytest.raises(ModelNotFound, match="could not load"):
        await LlamaCpp(model=str(path)).open()


async def test_an_adapter_that_is_none_is_refused(tmp_path: Path, default_model: Path) -> None:
    with pytest.raises(ModelNotFound, match="could not load"):
        await LlamaCpp(model=DEFAULT_MODEL, adapter=str(default_model)).open()
