"""A model in a GGUF file and its adapter as one checkpoint, which transformers and vLLM load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from outthink.adapter import read_adapter
from outthink.errors import UsageError
from outthink.learn.train.base import load_base, save_model
from outthink.models import BUILT_IN, resolve

__all__ = ["export_model"]


def export_model(model: str, folder: Path, *, adapter: str | None = None) -> None:
    """Write a checkpoint in 32 bits: the model's weights, unpacked, with the adapter's added.

    Args:
        model: a built-in name, a GGUF file, or `owner/repository/file.gguf` on the Hub.
        folder: to write.
        adapter: a LoRA adapter in GGUF format, instead of the one that a built-in name brings.

    Raises:
        ModelNotFound: there is no such model, or it is of an architecture that transformers does not read from GGUF.
        UsageError: the adapter is for another model.
    """
    files = resolve(model, adapter)
    base = load_base(str(files.weights), "words", outputs=0, lora=None, precision="float32")
    if files.adapter is not None:
        _merge(base.model, files.adapter, files.weights)
    family = BUILT_IN[model].family if model in BUILT_IN else None
    save_model(base.model, base.tokenizer, folder, family=family)


def _merge(model: Any, adapter: Path, base: Path) -> None:
    """Add an adapter to the weights it is for."""
    for name, change in read_adapter(adapter, base=base).items():
        try:
            weight = model.get_submodule(name).weight
        except AttributeError:
            raise UsageError(
                f"{adapter}: has weights for {name}, which {base} has not; it is for another model"
            ) from None
        if weight.shape != change.shape:
            raise UsageError(f"{adapter}: {name} is {change.shape}, and {tuple(weight.shape)} in {base}")
        with torch.no_grad():
            weight += torch.from_numpy(change)
