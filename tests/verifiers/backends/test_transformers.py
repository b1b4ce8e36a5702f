from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs outthink[transformers]")
pytest.importorskip("transformers", reason="needs outthink[transformers]")

from outthink.cost import Usage  # noqa: E402
from outthink.errors import ModelNotFound, UsageError, VerifierError  # noqa: E402
from outthink.shape import Shape  # noqa: E402
from outthink.verifiers.backends.readers import Asked  # noqa: E402
from outthink.verifiers.backends.transformers import Transformers  # noqa: E402
from outthink.verifiers.heads import Head, Pair, Signs, Value  # noqa: E402
from rewards import TinyReward, mistral, qwen, reward_model  # noqa: E402

IDS = [5, 17, 203, 88, 41, 9, 77, 150, 12, 60, 3, 99]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyReward:
    return reward_model(tmp_path_factory.mktemp("value"), qwen(), head={"score.weight": (1, 16)})


@asynccontextmanager
async def opened(backend: Transformers, model: Path, head: Head | None = None) -> AsyncIterator[Transformers]:
    try:
        await backend.open(str(model), head or Value())
        yield backend
    finally:
        await backend.close()


def expected(tiny: TinyReward, ids: Sequence[int], positions: Sequence[int]) -> list[Any]:
    return [pytest.approx([tiny.linear(ids, "score")[at, 0].item()], abs=1e-4) for at in positions]


async def test_only_what_is_new_is_computed_and_counted(tiny: TinyReward) -> None:
    async with opened(Transformers(), tiny.folder) as backend:
        first = await backend.read(IDS[:6], [3, 5])
        assert first.rows == expected(tiny, IDS[:6], [3, 5])
        assert (first.usage.scored_tokens, first.usage.cached_tokens, first.usage.calls) == (6, 0, 1)
        # What comes after the last position is never looked at.
        second = await backend.read(IDS, [8])
        assert second.rows == expected(tiny, IDS, [8])
        assert (second.usage.scored_tokens, second.usage.cached_tokens) == (3, 6)
        # The state at a position that is asked for has to be computed, even if it was before.
        again = await backend.read(IDS, [4, 11])
        assert again.rows == expected(tiny, IDS, [4, 11])
        assert (again.usage.scored_tokens, again.usage.cached_tokens) == (8, 4)
        parameters = sum(each.numel() for name, each in tiny.model.named_parameters() if name != "lm_head.weight")
        assert again.usage.flops == 2 * parameters * 8 and again.usage.seconds > 0
        assert backend.shape is not None and backend.shape.parameters == backend.parameters == parameters
        assert backend.usage == sum((reading.usage for reading in (first, second, again)), Usage())


async def test_a_branch_shares_what_came_before_it(tiny: TinyReward) -> None:
    async with opened(Transformers(), tiny.folder) as backend:
        await backend.read(IDS, [11])
        branch = [*IDS[:7], 1, 2, 3]
        reading = await backend.read(branch, [9])
        assert reading.rows == expected(tiny, branch, [9])
        assert (reading.usage.scored_tokens, reading.usage.cached_tokens) == (3, 7)


async def test_a_full_cache_forgets_and_stays_right(tiny: TinyReward) -> None:
    async with opened(Transformers(cache_tokens=8), tiny.folder) as backend:
        for ids in (IDS, IDS[::-1], IDS):
            reading = await backend.read(ids, [11])
            assert reading.rows == expected(tiny, ids, [11]) and reading.usage.scored_tokens == 12


async def test_sequences_of_different_pasts_and_lengths_go_together(tiny: TinyReward) -> None:
    async with opened(Transformers(), tiny.folder) as backend:
        await backend.read(IDS[:7], [6])
        asked = [IDS, IDS[::-1], [*IDS[:3], 8], [4], IDS[2:9]]
        readings = await asyncio.gather(*(backend.read(ids, [len(ids) - 1]) for ids in asked))
        for ids, reading in zip(asked, readings, strict=True):
            assert reading.rows == expected(tiny, ids, [len(ids) - 1])
        assert [reading.usage.scored_tokens for reading in readings] == [5, 12, 1, 1, 7]


async def test_a_sliding_window_slides_over_what_is_cached(tmp_path: Path) -> None:
    tiny = reward_model(tmp_path, mistral(), body="mistral", head={"score.weight": (1, 16)}, sliding_window=4)
    from transformers import AutoModel

    model = AutoModel.from_pretrained(tmp_path, dtype="float32")
    whole = model(torch.tensor([IDS])).last_hidden_state[0, -1].detach() @ tiny.head["score.weight"].T
    assert whole.tolist() != expected(tiny, IDS, [11])[0], "the window is to make a difference"
    async with opened(Transformers(), tmp_path) as backend:
        await backend.read(IDS[:7], [6])
        reading, _ = await asyncio.gather(backend.read(IDS, [11]), backend.read(IDS[::-1], [9]))
        assert reading.rows == [pytest.approx(whole.tolist(), abs=1e-4)]


async def test_lower_precision_is_close(tiny: TinyReward) -> None:
    async with opened(Transformers(dtype="bfloat16"), tiny.folder) as backend:
        (row,) = (await backend.read(IDS, [11])).rows
        assert row == pytest.approx([tiny.linear(IDS, "score")[11, 0].item()], rel=0.2, abs=0.5)


async def test_what_cannot_be_read_is_refused_and_fails_nobody_else(tiny: TinyReward) -> None:
    async with opened(Transformers(), tiny.folder) as backend:
        long, alien, good, none = await asyncio.gather(
            backend.read([1] * 1025, [1024]),
            backend.read([1, 10**6], [1]),
            backend.read(IDS, [11]),
            backend.read(IDS, []),
            return_exceptions=True,
        )
        assert isinstance(long, VerifierError) and "lower sampling.max_tokens" in str(long)
        assert isinstance(alien, VerifierError) and "another model's" in str(alien)
        assert not isinstance(good, BaseException) and good.rows == expected(tiny, IDS, [11])
        assert not isinstance(none, BaseException) and none.rows == [] and none.usage == Usage()


async def test_it_is_opened_before_it_is_read(tiny: TinyReward) -> None:
    with pytest.raises(UsageError, match="not open"):
        await Transformers().read(IDS, [1])
    await Transformers().close()


async def test_a_chat_ends_where_the_reply_begins_or_ends(tiny: TinyReward) -> None:
    async with opened(Transformers(), tiny.folder) as backend:
        asked = [{"role": "user", "content": "Hi"}]
        begun = await backend.encode(asked)
        assert tiny.tokenizer.decode(begun).endswith("<|im_start|>assistant\n")
        ended = await backend.encode([*asked, {"role": "assistant", "content": "Yes"}])
        assert tiny.tokenizer.decode(ended).endswith("<|im_start|>assistant\nYes<|im_end|>\n")


async def test_a_model_without_a_chat_template_says_so(tmp_path: Path) -> None:
    reward_model(tmp_path, qwen(None), head={"score.weight": (1, 16)})
    async with opened(Transformers(), tmp_path) as backend:
        with pytest.raises(UsageError, match="no chat template"):
            await backend.encode([{"role": "user", "content": "Hi"}])


async def test_missing_weights_are_not_made_up(tmp_path: Path, tiny: TinyReward) -> None:
    from safetensors.torch import load_file, save_file

    for file in tiny.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ModelNotFound, match="lacks weights"):
        async with opened(Transformers(), tmp_path):
            pass


async def test_a_head_that_is_not_there(tiny: TinyReward) -> None:
    with pytest.raises(ModelNotFound, match="does not hold"):
        async with opened(Transformers(), tiny.folder, Pair(good=10**6, bad=0)):
            pass


@pytest.mark.parametrize(("tokenizer", "body", "tokens"), [(qwen, "qwen2", [10, 12]), (mistral, "mistral", [648, 387])])
async def test_signs_are_the_tokens_of_whatever_tokenizer_there_is(
    tmp_path: Path, tokenizer: Any, body: str, tokens: list[int]
) -> None:
    tiny = reward_model(tmp_path, tokenizer(), body=body)
    async with opened(Transformers(), tmp_path, Signs()) as backend:
        reading = await backend.read(IDS, [11])
    assert reading.rows[0] == pytest.approx(tiny.logits(IDS, tokens)[11].tolist(), abs=1e-4)
    with pytest.raises(UsageError, match="exactly one token"):
        async with opened(Transformers(), tmp_path, Signs(good="good!")):
            pass


@pytest.mark.parametrize("option", ["batch_tokens", "cache_tokens"])
def test_sizes_are_checked(option: str) -> None:
    with pytest.raises(UsageError, match=f"{option} is 0"):
        Transformers(**{option: 0})


class Recording:
    """A reader that says how long each sequence is, and remembers its batches; told to, it waits or fails."""

    class Body:
        context, vocabulary, shape = 1000, 1000, Shape(parameters=1)

    bodies: Sequence[Any] = (Body(),)

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.seen: set[tuple[int, ...]] = set()
        self.at_work = threading.Event()
        self.may_go = threading.Event()
        self.may_go.set()

    def known(self, asked: Asked) -> int:
        ids, positions = asked
        return max((end for end in range(positions[0] + 1) if tuple(ids[:end]) in self.seen), default=0)

    def read(self, batch: Sequence[Asked]) -> list[tuple[list[list[float]], int]]:
        self.at_work.set()
        self.may_go.wait()
        self.batches.append([len(ids) for ids, _ in batch])
        if any(ids[-1] == 13 for ids, _ in batch):
            raise RuntimeError("out of memory")
        answers = [([[float(len(ids))]] * len(positions), self.known((ids, positions))) for ids, positions in batch]
        self.seen |= {tuple(ids[:end]) for ids, _ in batch for end in range(1, len(ids) + 1)}
        return answers


class Fake(Transformers):
    """The backend without a model."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.recording = Recording()

    def _find(self, model: str) -> Any:
        return Path(model), None

    def _load(self, folder: Path, head: Head) -> Any:
        return self.recording


async def test_what_arrives_together_is_batched_by_length() -> None:
    async with opened(Fake(batch_tokens=12), Path()) as backend:
        lengths = [2, 7, 3, 6, 2]
        readings = await asyncio.gather(*(backend.read(range(n * 10, n * 11), [n - 1]) for n in lengths))
        assert [reading.rows for reading in readings] == [[[float(n)]] for n in lengths]
        assert backend.recording.batches == [[2, 2, 3], [6], [7]]


async def test_what_arrives_while_a_batch_is_computed_is_the_next_one() -> None:
    async with opened(Fake(), Path()) as backend:
        backend.recording.may_go.clear()
        first = asyncio.create_task(backend.read([1, 2], [1]))
        await asyncio.to_thread(backend.recording.at_work.wait)
        later = [asyncio.create_task(backend.read([n, n + 1, n + 2], [2])) for n in (20, 30)]
        await asyncio.sleep(0)
        backend.recording.may_go.set()
        await asyncio.gather(first, *later)
        assert backend.recording.batches == [[2], [3, 3]]


async def test_sequences_that_share_much_that_is_new_wait_for_the_first() -> None:
    async with opened(Fake(), Path()) as backend:
        shared = list(range(100, 150))
        readings = await asyncio.gather(*(backend.read([*shared, n], [50]) for n in range(4)))
        assert backend.recording.batches == [[51], [51, 51, 51]]
        assert [reading.usage.scored_tokens for reading in readings] == [51, 1, 1, 1]


async def test_one_that_fails_does_not_fail_the_others() -> None:
    async with opened(Fake(), Path()) as backend:
        good, bad, other = await asyncio.gather(
            backend.read([1, 2], [1]), backend.read([1, 13], [1]), backend.read([3, 4], [1]), return_exceptions=True
        )
        assert isinstance(bad, VerifierError) and "out of memory" in str(bad)
        assert not isinstance(good, BaseException) and not isinstance(other, BaseException)


async def test_one_that_is_given_up_does_not_break_its_batch() -> None:
    async with opened(Fake(), Path()) as backend:
        tasks = [asyncio.create_task(backend.read([n, n + 1], [1])) for n in (10, 20, 30)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [task.cancelled() for task in tasks] == [False, True, False]
        assert backend.recording.batches == [[2, 2]]


async def test_one_that_is_given_up_while_it_is_computed_is_counted() -> None:
    async with opened(Fake(), Path()) as backend:
        backend.recording.may_go.clear()
        task = asyncio.create_task(backend.read([1, 2], [1]))
        await asyncio.to_thread(backend.recording.at_work.wait)
        task.cancel()
        backend.recording.may_go.set()
        await asyncio.gather(task, return_exceptions=True)
        await backend.close()
        assert backend.usage.scored_tokens == 2


async def test_closing_leaves_nobody_waiting() -> None:
    backend = Fake()
    await backend.open("", Value())
    task = asyncio.create_task(backend.read([1, 2], [1]))
    await asyncio.sleep(0)
    await backend.close()
    with pytest.raises(VerifierError, match="closed"):
        await task
    await backend.close()


async def test_a_token_that_two_models_read_is_on_the_bill_of_two_calls() -> None:
    """So that a bill's tokens divided by its calls are the tokens of a sequence."""
    async with opened(Fake(), Path()) as backend:
        backend.recording.bodies = (Recording.Body(), Recording.Body())
        reading = await backend.read([1, 2, 3], [2])
        assert (reading.usage.scored_tokens, reading.usage.calls) == (6, 2)
        assert (backend.parameters, backend.shape) == (2, Shape(parameters=1))


@pytest.mark.parametrize(("capability", "dtype"), [("AVX2", "float32"), ("AVX512", "bfloat16")])
async def test_left_to_itself_it_computes_in_numbers_that_the_cpu_has_kernels_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capability: str, dtype: str
) -> None:
    reward_model(tmp_path, mistral(), body="mistral", head={"score.weight": (1, 16)}, dtype="bfloat16")
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: capability)
    async with opened(Transformers(device="cpu"), tmp_path) as backend:
        await backend.read(IDS, [11])
        assert isinstance(backend, Transformers) and backend._reader is not None
        assert {weight.dtype for weight in backend._reader.bodies[0]._model.parameters()} == {getattr(torch, dtype)}
