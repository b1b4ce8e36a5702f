"""A model in a GGUF file and its adapter as one checkpoint, which transformers and vLLM load."""

from __future__ import annotations

from pathlib import Path

import torch

from outthink.adapter import read_adapter
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
        for name, change in read_adapter(files.adapter, base=files.weights).items():
            with torch.no_grad():
                base.model.get_submodule(name).weight += torch.from_numpy(change)
    family = BUILT_IN[model].family if model in BUILT_IN else None
    save_model(base.model, base.tokenizer, folder, family=family)
