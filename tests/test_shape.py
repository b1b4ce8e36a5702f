"""What is known of a model's size, against models whose sizes are counted by hand."""

from pathlib import Path
from typing import Any

import pytest

from outthink.engines.openai import OpenAI
from outthink.engines.scripted import Scripted
from outthink.errors import UsageError
from outthink.gguf import read_gguf
from outthink.shape import Shape, shape_of, shape_of_gguf, shape_of_transformer
from outthink.verifiers.judge import Judge
from outthink.verifiers.rules import Rules


def gguf_file(path: Path, kind: str, fields: dict[str, Any], tensors: dict[str, tuple[int, ...]]) -> Path:
    import numpy as np
    from gguf import GGUFWriter

    writer = GGUFWriter(path, kind)
    for name, value in fields.items():
        add = writer.add_array if isinstance(value, list) else writer.add_uint32
        add(f"{kind}.{name}", value)
    writer.add_array("tokenizer.ggml.tokens", ["a", "bc", ""])
    writer.add_bool("tokenizer.ggml.add_bos_token", True)
    writer.add_float32("general.scale", 0.5)
    for name, sizes in tensors.items():
        writer.add_tensor(name, np.zeros(sizes, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_files_header_is_read_whole(tmp_path: Path) -> None:
    fields = {"block_count": 2, "attention.head_count_kv": [3, 1]}
    read = read_gguf(gguf_file(tmp_path / "m.gguf", "llama", fields, {"a.weight": (4, 3), "b": (2, 3, 5)}))
    assert read.elements == {"a.weight": 12, "b": 30}
    assert read.fields["general.architecture"] == "llama"
    assert read.fields["llama.block_count"] == 2
    assert read.fields["llama.attention.head_count_kv"] == [3, 1]
    assert read.fields["tokenizer.ggml.tokens"] == ["a", "bc", ""]
    assert read.fields["tokenizer.ggml.add_bos_token"] is True
    assert read.fields["general.scale"] == 0.5


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"GGML" + bytes(40))
    with pytest.raises(ValueError, match="no GGUF file"):
        read_gguf(tmp_path / "x")


def test_heads_have_the_size_the_file_says_or_share_the_embedding(tmp_path: Path) -> None:
    plain = {"block_count": 30, "embedding_length": 576, "attention.head_count": 9, "attention.head_count_kv": 3}
    path = gguf_file(tmp_path / "a.gguf", "llama", plain, {"t": (1,)})
    assert shape_of_gguf(path, 7) == Shape(parameters=7, layers=30, width=9 * 64, kv_width=2 * 3 * 64)
    wide = plain | {"attention.key_length": 128, "attention.value_length": 96}
    path = gguf_file(tmp_path / "b.gguf", "llama", wide, {"t": (1,)})
    assert shape_of_gguf(path, 7) == Shape(parameters=7, layers=30, width=9 * 112, kv_width=3 * (128 + 96))


def test_layers_may_have_different_numbers_of_heads(tmp_path: Path) -> None:
    fields = {"block_count": 2, "embedding_length": 8, "attention.head_count": 4, "attention.head_count_kv": [4, 2]}
    path = gguf_file(tmp_path / "m.gguf", "llama", fields, {"t": (1,)})
    assert shape_of_gguf(path, 1).kv_elements == 2 * (4 + 2) * 2


def test_of_experts_in_a_file_only_those_count_that_are_used(tmp_path: Path) -> None:
    fields = {"block_count": 1, "embedding_length": 4, "attention.head_count": 1, "expert_count": 8}
    path = gguf_file(
        tmp_path / "m.gguf",
        "qwen3moe",
        fields | {"expert_used_count": 2},
        {"blk.0.ffn_up_exps.weight": (8, 4, 4), "blk.0.attn_q.weight": (4, 4)},
    )
    assert shape_of_gguf(path, 128 + 16).parameters == 128 // 4 + 16


def test_attention_that_keeps_something_else_is_unknown(tmp_path: Path) -> None:
    fields = {"block_count": 1, "embedding_length": 4, "attention.head_count": 2, "attention.kv_lora_rank": 3}
    assert shape_of_gguf(gguf_file(tmp_path / "m.gguf", "deepseek2", fields, {"t": (1,)}), 5) == Shape(parameters=5)


def empty(config: Any) -> Any:
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def test_a_transformer_by_its_configuration() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=11,
        hidden_size=12,
        intermediate_size=5,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=6,
        tie_word_embeddings=False,
    )
    layer = 12 * 24 * 2 + 12 * 12 * 2 + 3 * 12 * 5 + 2 * 12
    assert shape_of_transformer(empty(config)) == Shape(
        parameters=3 * layer + 2 * 11 * 12 + 12, layers=3, width=24, kv_width=24
    )


def test_of_a_transformers_experts_only_those_count_that_are_used() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.MixtralConfig(
        vocab_size=11,
        hidden_size=8,
        intermediate_size=5,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_local_experts=8,
        num_experts_per_tok=2,
        tie_word_embeddings=False,
    )
    model = empty(config)
    experts = 8 * 3 * 8 * 5
    everything = sum(weight.numel() for weight in model.parameters())
    assert shape_of_transformer(model).parameters == everything - experts * 3 // 4


def test_flops_are_two_a_parameter_and_four_a_layer_width_and_position() -> None:
    shape = Shape(parameters=100, layers=3, width=5)
    assert shape.flops(2, 1 + 2) == 2 * 100 * 2 + 4 * 3 * 5 * 3
    assert Shape(parameters=100).flops(2, 3) == 400


async def test_models_that_know_tell() -> None:
    attention = {"layers": 2, "width": 8, "kv_width": 4}
    known = Shape(parameters=7, **attention)
    assert shape_of(Scripted(parameters=7, **attention)) == known  # type: ignore[arg-type]
    assert shape_of(OpenAI(parameters=7, **attention)) == known  # type: ignore[arg-type]
    judge = Judge()
    await judge.open(_Chooses(known))  # type: ignore[arg-type]
    assert shape_of(judge) == known


def test_what_nobody_told_is_unknown_and_what_runs_no_model_has_none() -> None:
    assert shape_of(Scripted()) is None
    assert shape_of(Judge()) is None
    assert shape_of(Rules()) is None
    assert shape_of(object()) is None


def test_an_engine_that_knows_its_size_alone_says_that() -> None:
    class Plain:
        parameters = 5

    assert shape_of(Plain()) == Shape(parameters=5)


def test_nothing_is_smaller_than_nothing() -> None:
    with pytest.raises(UsageError, match="kv_width is -1"):
        Shape(parameters=1, kv_width=-1)


class _Chooses:
    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    async def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    async def choose(self, ids: object, positions: object, options: object) -> None: ...
