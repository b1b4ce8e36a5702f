"""A tiny language model, made in a second: random weights that end steps and solutions often enough to search with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["tiny_llama"]

_SHARES: Mapping[str, float] = {"\n\n": 6, ".\n\n": 3, "\n": 3, "<|im_end|>": 3}

_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_CORPUS = [
    "Mia has 14 apples. She buys 23 more.\n\nSo she has 14 + 23 = 37 apples.\n\nThe answer is 37.\n\n",
    "Tom had 96 pens and gave 48 away.\n\n96 - 48 = 48\n\nThat leaves 48 pens.\n\n",
    "Solve the problem step by step, with a blank line between steps.\nIs the last step correct? Answer Yes or No.\n",
]


def tiny_llama(folder: Path, *, seed: int = 0, layers: int = 2, shares: Mapping[str, float] = _SHARES) -> Path:
    """Save a Llama of a few layers with its byte-level BPE tokenizer and a ChatML template.

    Args:
        folder: receives them; made if need be.
        seed: of the weights.
        layers: more are slower.
        shares: how often, of a hundred tokens, these are drawn at temperature 1, whatever was written before. All
            others depend on it.

    Returns:
        The folder.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    _favour(model, {tokenizer.encode(text)[0]: share / 100 for text, share in shares.items()})
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    # As in today's models, a full stop and the blank line after it make one token.
    pieces = Regex(r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+\n*|\s*\n+|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(pieces, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|im_end|>", chat_template=_TEMPLATE
    )


def _favour(model: Any, shares: dict[int, float]) -> None:
    """Give tokens their shares whatever came before, and let the others depend on it visibly.

    The first dimension of the hidden state is made a constant, which the head's first column turns into a bias.
    """
    import torch

    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 0.5
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[0] = 0.0
            layer.mlp.down_proj.weight[0] = 0.0
        head = model.lm_head.weight
        head.mul_(20.0)
        head[:, 0] = 0.0
        head[list(shares)] = 0.0
        states = model.model(torch.arange(len(head))[None]).last_hidden_state[0]
        others = (states @ head.T).exp().sum(1).mean().item() - len(shares)
        for token, share in shares.items():
            odds = others * share / (1 - sum(shares.values()))
            head[token, 0] = math.log(odds) / states[:, 0].mean()
