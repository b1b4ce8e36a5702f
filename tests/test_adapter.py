"""Adapters from peft to llama.cpp: names, shapes, the order of rows, and the same model at the end."""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest

from outthink import adapter
from outthink.adapter import export_adapter, permute, read_adapter, unpermute
from outthink.errors import UsageError
from outthink.gguf import write_out

safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed: outthink[transformers]")

HEADS, KV_HEADS, HEAD_SIZE, RANK, HIDDEN, INNER = 4, 2, 6, 3, 24, 40
# What goes in and out of each layer.
LAYERS = {
    "self_attn.q_proj": ("attn_q", HIDDEN, HEADS * HEAD_SIZE),
    "self_attn.k_proj": ("attn_k", HIDDEN, KV_HEADS * HEAD_SIZE),
    "self_attn.v_proj": ("attn_v", HIDDEN, KV_HEADS * HEAD_SIZE),
    "self_attn.o_proj": ("attn_output", HEADS * HEAD_SIZE, HIDDEN),
    "mlp.gate_proj": ("ffn_gate", HIDDEN, INNER),
    "mlp.up_proj": ("ffn_up", HIDDEN, INNER),
    "mlp.down_proj": ("ffn_down", INNER, HIDDEN),
}
CONFIG = {"peft_type": "LORA", "lora_alpha": 6, "r": RANK, "bias": "none", "use_dora": False}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A llama model of one layer."""
    return write_model(tmp_path / "base.gguf", "llama")


def write_model(path: Path, architecture: str) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    for name, inputs, outputs in LAYERS.values():
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((outputs, inputs), np.float32))
    write_out(writer)
    return path


@pytest.fixture
def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {}
    for name, (_, inputs, outputs) in LAYERS.items():
        prefix = f"base_model.model.model.layers.0.{name}"
        made[f"{prefix}.lora_A.weight"] = rng.normal(size=(RANK, inputs)).astype(np.float32)
        made[f"{prefix}.lora_B.weight"] = rng.normal(size=(outputs, RANK)).astype(np.float32)
    return made


def save(folder: Path, weights: dict[str, np.ndarray], **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(CONFIG | changes))
    safetensors.save_file(weights, folder / "adapter_model.safetensors")
    return folder


def test_each_half_of_a_head_goes_to_every_other_row():
    rows = np.arange(HEADS * HEAD_SIZE * 2).reshape(HEADS * HEAD_SIZE, 2)
    moved = permute(rows, HEADS)
    half = HEAD_SIZE // 2
    for head in range(HEADS):
        for i in range(half):
            assert (moved[head * HEAD_SIZE + 2 * i] == rows[head * HEAD_SIZE + i]).all()
            assert (moved[head * HEAD_SIZE + 2 * i + 1] == rows[head * HEAD_SIZE + half + i]).all()


def test_names_shapes_metadata_and_values_read_back(tmp_path, base, weights):
    destination = tmp_path / "adapter.gguf"
    export_adapter(save(tmp_path / "peft", weights), destination, base=base)

    reader = gguf.GGUFReader(destination)
    metadata = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert metadata == {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 6.0,
    }
    written = {tensor.name: tensor.data for tensor in reader.tensors}
    assert len(written) == len(weights)
    for name, (short, _, _) in LAYERS.items():
        a, b = (weights[f"base_model.model.model.layers.0.{name}.lora_{side}.weight"] for side in "AB")
        heads = {"attn_q": HEADS, "attn_k": KV_HEADS}.get(short)
        expected = permute(b, heads) if heads else b
        assert (written[f"blk.0.{short}.weight.lora_a"] == a.astype(np.float16)).all()
        assert (written[f"blk.0.{short}.weight.lora_b"] == expected.astype(np.float16)).all()


def test_an_adapter_of_some_layers_is_exported(tmp_path, base, weights):
    few = {name: tensor for name, tensor in weights.items() if "q_proj" in name or "v_proj" in name}
    export_adapter(save(tmp_path / "peft", few), tmp_path / "adapter.gguf", base=base)
    assert len(gguf.GGUFReader(tmp_path / "adapter.gguf").tensors) == 4


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"peft_type": "IA3"}, "only LoRA adapters"),
        ({"use_dora": True}, "cannot hold use_dora"),
        ({"use_rslora": True, "rank_pattern": {"q_proj": 4}}, "cannot hold use_rslora, rank_pattern"),
        ({"modules_to_save": ["lm_head"]}, "cannot hold modules_to_save"),
        ({"bias": "all"}, "cannot hold trained biases"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path, base, weights, changes, complaint):
    folder = save(tmp_path / "peft", weights, **changes)
    with pytest.raises(UsageError, match=complaint):
        export_adapter(folder, tmp_path / "adapter.gguf", base=base)
    assert not (tmp_path / "adapter.gguf").exists()


@pytest.mark.parametrize("module", ["model.embed_tokens", "model.layers.0.self_attn.rotary", "lm_head"])
def test_layers_without_a_place_are_refused_by_name(tmp_path, base, weights, module):
    weights[f"base_model.model.{module}.lora_A.weight"] = np.zeros((RANK, HIDDEN), np.float32)
    with pytest.raises(UsageError, match=rf"cannot export .*{module}"):
        export_adapter(save(tmp_path / "peft", weights), tmp_path / "adapter.gguf", base=base)
    assert not (tmp_path / "adapter.gguf").exists()


def test_an_adapter_of_another_model_is_refused(tmp_path, base, weights):
    other = {name.replace("layers.0", "layers.1"): tensor for name, tensor in weights.items()}
    with pytest.raises(UsageError, match=r"does not fit the model's blk\.1\.\w+\.weight"):
        export_adapter(save(tmp_path / "peft", other), tmp_path / "adapter.gguf", base=base)
    wide = {name: np.repeat(tensor, 2, axis=0) for name, tensor in weights.items() if "lora_B" in name}
    with pytest.raises(UsageError, match=r"\(48, 3\) does not fit"):
        export_adapter(save(tmp_path / "peft", wide), tmp_path / "adapter.gguf", base=base)


def test_another_architecture_is_refused(tmp_path, weights):
    base = write_model(tmp_path / "gemma.gguf", "gemma")
    with pytest.raises(UsageError, match="llama models only; this one is 'gemma'"):
        export_adapter(save(tmp_path / "peft", weights), tmp_path / "adapter.gguf", base=base)


def test_a_folder_or_file_that_is_no_adapter_or_model_is_refused(tmp_path, base, weights):
    with pytest.raises(UsageError, match=r"adapter_config\.json: cannot be read .* save_pretrained"):
        export_adapter(tmp_path / "nothing", tmp_path / "adapter.gguf", base=base)
    folder = save(tmp_path / "peft", weights)
    with pytest.raises(UsageError, match=r"none\.gguf: cannot be read as a GGUF model"):
        export_adapter(folder, tmp_path / "adapter.gguf", base=tmp_path / "none.gguf")
    with pytest.raises(UsageError, match="cannot be read as a GGUF model"):
        export_adapter(folder, tmp_path / "adapter.gguf", base=folder / "adapter_config.json")
    (folder / "adapter_model.safetensors").write_bytes(b"broken")
    with pytest.raises(UsageError, match=r"adapter_model\.safetensors: cannot be read as adapter weights"):
        export_adapter(folder, tmp_path / "adapter.gguf", base=base)
    with pytest.raises(UsageError, match="holds no adapter weights"):
        export_adapter(save(folder, {}), tmp_path / "adapter.gguf", base=base)


def test_a_destination_that_cannot_be_written_is_named(tmp_path, base, weights):
    with pytest.raises(UsageError, match=r"nowhere/adapter\.gguf: cannot be written: No such file"):
        export_adapter(save(tmp_path / "peft", weights), tmp_path / "nowhere" / "adapter.gguf", base=base)


def test_a_missing_package_names_the_extra(tmp_path, base, weights, monkeypatch):
    folder = save(tmp_path / "peft", weights)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(UsageError, match=r'package safetensors: pip install "outthink\[transformers\]"'):
        export_adapter(folder, tmp_path / "adapter.gguf", base=base)


PROMPTS = (
    "The capital of France is",
    "Tom has 12 apples. He buys 7 more, so now he has",
    "def add(a, b):\n    return",
)


def test_permutation_is_undone():
    rows = np.arange(HEADS * HEAD_SIZE * 5).reshape(-1, 5)
    assert (unpermute(permute(rows, HEADS), HEADS) == rows).all()


def test_what_was_exported_changes_what_peft_would(tmp_path, base, weights):
    export_adapter(save(tmp_path / "peft", weights), tmp_path / "adapter.gguf", base=base)
    changes = read_adapter(tmp_path / "adapter.gguf", base=base)
    assert changes.keys() == {f"model.layers.0.{name}" for name in LAYERS}
    for name in LAYERS:
        a, b = (weights[f"base_model.model.model.layers.0.{name}.lora_{side}.weight"] for side in "AB")
        # Half precision in the file.
        np.testing.assert_allclose(changes[f"model.layers.0.{name}"], 6 / RANK * b @ a, rtol=0.01, atol=0.02)


@pytest.mark.parametrize("text", ["nothing", ""])
def test_what_is_no_adapter_is_not_read(base, tmp_path, text):
    (tmp_path / "text.gguf").write_text(text)
    with pytest.raises(UsageError, match=r"text\.gguf: cannot be read as an adapter"):
        read_adapter(tmp_path / "text.gguf", base=base)
    with pytest.raises(UsageError, match=r"text\.gguf: cannot be read as a GGUF model"):
        read_adapter(base, base=tmp_path / "text.gguf")
    with pytest.raises(UsageError, match="is nothing that a LoRA adapter"):
        read_adapter(base, base=base)


@pytest.mark.model
@pytest.mark.filterwarnings("ignore")  # those of transformers and peft, about themselves
def test_llama_cpp_with_the_exported_adapter_predicts_what_transformers_does(
    tmp_path: Path, default_model: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("peft", reason="peft is not installed: it comes with outthink[transformers]")
    tokens, expected = by_transformers(default_model, tmp_path / "peft")
    export_adapter(tmp_path / "peft", tmp_path / "adapter.gguf", base=default_model)
    monkeypatch.setattr(adapter, "permute", lambda rows, heads: rows)
    export_adapter(tmp_path / "peft", tmp_path / "unpermuted.gguf", base=default_model)

    apart = distance(expected, by_llama_cpp(default_model, tmp_path / "adapter.gguf", tokens))
    unpermuted = distance(expected, by_llama_cpp(default_model, tmp_path / "unpermuted.gguf", tokens))
    # 0.13 and 0.70 where this was written: activations in 8 bits move a log-probability by 0.1.
    assert apart < 0.25
    assert unpermuted > 3 * apart


@pytest.mark.model
@pytest.mark.filterwarnings("ignore")  # as above
def test_an_exported_model_says_what_peft_says(tmp_path: Path, default_model: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("peft", reason="peft is not installed: it comes with outthink[transformers]")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from outthink.learn.train.merge import export_model

    tokens, expected = by_transformers(default_model, tmp_path / "peft")
    export_adapter(tmp_path / "peft", tmp_path / "adapter.gguf", base=default_model)
    monkeypatch.setattr(adapter, "unpermute", lambda rows, heads: rows)
    for name in ("permuted", "right"):
        export_model(str(default_model), tmp_path / name, adapter=str(tmp_path / "adapter.gguf"))
        monkeypatch.undo()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "right")
    assert [tokenizer.encode(prompt) for prompt in PROMPTS] == tokens

    def apart(name: str) -> float:
        model = AutoModelForCausalLM.from_pretrained(tmp_path / name, dtype=torch.float32)
        with torch.no_grad():
            said = [torch.log_softmax(model(torch.tensor([ids])).logits[0, -1], dim=-1).numpy() for ids in tokens]
        return float(np.mean([np.abs(one - other).mean() for one, other in zip(said, expected, strict=True)]))

    # The file keeps the adapter in half precision.
    assert apart("right") < 0.01
    assert apart("permuted") > 0.1


def by_transformers(model: Path, folder: Path) -> tuple[list[list[int]], list[np.ndarray]]:
    """Saves a random adapter; returns the prompts' tokens and the log-probabilities of what comes next."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(model.parent, gguf_file=model.name)
    plain = AutoModelForCausalLM.from_pretrained(
        model.parent,
        gguf_file=model.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    layers = [name.split(".")[1] for name in LAYERS]
    lora = LoraConfig(r=8, lora_alpha=16, target_modules=layers, init_lora_weights=False, task_type="CAUSAL_LM")
    adapted = get_peft_model(plain, lora).eval()
    adapted.save_pretrained(folder)
    tokens = [tokenizer.encode(prompt) for prompt in PROMPTS]
    with torch.no_grad():
        logits = [adapted(torch.tensor([ids])).logits[0, -1] for ids in tokens]
    return tokens, [torch.log_softmax(each, dim=-1).numpy() for each in logits]


def by_llama_cpp(model: Path, adapter_file: Path, prompts: list[list[int]]) -> list[dict[int, float]]:
    """The log-probabilities of the twenty likeliest next tokens of each prompt."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx = 512
    params.verbosity = 0
    lora = xllamacpp.CommonAdapterLoraInfo()
    lora.path, lora.scale = str(adapter_file), 1.0
    params.lora_adapters = [lora]
    server = xllamacpp.Server(params)
    answers = [server.handle_completions({"prompt": ids, "n_predict": 1, "n_probs": 20}) for ids in prompts]
    tops = [answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"] for answer in answers]
    return [{each["id"]: each["logprob"] for each in top} for top in tops]


def distance(expected: list[np.ndarray], found: list[dict[int, float]]) -> float:
    """The mean difference of the log-probabilities, over prompts and tokens."""
    pairs = [(row[token], value) for row, top in zip(expected, found, strict=True) for token, value in top.items()]
    return float(np.mean([abs(wanted - value) for wanted, value in pairs]))
