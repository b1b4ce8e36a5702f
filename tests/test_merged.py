"""An adapter that ships is added to its model's weights once, and the model says much the same."""

import errno
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from gguf.quants import dequantize, quantize

from outthink.engines.llamacpp import LlamaCpp
from outthink.errors import ModelNotFound, UsageError
from outthink.gguf import write_out
from outthink.merged import merged
from outthink.models import DEFAULT_MODEL, resolve

ROWS, COLUMNS, RANK = 96, 64, 4
TOKENS = ["<s>", "Ġa", "é", "\n"]


def write(path: Path, architecture: str, tensors: dict[str, np.ndarray], *, alpha: float | None = None) -> Path:
    writer = GGUFWriter(path, architecture)
    if alpha is not None:
        writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_head_count(3)
    writer.add_rope_freq_base(1e5)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 1, 1, 1])
    for name, tensor in tensors.items():
        kind = GGMLQuantizationType.Q4_1 if name.endswith("packed") else GGMLQuantizationType.F32
        writer.add_tensor(name, quantize(tensor, kind), raw_dtype=kind)
    write_out(writer)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTTHINK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def base(tmp_path: Path, rng: np.random.Generator) -> Path:
    names = ("left", "plain", "packed", "right packed")
    tensors = {name: rng.normal(size=(ROWS, COLUMNS)).astype("float32") for name in names}
    return write(tmp_path / "base.gguf", "llama", tensors)


def adapter(path: Path, rng: np.random.Generator, *names: str, columns: int = COLUMNS) -> Path:
    shapes = {"lora_a": (RANK, columns), "lora_b": (ROWS, RANK)}
    tensors = {f"{name}.{side}": rng.normal(size=shapes[side]).astype("float32") for name in names for side in shapes}
    return write(path, "llama", tensors, alpha=6.0)


def contents(path: Path) -> dict[str, np.ndarray]:
    return {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in GGUFReader(path).tensors}


# A block of 32 numbers is told in 127 steps of its largest; halves have eleven bits.
@pytest.mark.parametrize(("numbers", "steps"), [("Q8_0", 127), ("F16", 2048)])
def test_the_weights_hold_the_adapter_and_all_else_is_as_it_was(
    tmp_path: Path, cache: Path, base: Path, rng: np.random.Generator, numbers: str, steps: int
) -> None:
    added = adapter(tmp_path / "mine.gguf", rng, "plain", "packed")
    made = merged(base, added, numbers)
    before, after, change = contents(base), contents(made), contents(added)
    for name in ("plain", "packed"):
        wanted = before[name] + 6.0 / RANK * change[f"{name}.lora_b"] @ change[f"{name}.lora_a"]
        assert np.abs(after[name] - wanted).max() <= np.abs(wanted).max() / steps
        assert np.abs(after[name] - before[name]).max() > 1
    assert (after["left"] == before["left"]).all()
    assert np.abs(after["right packed"] - before["right packed"]).max() <= np.abs(before["right packed"]).max() / steps
    kinds = {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(made).tensors}
    assert kinds == {"left": "F32", "plain": numbers, "packed": numbers, "right packed": numbers}
    fields = [{n: f.contents() for n, f in GGUFReader(path).fields.items()} for path in (base, made)]
    assert fields[0] == fields[1]
    assert fields[1]["tokenizer.ggml.tokens"] == TOKENS


def test_it_is_made_once_for_each_adapter(tmp_path: Path, cache: Path, base: Path, rng: np.random.Generator) -> None:
    one, other = (adapter(tmp_path / f"{folder}.gguf", rng, "plain") for folder in ("one", "other"))
    first = merged(base, one, "Q8_0")
    written = first.stat().st_mtime_ns
    assert merged(base, one, "Q8_0") == first
    assert first.stat().st_mtime_ns == written
    assert merged(base, other, "Q8_0") != first
    assert merged(base, other.rename(tmp_path / "one.gguf"), "Q8_0") != first, "an adapter is known by what it holds"


@pytest.mark.parametrize(
    ("names", "columns", "message"),
    [
        (
            ("plain", "unknown"),
            COLUMNS,
            r"mine\.gguf: is for another model; unknown is \(96, 64\) here, and not there in .*base\.gguf",
        ),
        (("plain",), COLUMNS // 2, r"another model; plain is \(96, 32\) here, and \(96, 64\) in .*base\.gguf"),
    ],
)
def test_an_adapter_for_another_model_is_refused_and_leaves_nothing(
    tmp_path: Path,
    cache: Path,
    base: Path,
    rng: np.random.Generator,
    names: tuple[str, ...],
    columns: int,
    message: str,
) -> None:
    with pytest.raises(UsageError, match=message):
        merged(base, adapter(tmp_path / "mine.gguf", rng, *names, columns=columns), "F16")
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, cache: Path, base: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: GGUFWriter) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    added = adapter(tmp_path / "mine.gguf", rng, "plain")
    monkeypatch.setattr(GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(ModelNotFound, match=r"(?s)cannot be written: No space left on device; .*OUTTHINK_CACHE"):
        merged(base, added, "F16")
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


@pytest.mark.model
async def test_the_default_model_says_what_the_adapter_beside_its_weights_says(default_model: Path) -> None:
    beside = LlamaCpp(model=str(default_model), adapter=str(resolve(DEFAULT_MODEL).adapter))
    told = []
    for engine in (LlamaCpp(), beside):
        await engine.open()
        try:
            prompt = await engine.encode([{"role": "user", "content": "Tom has 12 apples and buys 7. How many now?"}])
            ids = prompt + await engine.tokenize("Tom has 12 + 7 = ")
            digits = [(await engine.tokenize(str(digit)))[0] for digit in range(10)]
            told.extend((await engine.choose(ids, [len(ids) - 1], digits))[0])
        finally:
            await engine.close()
    merged_says, beside_says = np.exp(told)
    assert merged_says.argmax() == beside_says.argmax() == 1
    # Without the adapter it differs by 0.3.
    assert merged_says == pytest.approx(beside_says, abs=0.1)
