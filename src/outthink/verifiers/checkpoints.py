"""Checkpoints: where a reward model's files are, and single tensors out of them.

Custom code in a checkpoint is never run. The body of every supported model is a standard architecture; what its authors
added is a head of one or two linear layers, and the names that kinds of heads have in checkpoints are listed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outthink.errors import ModelNotFound
from outthink.models import hub_answers
from outthink.verifiers.heads import Head, Labels, Pair

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HeadWeights", "locate", "read_config", "read_head", "special_token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadWeights:
    """A head as weights.

    Args:
        layers: linear layers, first to last, as (weight [outputs, inputs], bias [outputs] or None), float32; ReLU is
            applied between them.
    """

    layers: Sequence[tuple[Tensor, Tensor | None]]


def locate(model: str) -> Path:
    """The folder that holds a model, fetched from the Hub if need be.

    Args:
        model: a local folder, or `owner/repository` on the Hub.

    Raises:
        ModelNotFound: there is no such model, or the Hub cannot be reached and it is not in its cache.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        folder = _fetch(model)
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        raise ModelNotFound(
            f"{model} is a LoRA adapter; merge it into its base model (peft's merge_and_unload) and name that folder"
            if adapter
            else f"{model} holds no config.json; give a folder in Hugging Face format, or an id on the Hub"
        )
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """A checkpoint's config.json."""
    config: dict[str, Any] = _read_json(folder / "config.json")
    return config


def special_token(folder: Path, name: str) -> str:
    """A special token of a checkpoint's tokenizer, as text; "" if it has none.

    Args:
        folder: the checkpoint's.
        name: "bos_token" or "eos_token".
    """
    path = folder / "tokenizer_config.json"
    token = _read_json(path).get(name) if path.is_file() else None
    return str((token["content"] if isinstance(token, Mapping) else token) or "")


def read_head(folder: Path, head: Head) -> HeadWeights:
    """The weights of a head, without loading the rest of its model.

    Args:
        folder: the checkpoint's.
        head: a settled one, and any but `Ratio`, which has no weights of its own.

    Raises:
        ModelNotFound: the checkpoint holds no head of this kind.
    """
    tensors = _Tensors(folder)
    if isinstance(head, Pair):
        name = next((name for name in _WORDS if name in tensors), None)
        if name is None:
            raise ModelNotFound(f"{folder} holds no language-model head ({', '.join(_WORDS)}); name its own family")
        return HeadWeights(layers=[(tensors.read(name, rows=[head.good, head.bad]), None)])
    for names in _HEADS:
        if all(f"{name}weight" in tensors for name in names):
            found = [(tensors.read(f"{name}weight"), tensors.find(f"{name}bias")) for name in names]
            _check(found, head, folder)
            return HeadWeights(layers=found)
    stray = [name for name in tensors if ".layers." not in name]
    raise ModelNotFound(
        f"{folder} holds no head that is known here; beside its layers it has {', '.join(sorted(stray)) or 'nothing'}. "
        "Name the family that it is of"
    )


_WORDS = ("lm_head.weight", "model.embed_tokens.weight", "embed_tokens.weight")
"""The language-model head, or the embeddings that it is tied to."""

_HEADS = (
    ("v_head.summary.",),  # trl's value head
    ("score.0.", "score.2."),  # Qwen's two layers
    ("score.",),  # transformers' classifiers
    ("reward_head.",),
)


class _Tensors:
    """The tensors of a checkpoint by name, in whatever files they lie."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, Path] = {}
        for file in ("model.safetensors", "pytorch_model.bin"):
            index = folder / f"{file}.index.json"
            if index.is_file():
                self._files = {name: folder / shard for name, shard in _read_json(index)["weight_map"].items()}
            elif (folder / file).is_file():
                self._files = dict.fromkeys(_names(folder / file), folder / file)
            if self._files:
                break
        else:
            raise ModelNotFound(f"{folder} holds no weights (model.safetensors or pytorch_model.bin); fetch it again")
        # ReasonFlux keeps its head in a file of its own.
        if (folder / "reward_head.pt").is_file():
            self._files |= {f"reward_head.{name}": folder / "reward_head.pt" for name in ("weight", "bias")}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __iter__(self) -> Any:
        return iter(self._files)

    def find(self, name: str) -> Tensor | None:
        """A tensor, if there is one of that name."""
        return self.read(name) if name in self._files else None

    def read(self, name: str, rows: Sequence[int] | None = None) -> Tensor:
        """A tensor, or some of its rows."""
        import torch

        file = self._files[name]
        try:
            if file.suffix == ".safetensors":
                from safetensors import safe_open

                with safe_open(file, "pt") as opened:
                    part = opened.get_slice(name)
                    read = part[:] if rows is None else torch.stack([part[row] for row in rows])
            else:
                whole = _unpickle(file)[name.removeprefix("reward_head.")]
                read = whole if rows is None else whole[list(rows)]
        except (OSError, KeyError, IndexError, RuntimeError) as error:
            raise ModelNotFound(f"{file} does not hold {name} as it should: {error}; fetch it again") from error
        return read.to(torch.float32, copy=True)


def _names(file: Path) -> list[str]:
    if file.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(file, "pt") as opened:
            return list(opened.keys())
    return list(_unpickle(file))


def _unpickle(file: Path) -> dict[str, Tensor]:
    import torch

    # Weights only: nothing in the file is run. Mapped: only what is used is read.
    tensors: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    return tensors


def _check(layers: Sequence[tuple[Tensor, Tensor | None]], head: Head, folder: Path) -> None:
    outputs = layers[-1][0].shape[0]
    if (outputs == 1) == isinstance(head, Labels):
        needed = "two classes or more" if isinstance(head, Labels) else "one number"
        raise ModelNotFound(f"the head in {folder} returns {outputs} numbers, and this family needs {needed}")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelNotFound(f"{path} cannot be read: {error}; fetch the model again") from error


def _fetch(model: str) -> Path:
    """A snapshot of a repository on the Hub; from the Hub's cache if it is out of reach."""
    from huggingface_hub import list_repo_files, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    online = hub_answers()
    try:
        patterns = ["*.json", "*.jinja", "*.model", "*.txt", "reward_head.pt"]
        if online:
            safe = any(file.endswith(".safetensors") for file in list_repo_files(model))
            patterns.append("*.safetensors" if safe else "pytorch_model*.bin")
        return Path(snapshot_download(model, allow_patterns=patterns, local_files_only=not online))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        offline = isinstance(error, LocalEntryNotFoundError)
        reason = "the Hub cannot be reached" if offline else str(error).strip().splitlines()[0]
        raise ModelNotFound(
            f"{model} is no folder, and on the Hugging Face Hub: {reason}. Give a folder in Hugging Face format, or an "
            "id on the Hub (gated ones need `hf auth login`)"
        ) from error
