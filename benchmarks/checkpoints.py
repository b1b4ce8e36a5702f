"""The models of the speed benchmark: a generator and a reward model, made here from the embedded GGUF or from nothing.

`smol` is SmolLM2-135M with a reward model of its size: the same body under a random head, which costs what a trained
one costs. The other shapes have random weights, since speed does not depend on what the weights say, and a made-up
vocabulary, in which every `STEP`th word ends in a full stop: there a random model ends a step.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from questions import QUESTIONS, SYSTEM

from outthink.models import BUILT_IN, cache_folder, fetch
from outthink.prompt import Prompt

__all__ = ["SHAPES", "Models", "prepare"]

STEP = 40
QUESTION_WORDS = 60
MARK = "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What one shape is measured with.

    Args:
        generator, verifier: folders in Hugging Face format.
        dummy: whether their weights are to be drawn at random when they are loaded, there being none in the folders.
        prompt: how questions are put, and where steps end.
        questions: enough of them.
    """

    generator: Path
    verifier: Path
    dummy: bool
    prompt: Prompt
    questions: list[str]


SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]] | None] = {
    "smol": None,
    # The sizes of SmolLM2-135M and of SmolLM2-360M: a reward model larger than the generator, as is usual, on a CPU.
    "135m+360m": (
        {
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "vocab_size": 49152,
            "tie_word_embeddings": True,
        },
        {
            "hidden_size": 960,
            "intermediate_size": 2560,
            "num_hidden_layers": 32,
            "num_attention_heads": 15,
            "num_key_value_heads": 5,
            "vocab_size": 49152,
        },
    ),
    # The sizes of Llama-3.2-1B and of Qwen2.5-Math-PRM-7B.
    "1b+7b": (
        {
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 64,
            "vocab_size": 128256,
            "tie_word_embeddings": True,
        },
        {
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
        },
    ),
    # To try the script out on any machine.
    "toy": (
        {
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 64,
            "vocab_size": 2048,
            "tie_word_embeddings": True,
        },
        {
            "hidden_size": 256,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": 2304,
        },
    ),
}


def prepare(shape: str, folder: Path | None = None) -> Models:
    """The models of a shape, made on first use.

    Args:
        shape: one of `SHAPES`.
        folder: where they are kept.
    """
    folder = (folder or cache_folder() / "benchmarks") / shape
    generator, verifier = folder / "generator", folder / "verifier"
    sizes = SHAPES[shape]
    if not (verifier / "config.json").is_file():
        # Made beside and then renamed, so that what was interrupted is not taken for a whole.
        unfinished = folder.with_name(f"{shape}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        if sizes is None:
            _make_smol(unfinished / "generator", unfinished / "verifier")
        else:
            _make_shape(unfinished / "generator", unfinished / "verifier", *sizes)
        unfinished.rename(folder)
    if sizes is None:
        prompt, questions = Prompt(system=SYSTEM, step="\n\n"), list(QUESTIONS)
    else:
        words = [_word(i) for i in range(sizes[0]["vocab_size"] // 2) if i % STEP]
        prompt = Prompt(system="", step=".")
        questions = [" ".join(random.Random(i).choices(words, k=QUESTION_WORDS)) for i in range(256)]
    return Models(generator=generator, verifier=verifier, dummy=sizes is not None, prompt=prompt, questions=questions)


def _make_smol(generator: Path, verifier: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer, GgufConfig

    gguf = fetch(BUILT_IN["smollm2-135m"].weights)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    model.save_pretrained(generator)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.save_pretrained(generator)
    judge = AutoModelForTokenClassification.from_pretrained(generator, num_labels=2, dtype=torch.bfloat16)
    judge.score.weight.data.normal_(0, 0.04, generator=torch.Generator().manual_seed(0))
    judge.score.bias.data.zero_()
    tokenizer.save_pretrained(verifier)
    judge.save_pretrained(verifier)


def _make_shape(generator: Path, verifier: Path, writes: dict[str, Any], judges: dict[str, Any]) -> None:
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig

    common = {"max_position_embeddings": 4096, "dtype": "bfloat16", "eos_token_id": 0, "bos_token_id": None}
    shapes = (
        (generator, LlamaConfig(**common, **writes, architectures=["LlamaForCausalLM"])),
        (verifier, LlamaConfig(**common, **judges, num_labels=2, architectures=["LlamaForTokenClassification"])),
    )
    for folder, config in shapes:
        folder.mkdir(parents=True)
        _tokenizer(config.vocab_size).save_pretrained(folder)
        if folder is verifier:
            # No weights are read, but outthink asks the files which head the model has.
            head = {"score.weight": torch.zeros(2, config.hidden_size), "score.bias": torch.zeros(2)}
            save_file(head, folder / "model.safetensors")
        config.save_pretrained(folder)


def _tokenizer(size: int) -> Any:
    """A vocabulary of made-up words, one token each, which text and token ids translate to one for one."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<eos>", "<unk>", "<|user|>", "<|assistant|>", MARK]
    vocabulary = {token: i for i, token in enumerate(special)}
    vocabulary |= {f"\u2581{_word(i)}": i + len(special) for i in range(size - len(special))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special[:-1])
    tokenizer.add_tokens([AddedToken(MARK, normalized=False)])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="<eos>", pad_token="<eos>")
    made.chat_template = (
        "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    )
    return made


def _word(number: int) -> str:
    return f"w{number}" if number % STEP else f"w{number}."
