"""How vLLM is told to read a reward model's checkpoint: as a classifier of tokens whose logits are its head's row."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from outthink.errors import UsageError
from outthink.models import cache_folder
from outthink.verifiers.heads import Head, Labels, Pair, Ratio, Value

__all__ = ["as_classifier"]

# Model types that vLLM's names do not just capitalise.
_BODIES = {"gemma3_text": "Gemma3"}


def as_classifier(folder: Path, head: Head) -> dict[str, Any]:
    """vLLM's arguments for a checkpoint and a head.

    Args:
        folder: the checkpoint.
        head: which of its outputs are wanted; a settled one.

    Raises:
        UsageError: the head is not one that vLLM can run.
    """
    config = json.loads((folder / "config.json").read_text())
    names = _tensors(folder)
    plain = f"{_BODIES.get(config['model_type'], config['model_type'].capitalize())}ForSequenceClassification"
    overrides: dict[str, Any]
    match head:
        case Pair():
            words = _words(folder, [head.good, head.bad])
            overrides = {"architectures": [plain], "classifier_from_token": words, "method": "no_post_processing"}
        case Labels() | Value() if "score.weight" in names:
            overrides = {"architectures": [plain]}
        case Labels() if "score.0.weight" in names and config["model_type"] == "qwen2":
            overrides = {"architectures": ["Qwen2ForProcessRewardModel"]}
        case Value() if "score.0.weight" in names and config["model_type"] == "qwen2":
            overrides = {"architectures": ["Qwen2ForRewardModel"]}
        case Value() if "v_head.summary.weight" in names:
            folder = _with_linear_head(folder)
            overrides = {"architectures": [plain], "num_labels": 1}
        case _:
            what = "two models at once" if isinstance(head, Ratio) else "a head of this form"
            raise UsageError(f"verifier.backend: vLLM cannot read {what}; use `backend: transformers`")
    return {"model": str(folder), "hf_overrides": overrides}


def _words(folder: Path, ids: Sequence[int]) -> list[str]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return list(tokenizer.convert_ids_to_tokens(list(ids)))


def _tensors(folder: Path) -> dict[str, str]:
    """The file that each tensor is in."""
    from safetensors import safe_open

    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as tensors:
            found.update(dict.fromkeys(tensors.keys(), file.name))
    return found


def _with_linear_head(folder: Path) -> Path:
    """A copy of a checkpoint with a value head (`v_head.summary`) under the name that vLLM's classifiers know, `score`.

    Only the file that holds the head is written anew; the others are linked.
    """
    from safetensors.torch import load_file, save_file

    copy = cache_folder() / "classifiers" / _fingerprint(folder)
    if (copy / "config.json").exists():
        return copy
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    holding = {file for name, file in _tensors(folder).items() if name.startswith("v_head.")}
    for file in folder.iterdir():
        if file.name in holding:
            tensors = load_file(file)
            save_file(
                {name.replace("v_head.summary.", "score."): each for name, each in tensors.items()}, copy / file.name
            )
        elif file.is_file() and file.name not in ("config.json", "model.safetensors.index.json"):
            (copy / file.name).symlink_to(file.resolve())
    # Last, so that a copy that was interrupted is not taken for a whole one.
    shutil.copy(folder / "config.json", copy / "config.json")
    return copy


def _fingerprint(folder: Path) -> str:
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(folder.iterdir())]
    return hashlib.sha256(repr((str(folder.resolve()), stats)).encode()).hexdigest()[:16]
