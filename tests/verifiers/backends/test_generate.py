import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest

from outthink.concurrency import gather
from outthink.cost import Usage
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import ContextTooSmall, EngineError, RecipeError, UsageError, VerifierError
from outthink.registry import make_backend, make_verifier
from outthink.tree import Message
from outthink.verifiers.backends import generate
from outthink.verifiers.backends.generate import Generate
from outthink.verifiers.heads import Pair, Signs, Value
from outthink.verifiers.prm import Prm
from rewards import grow

GOOD, BAD = 10, 12


class Chooser(ScriptedEngine):
    """Finds the good token likelier the more ids there are; its tokens are characters."""

    opened = closed = 0

    def __init__(self, *, model: str = "", limit: int = 10**9) -> None:
        super().__init__()
        self.model = model
        self.limit = limit

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    async def tokenize(self, text: str) -> list[int]:
        return [{"+": GOOD, "-": BAD}.get(text) or ord(letter) for letter in text]

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        return list(map(ord, "".join(f"[{each['role']}]{each['content']}" for each in messages) + "[assistant]"))

    async def choose(
        self, ids: Sequence[int], positions: Sequence[int], options: Sequence[int]
    ) -> tuple[list[list[float]], Usage]:
        assert list(options) == [GOOD, BAD]
        if len(ids) > self.limit:
            raise ContextTooSmall("the path has too many tokens")
        if ids[-1] == 0:
            raise EngineError("it broke")
        good = [1 - 1 / (at + 1) for at in positions]
        usage = Usage(scored_tokens=positions[-1] + 1, calls=len(positions))
        return [[math.log(each), math.log(1 - each)] for each in good], usage


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Chooser]:
    """The engines that the backend made."""
    engines: list[Chooser] = []

    def make(spec: dict[str, object], where: str) -> Chooser:
        engines.append(Chooser(**{name: value for name, value in spec.items() if name != "kind"}))  # type: ignore[arg-type]
        return engines[-1]

    monkeypatch.setattr(generate, "make_engine", make)
    return engines


async def test_one_choice_for_each_position(made: list[Chooser]) -> None:
    backend = Generate(engine="llamacpp")
    await backend.open("model.gguf", Pair(good=GOOD, bad=BAD))
    (engine,) = made
    assert engine.model == "model.gguf" and engine.opened == 1
    reading = await backend.read([1] * 10, [3, 9])
    assert [Pair(good=GOOD, bad=BAD).score(row) for row in reading.rows] == pytest.approx([0.75, 0.9])
    assert reading.usage == backend.usage == Usage(scored_tokens=10, calls=2)
    await backend.close()
    await backend.close()
    assert engine.closed == 1


async def test_a_family_of_token_pairs_scores_steps_through_it(made: list[Chooser]) -> None:
    prm = Prm(model="rlhflow.gguf", family="rlhflow", backend={"kind": "generate", "engine": "llamacpp"})
    await prm.open(ScriptedEngine())
    tree = grow("Q", ["A\n\n", "B"])
    scores = await prm.score(tree.path(tree.nodes[-1]))
    ends = [len("[user]Q A[assistant]"), len("[user]Q A[assistant]+[user]B[assistant]")]
    assert scores.values == pytest.approx([1 - 1 / end for end in ends])
    assert scores.usage == prm.usage == Usage(scored_tokens=ends[-1], calls=2)


async def test_signs_are_found_by_the_engines_tokenizer(made: list[Chooser]) -> None:
    backend = Generate(engine="llamacpp")
    await backend.open("model.gguf", Signs())
    reading = await backend.read([1] * 4, [3])
    assert Signs().score(reading.rows[0]) == pytest.approx(0.75)
    with pytest.raises(UsageError, match="exactly one token"):
        await backend.open("model.gguf", Signs(good="good"))


async def test_a_local_model_of_signs_needs_no_checkpoint(made: list[Chooser]) -> None:
    prm = Prm(model="mine.gguf", family="plus-minus", backend={"kind": "generate", "engine": "llamacpp"})
    await prm.open(ScriptedEngine())
    tree = grow("Q", ["A\n\n", " B "])
    scores = await prm.score(tree.path(tree.nodes[-1]))
    asked = len("[user]Q[assistant]")
    ends = [asked + len("A\n\n"), asked + len("A\n\nB\n\n")]
    assert scores.values == pytest.approx([1 - 1 / end for end in ends])


async def test_its_engines_errors_are_the_verifiers(made: list[Chooser]) -> None:
    backend = Generate(engine={"kind": "llamacpp", "limit": 5})
    await backend.open("model.gguf", Pair(good=GOOD, bad=BAD))
    with pytest.raises(VerifierError, match=r"sampling\.max_tokens"):
        await backend.read([1] * 10, [9])
    with pytest.raises(VerifierError, match="it broke"):
        await backend.read([1, 0], [1])
    assert backend.usage == Usage()


async def test_what_it_cannot_read_is_refused(made: list[Chooser], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="use the backend vllm or transformers"):
        await Generate(engine="llamacpp").open("model", Value())
    with pytest.raises(UsageError, match="leave `model` out"):
        Generate(engine={"kind": "llamacpp", "model": "another"})
    with pytest.raises(UsageError, match="not open"):
        await Generate(engine="llamacpp").read([1], [0])
    monkeypatch.setattr(generate, "make_engine", lambda spec, where: ScriptedEngine())
    with pytest.raises(UsageError, match="tells no log-probabilities"):
        await Generate(engine="scripted").open("model", Pair(good=GOOD, bad=BAD))


def test_it_is_made_by_name() -> None:
    assert isinstance(make_backend({"kind": "generate", "engine": "llamacpp"}), Generate)
    with pytest.raises(RecipeError, match=r"verifier\.backend"):
        make_backend("generate")


@pytest.mark.model
async def test_on_llamacpp_a_choice_is_a_distribution_and_prefixes_are_cached(default_model: Path) -> None:
    backend = Generate(engine={"kind": "llamacpp", "parallel": 1})
    try:
        await backend.open(str(default_model), Pair(good=1000, bad=2000))
        ids = await backend.tokenize("Mia has 14 apples. She buys 23 more. So she has 14 + 23 = 37 apples.")
        first = await backend.read(ids, [5, len(ids) - 1])
        assert [sum(map(math.exp, row)) for row in first.rows] == pytest.approx([1.0, 1.0], abs=1e-3)
        again = await backend.read(ids, [len(ids) - 1])
        assert again.rows[0] == pytest.approx(first.rows[1], abs=0.05)
        assert again.usage.cached_tokens > 0
        assert again.usage.scored_tokens + again.usage.cached_tokens == len(ids)
    finally:
        await backend.close()


@pytest.mark.model
async def test_on_llamacpp_positions_of_one_sequence_cost_little_more_than_its_length(default_model: Path) -> None:
    backend = Generate(engine={"kind": "llamacpp", "context": 512})
    try:
        await backend.open(str(default_model), Signs())
        step = "Mia has 14 apples. She buys 23 more. So she has 14 + 23 = 37 apples.\n\n"
        ids = await backend.tokenize(step * 6)
        ends = [len(ids) * share // 6 - 1 for share in range(1, 7)]
        reading = await backend.read(ids, ends)
        # All at once, the six would compute 21 sixths of it.
        assert len(ids) <= reading.usage.scored_tokens <= len(ids) + 2 * len(ends)
        assert reading.usage.calls == len(ends)
    finally:
        await backend.close()


@pytest.mark.model
async def test_on_llamacpp_paths_that_come_together_cost_what_they_share_once(default_model: Path) -> None:
    backend = Generate(engine={"kind": "llamacpp", "context": 512})
    try:
        await backend.open(str(default_model), Signs())
        prompt = await backend.tokenize("Mia has 14 apples. She buys 23 more. How many apples does she have now? " * 4)
        tails = [await backend.tokenize(f"She has 14 + 23 = {number} apples.") for number in range(30, 36)]
        paths = [prompt + tail for tail in tails]
        readings = await gather(*(backend.read(ids, [len(prompt) + 3, len(ids) - 1]) for ids in paths))
        scored = sum(reading.usage.scored_tokens for reading in readings)
        # Each for itself, the six would compute six prompts.
        assert scored <= len(prompt) + sum(map(len, tails)) + 2 * len(paths)
    finally:
        await backend.close()


@pytest.mark.model
async def test_on_llamacpp_a_local_adapter_makes_the_reward_model() -> None:
    adapter = str(files("outthink") / "assets" / "smollm2-135m-arithmetic.gguf")
    tree = grow("Mia has 14 apples and buys 23. How many has she?", ["14 + 23 = 37\n\n", "The answer is 37."])
    said = []
    for extra in ({}, {"adapter": adapter}):
        engine = {"kind": "llamacpp", "context": 512, "parallel": 2, **extra}
        backend = {"kind": "generate", "engine": engine}
        prm = make_verifier({"kind": "prm", "model": "smollm2-135m", "family": "plus-minus", "backend": backend})
        try:
            await prm.open(ScriptedEngine())
            said.append(list((await prm.score(tree.path(tree.nodes[-1]))).values))
        finally:
            await prm.close()
    plain, adapted = said
    assert all(0.0 < score < 1.0 for score in plain + adapted)
    assert max(abs(one - other) for one, other in zip(plain, adapted, strict=True)) > 0.01
