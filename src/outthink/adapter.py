"""LoRA adapters: from the folder peft writes to the file llama.cpp loads, and back to what they change."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outthink.errors import UsageError
from outthink.gguf import write_out

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFReader

_TENSORS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NAME = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(.+)\.lora_([AB])\.weight")
_LLAMA_CPP_NAME = re.compile(r"blk\.(\d+)\.(\w+)\.weight")
_WEIGHTS = "adapter_model.safetensors"
# What peft can add to plain LoRA and llama.cpp's adapter format cannot hold.
_BEYOND_LORA = ("use_dora", "use_rslora", "lora_bias", "modules_to_save", "alpha_pattern", "rank_pattern")


def export_adapter(folder: Path, destination: Path, *, base: Path) -> None:
    """Writes a peft LoRA adapter as a llama.cpp adapter, in half precision.

    llama.cpp keeps the query and key rows of llama models in another order than transformers does (its rotary
    embedding turns neighbouring rows, not the two halves of a head), so these rows of the adapter are
    permuted.

    Args:
        folder: What `PeftModel.save_pretrained` wrote: `adapter_config.json` and `adapter_model.safetensors`.
        destination: The file to write, usually named `*.gguf`.
        base: The GGUF file of the model the adapter is for: heads and shapes are read from it.

    Raises:
        UsageError: The folder holds no plain LoRA adapter for the linear layers of this llama model, or the
            package `safetensors` is missing.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        message = f'adapters need the package {error.name}: pip install "outthink[transformers]"'
        raise UsageError(message) from error
    config = _config(folder)
    try:
        weights = load_file(folder / _WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise UsageError(f"{folder / _WEIGHTS}: cannot be read as adapter weights: {error}") from error
    model = _opened(base, "a GGUF model")
    shapes = {tensor.name: tuple(int(size) for size in tensor.shape) for tensor in model.tensors}
    tensors = _translated(folder, weights, heads=_heads(model, base), shapes=shapes)
    try:
        _write(destination, alpha=float(config["lora_alpha"]), tensors=tensors)
    except OSError as error:
        raise UsageError(f"{destination}: cannot be written: {error.strerror}") from error


def permute(rows: np.ndarray, heads: int) -> np.ndarray:
    """Reorders the rows of a query or key matrix from transformers' order to llama.cpp's.

    Within each head the two halves are interleaved: their rows i become the neighbours 2i and 2i + 1.

    Args:
        rows: Shape (heads * head size, any).
        heads: How many heads the rows belong to.
    """
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def unpermute(rows: np.ndarray, heads: int) -> np.ndarray:
    """Undoes `permute`."""
    return rows.reshape(heads, -1, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def read_adapter(path: Path, *, base: Path) -> dict[str, np.ndarray]:
    """What a llama.cpp adapter adds to the weights of a llama model, by transformers' names and in its order of rows.

    Args:
        path: a LoRA adapter in GGUF format.
        base: the GGUF file of the model it is for: shapes and heads are read from it.

    Returns:
        For each layer, such as `model.layers.0.mlp.up_proj`, a matrix of its weight's shape.

    Raises:
        UsageError: it is no such adapter, or for another model.
    """
    model = _opened(base, "a GGUF model")
    heads = _heads(model, base)
    layers = {ours: theirs for theirs, ours in _TENSORS.items()}
    found = {}
    for name, change in changes(path, base, model).items():
        place = _LLAMA_CPP_NAME.fullmatch(name)
        if not place or place[2] not in layers:
            raise _unknown(path, name)
        kind = place[2]
        matrix = unpermute(change, heads[kind]) if kind in heads else change
        found[f"model.layers.{place[1]}.{layers[kind]}"] = matrix
    return found


def changes(path: Path, base: Path, model: GGUFReader) -> dict[str, np.ndarray]:
    """What a llama.cpp adapter adds to the weights of its model, by llama.cpp's names and in its order of rows.

    Args:
        path: a LoRA adapter in GGUF format.
        base: the GGUF file of the model it is for.
        model: what is read of that file.

    Raises:
        UsageError: it is no such adapter, or for another model.
    """
    # GGUF names the inputs first.
    shapes = {tensor.name: tuple(int(size) for size in reversed(tensor.shape)) for tensor in model.tensors}
    file = _opened(path, "an adapter")
    alpha = file.fields.get("adapter.lora.alpha")
    tensors = {tensor.name: tensor.data.astype("float32") for tensor in file.tensors}
    found = {}
    for name in sorted({each.removesuffix(".lora_a").removesuffix(".lora_b") for each in tensors}):
        down, up = tensors.get(f"{name}.lora_a"), tensors.get(f"{name}.lora_b")
        if down is None or up is None or alpha is None:
            raise _unknown(path, name)
        change = float(alpha.contents()) / len(down) * up @ down
        if change.shape != shapes.get(name):
            there = shapes.get(name, "not there")
            raise UsageError(f"{path}: is for another model; {name} is {change.shape} here, and {there} in {base}")
        found[name] = change
    return found


def _unknown(path: Path, name: str) -> UsageError:
    return UsageError(f"{path}: {name!r} is nothing that a LoRA adapter of a llama model has")


def _opened(path: Path, kind: str) -> GGUFReader:
    from gguf import GGUFReader

    try:
        return GGUFReader(path)
    # An empty file is an IndexError to the reader.
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(f"{path}: cannot be read as {kind}: {error}") from error


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "adapter_config.json"
    try:
        config = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        message = f"{path}: cannot be read ({error}); name the folder that peft's save_pretrained wrote"
        raise UsageError(message) from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise UsageError(f"{path}: only LoRA adapters can be exported")
    if beyond := [option for option in _BEYOND_LORA if config.get(option)]:
        raise UsageError(f"{path}: llama.cpp adapters cannot hold {', '.join(beyond)}; train without")
    if config.get("bias", "none") != "none":
        raise UsageError(f"{path}: llama.cpp adapters cannot hold trained biases; train with bias='none'")
    return config


def _heads(model: GGUFReader, base: Path) -> dict[str, int]:
    """How many heads the permuted tensors have."""
    values = {name: field.contents() for name, field in model.fields.items()}
    architecture = values.get("general.architecture")
    if architecture != "llama":
        raise UsageError(f"{base}: adapters are exported for llama models only; this one is {architecture!r}")
    heads = int(values["llama.attention.head_count"])
    return {"attn_q": heads, "attn_k": int(values.get("llama.attention.head_count_kv", heads))}


def _translated(
    folder: Path, weights: dict[str, np.ndarray], *, heads: dict[str, int], shapes: dict[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """The tensors under llama.cpp's names and in its order of rows, each checked against the model's."""
    translated: dict[str, np.ndarray] = {}
    for name, tensor in weights.items():
        found = _NAME.fullmatch(name)
        if not found or found[2] not in _TENSORS:
            allowed = ", ".join(layer.split(".")[1] for layer in _TENSORS)
            raise UsageError(f"{folder / _WEIGHTS}: cannot export {name!r}; train LoRA on {allowed} only")
        layer, kind, side = found[1], _TENSORS[found[2]], found[3].lower()
        target = f"blk.{layer}.{kind}.weight"
        # GGUF names the inputs first; A has a column for each input, B a row for each output.
        wanted = shapes.get(target, (0, 0))[0 if side == "a" else 1]
        if tensor.shape[1 if side == "a" else 0] != wanted:
            message = f"{folder / _WEIGHTS}: {name!r} of shape {tensor.shape} does not fit the model's {target}"
            raise UsageError(f"{message}; export with the model that the adapter was trained on")
        permuted = side == "b" and kind in heads
        translated[f"{target}.lora_{side}"] = permute(tensor, heads[kind]) if permuted else tensor
    if not translated:
        raise UsageError(f"{folder / _WEIGHTS}: holds no adapter weights")
    return translated


def _write(destination: Path, *, alpha: float, tensors: dict[str, np.ndarray]) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(destination, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor.astype("float16"))
    write_out(writer)
