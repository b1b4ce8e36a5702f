"""The shape of a model: what has to be known of it to say what a token costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outthink.cost import forward_flops
from outthink.errors import UsageError
from outthink.gguf import read_gguf

__all__ = ["Shape", "shape_of", "shape_of_gguf", "shape_of_transformer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a model is, and how wide its attention. What is unknown is 0.

    Full attention is assumed in every layer: what sliding windows or linear attention save is not known here.

    Args:
        parameters: that a token is run through: of a mixture of experts, those of the experts that are used.
        layers: that attend.
        width: of the attention: heads times the size of a head.
        kv_width: keys and values that one layer keeps of a token: 2 times key-value heads times the size of a head.
    """

    parameters: int
    layers: int = 0
    width: int = 0
    kv_width: int = 0

    def __post_init__(self) -> None:
        for name in ("parameters", "layers", "width", "kv_width"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 0 (0 if it is unknown)")

    @property
    def kv_elements(self) -> int:
        """Keys and values kept of one token, in all layers."""
        return self.layers * self.kv_width

    def flops(self, tokens: float, positions: float) -> float:
        """Floating-point operations of a forward pass: 2 per parameter and token, and the attention's.

        A token attends to those before it and to itself: a multiplication and an addition for each of them and each
        element of the queries, and as many again for the values, 4 * layers * width in all (Chowdhery et al. 2022,
        arXiv 2204.02311, appendix B, for training 3 times as much). Where the attention's width is unknown, its part
        is left out.

        Args:
            tokens: computed, not read from a cache.
            positions: summed over them: how many tokens each attends to.
        """
        return forward_flops(self.parameters, 1) * tokens + 4.0 * self.layers * self.width * positions


def shape_of(model: object) -> Shape | None:
    """The shape of an open engine's, verifier's or backend's model; None if it cannot tell so much as its size."""
    # Those that run no model have none, and need none: they compute no tokens.
    shape: Shape = getattr(model, "shape", None) or Shape(parameters=getattr(model, "parameters", None) or 0)
    return shape if shape.parameters else None


def shape_of_transformer(model: Any) -> Shape:
    """The shape of a model of `transformers`, loaded or without weights (torch's meta device)."""
    config = model.config.get_text_config()
    share = _used(_told(config, "num_experts_per_tok"), _told(config, "num_local_experts", "num_experts"))
    parameters = round(
        sum(weight.numel() * (share if ".experts." in name else 1.0) for name, weight in model.named_parameters())
    )
    heads = _told(config, "num_attention_heads")
    if heads is None or _told(config, "kv_lora_rank") is not None:
        return Shape(parameters=parameters)  # No attention, or one that keeps something else than keys and values.
    size = _told(config, "head_dim") or config.hidden_size // heads
    kv_heads = _told(config, "num_key_value_heads") or heads
    return Shape(
        parameters=parameters, layers=config.num_hidden_layers, width=heads * size, kv_width=2 * kv_heads * size
    )


def shape_of_gguf(path: Path, parameters: int) -> Shape:
    """The shape of a model in a GGUF file that llama.cpp has loaded.

    Args:
        path: the file.
        parameters: as llama.cpp counts them, all experts among them.
    """
    file = read_gguf(path)
    kind = file.fields["general.architecture"]

    def told(name: str, otherwise: float) -> float:
        value = file.fields.get(f"{kind}.{name}", otherwise)
        # Some architectures tell it layer by layer.
        return sum(value) / len(value) if isinstance(value, list) else value

    share = _used(told("expert_used_count", 0), told("expert_count", 0))
    experts = sum(elements for name, elements in file.elements.items() if "_exps." in name)
    computed = parameters - round((1.0 - share) * experts)
    heads = told("attention.head_count", 0)
    if not heads or f"{kind}.attention.kv_lora_rank" in file.fields:
        return Shape(parameters=computed)
    size = told("embedding_length", 0) / heads
    key, value = told("attention.key_length", size), told("attention.value_length", size)
    return Shape(
        parameters=computed,
        layers=round(told("block_count", 0)),
        width=round(heads * (key + value) / 2),
        kv_width=round(told("attention.head_count_kv", heads) * (key + value)),
    )


def _told(config: Any, *names: str) -> int | None:
    """What a configuration says under the first of these names that it knows."""
    return next((value for name in names if (value := getattr(config, name, None)) is not None), None)


def _used(used: float | None, experts: float | None) -> float:
    """The share of the experts that a token is run through."""
    return used / experts if used and experts else 1.0
