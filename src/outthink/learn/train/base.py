"""Base models: loading one to be trained, and saving what came of it so that every engine and backend finds it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn import Module
from transformers import AutoTokenizer, GgufConfig

from outthink.adapter import export_adapter
from outthink.errors import ModelNotFound, UsageError
from outthink.learn.train.recipe import Lora
from outthink.models import BUILT_IN, resolve
from outthink.tree import Message
from outthink.verifiers.backends.bodies import quiet
from outthink.verifiers.families import FAMILY_KEY

__all__ = ["ADAPTER", "GGUF", "MODEL", "Base", "Tokenizer", "load_base", "save", "save_model"]

MODEL, ADAPTER, GGUF = "model", "adapter", "adapter.gguf"
"""What a training leaves in its folder: a whole checkpoint, the LoRA adapter alone, the same for llama.cpp."""

Shape = Literal["words", "tokens", "sequence"]
"""What a model says: the next word, a class of every token, or a number for the whole sequence."""

# Everything linear in the attention and the MLP of a llama, and what the other families call the same.
_LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Tokenizer:
    """A tokenizer as layouts ask for one.

    Args:
        tokenizer: transformers' own.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.own = tokenizer

    @property
    def end(self) -> int:
        """The token that ends a turn."""
        end: int = self.own.eos_token_id
        return end

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The chat in the model's own template, as token ids; up to where the reply begins, or where it ends."""
        return self.chat(messages)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text as it stands."""
        return self.text(text)

    def chat(self, messages: Sequence[Message]) -> list[int]:
        """`encode`, without waiting."""
        replied = messages[-1]["role"] == "assistant"
        text = self.own.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=not replied)
        return self.text(text)

    def text(self, text: str) -> list[int]:
        """`tokenize`, without waiting."""
        ids: list[int] = self.own(text, add_special_tokens=False)["input_ids"]
        return ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A loaded base model.

    Args:
        name: as the recipe names it.
        gguf: the file it was read from, if it was one.
        tokenizer: its own.
        model: transformers' own, with an adapter on it if there is one.
        lora: whether there is.
        shape: what it says.
    """

    name: str
    gguf: Path | None
    tokenizer: Tokenizer
    model: Module
    lora: bool
    shape: Shape


def load_base(name: str, shape: Shape, *, outputs: int, lora: Lora | None, precision: str) -> Base:
    """A model ready to be trained.

    Args:
        name: a built-in name, a GGUF file, a folder in Hugging Face format, or an id on the Hub.
        shape: what it is to say; a head that it does not have yet is begun at random.
        outputs: numbers that such a head returns.
        lora: trains an adapter and a new head; None trains all weights.
        precision: of the base's weights under an adapter; what is trained is in float32.

    Raises:
        ModelNotFound: there is no such model, or it is of an architecture that cannot be trained here.
    """
    gguf = _gguf(name)
    dtype = getattr(torch, precision) if lora is not None else torch.float32
    tokenizer, model = _load(name, gguf, shape, outputs, dtype)
    if lora is not None:
        model = _adapt(model, lora)
    return Base(name=name, gguf=gguf, tokenizer=Tokenizer(tokenizer), model=model, lora=lora is not None, shape=shape)


def save(base: Base, folder: Path, *, family: str | None) -> list[str]:
    """Write what came of a training; the names of what was written.

    Args:
        base: trained.
        folder: gets `model`, a checkpoint that transformers and vLLM load; with an adapter on a language model also
            `adapter`, and `adapter.gguf` where the base is a GGUF file.
        family: of reward models, which the checkpoint is then recognised to be of.
    """
    written, whole = [], base.model
    if isinstance(whole, PeftModel):
        if base.shape == "words":
            # By itself peft looks for the base's configuration, to find that no word was added.
            whole.save_pretrained(folder / ADAPTER, save_embedding_layers=False)
            written.append(ADAPTER)
            if base.gguf is not None:
                export_adapter(folder / ADAPTER, folder / GGUF, base=base.gguf)
                written.append(GGUF)
        # A GGUF's weights are finer than bfloat16 can tell; others are kept in what they came in.
        kept = torch.float32 if base.gguf is not None else whole.dtype
        whole = whole.to(torch.float32).merge_and_unload().to(kept)
    save_model(whole, base.tokenizer, folder / MODEL, family=family)
    return [*written, MODEL]


def save_model(model: Any, tokenizer: Tokenizer, folder: Path, *, family: str | None) -> None:
    """Write a whole model, without adapters, as a checkpoint that transformers and vLLM load.

    Args:
        model: transformers' own.
        tokenizer: its own.
        folder: to write.
        family: of reward models, which the checkpoint is then recognised to be of.
    """
    if family is not None:
        setattr(model.config, FAMILY_KEY, family)
    model.config.architectures = [type(model).__name__]
    with quiet():
        model.save_pretrained(folder)
    tokenizer.own.save_pretrained(folder)


def _gguf(name: str) -> Path | None:
    if name in BUILT_IN:
        if BUILT_IN[name].adapter is not None:
            raise UsageError(f"{name} has an adapter already; train the model that it is for (see outthink models)")
        return resolve(name).weights
    return resolve(name).weights if name.endswith(".gguf") else None


def _load(name: str, gguf: Path | None, shape: Shape, outputs: int, dtype: Any) -> tuple[Any, Any]:
    extra: dict[str, Any] = {}
    place = name
    if gguf is not None:
        place = str(gguf.parent)
        extra = {"gguf_file": gguf.name}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False, **extra)
            if gguf is not None:
                extra["quantization_config"] = GgufConfig(dequantize=True)
            if shape != "words":
                extra["num_labels"] = outputs
            model = _auto(shape).from_pretrained(place, dtype=dtype, trust_remote_code=False, **extra)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelNotFound(f"transformers cannot load {name}: {error}") from error
    return tokenizer, model


def _auto(shape: Shape) -> Any:
    return {
        "words": transformers.AutoModelForCausalLM,
        "tokens": transformers.AutoModelForTokenClassification,
        "sequence": transformers.AutoModelForSequenceClassification,
    }[shape]


def _adapt(model: Any, lora: Lora) -> Any:
    """The model with an adapter on it; a new head is trained with it."""
    with warnings.catch_warnings():
        # peft asks transformers for something by a name that is going to change.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        adapted = _fresh(model, lora) if lora.start is None else _started(model, Path(lora.start))
    head = getattr(adapted.get_base_model(), "score", None)
    if head is not None:
        head.to(torch.float32).requires_grad_(True)
    return adapted


def _fresh(model: Any, lora: Lora) -> Any:
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=2 * lora.rank if lora.alpha is None else lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_LAYERS,
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise ModelNotFound(f"peft cannot adapt this architecture: {error}") from error


def _started(model: Any, folder: Path) -> Any:
    if not (folder / "adapter_config.json").is_file():
        raise ModelNotFound(f"{folder} holds no adapter_config.json; name the folder that a training or peft wrote")
    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=True)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"{folder} is an adapter for another base model: {reason}; name one for this base") from error
