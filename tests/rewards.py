"""Tiny reward models: random weights, tokenizers that hold the published tokens at their published ids."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outthink.tree import Finish, Node, Tree
from outthink.tree import Path as TreePath

__all__ = ["CHATML", "LLAMA_CHAT", "QWEN3", "TinyReward", "chunked", "grow", "llama", "mistral", "qwen", "reward_model"]

CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe helpful.<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# As Qwen3's does, it lets the last reply begin with thoughts, empty ones if there are none.
QWEN3 = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA_CHAT = (
    "{{ bos_token }}"
    "{{ '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
    "Today Date: 26 Jul 2024\n\n<|eot_id|>' }}"
    "{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)

# The pieces within which today's byte-level tokenizers merge.
_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def grow(question: str, texts: Sequence[str], *, system: str | None = None, finish: Finish = "end") -> Tree:
    """A tree of one path, with these texts as its steps."""
    said = [{"role": "system", "content": system}] if system else []
    tree = Tree.plant(question, [*said, {"role": "user", "content": question}], [], 0)
    for depth, text in enumerate(texts, 1):
        last = depth == len(texts)
        tree.nodes.append(
            Node(
                index=depth,
                parent=depth - 1,
                ordinal=0,
                depth=depth,
                length=depth,
                seed=0,
                ids=array("i", [0]),
                text=text,
                finish=finish if last else "step",
            )
        )
    return tree


def chunked(tree: Tree) -> list[TreePath]:
    """The paths to each node of a tree of one path."""
    return [tree.path(node) for node in tree.nodes[1:]]


@dataclass(frozen=True)
class TinyReward:
    """A reward model on disk, and its parts in memory for reference formulas."""

    folder: Path
    tokenizer: Any
    model: Any
    head: Mapping[str, Any]

    def hidden(self, ids: Sequence[int]) -> Any:
        """Hidden states of one sequence."""
        import torch

        with torch.no_grad():
            return self.model.model(torch.tensor([list(ids)])).last_hidden_state[0]

    def logits(self, ids: Sequence[int], tokens: Sequence[int] | None = None) -> Any:
        """Logits of the next token all along one sequence, or of a few tokens as the next one."""
        weights = self.model.lm_head.weight if tokens is None else self.model.lm_head.weight[list(tokens)]
        return (self.hidden(ids) @ weights.T).detach()

    def linear(self, ids: Sequence[int], name: str) -> Any:
        """What a layer of the head says of one sequence."""
        import torch

        return torch.nn.functional.linear(self.hidden(ids), self.head[f"{name}.weight"], self.head.get(f"{name}.bias"))


def qwen(template: str | None = CHATML) -> Any:
    """A byte-level tokenizer with tokens at the ids they have in Qwen2.5's."""
    merged = {
        "ĊĊ": 271, ".ĊĊ": 382, ".Ċ": 624, "Ġ-": 481, "Ġ+": 488, "ĊĊĊĊ": 1000, "ĠĊĊĊĊ": 22701, "ĠĊĊĊĊĊ": 76325,
        "ĠĊĊ": 4710, "St": 3000, "ep": 3001, "Step": 8304, "ĠStep": 14822, "th": 339, "the": 1782, "Ġthe": 279,
    }  # fmt: skip
    merges = [
        ("Ċ", "Ċ"), ("ĊĊ", "ĊĊ"), (".", "ĊĊ"), (".", "Ċ"), ("Ġ", "-"), ("Ġ", "+"), ("Ġ", "ĊĊĊĊ"), ("ĠĊĊĊĊ", "Ċ"),
        ("Ġ", "ĊĊ"), ("S", "t"), ("e", "p"), ("St", "ep"), ("Ġ", "Step"), ("t", "h"), ("th", "e"), ("Ġ", "the"),
    ]  # fmt: skip
    special = {
        "<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645, "<extra_0>": 151651,
        "<think>": 151667, "</think>": 151668,
    }  # fmt: skip
    return _byte_level(merged, merges, special, bos=None, eos="<|im_end|>", template=template)


def llama() -> Any:
    """A byte-level tokenizer with tokens at the ids they have in Llama 3's."""
    merged = {
        "ĊĊ": 271, ".ĊĊ": 382, ".Ċ": 627, "Ġ-": 482, "Ġ+": 489, "ĊĊĊĊ": 1000, "ĠĊĊĊĊ": 23535, "ĠĊĊ": 4815,
        "St": 3000, "ep": 3001, "Step": 8468, "ĠStep": 15166,
    }  # fmt: skip
    merges = [
        ("Ċ", "Ċ"), ("ĊĊ", "ĊĊ"), (".", "ĊĊ"), (".", "Ċ"), ("Ġ", "-"), ("Ġ", "+"), ("Ġ", "ĊĊĊĊ"), ("Ġ", "ĊĊ"),
        ("S", "t"), ("e", "p"), ("St", "ep"), ("Ġ", "Step"),
    ]  # fmt: skip
    special = {
        "<|begin_of_text|>": 128000, "<|end_of_text|>": 128001, "<|start_header_id|>": 128006,
        "<|end_header_id|>": 128007, "<|eot_id|>": 128009,
    }  # fmt: skip
    return _byte_level(merged, merges, special, bos="<|begin_of_text|>", eos="<|eot_id|>", template=LLAMA_CHAT)


def mistral() -> Any:
    """A SentencePiece-like tokenizer with tokens at the ids they have in Mistral 7B's."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2} | {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    letters = sorted(set("▁кишагABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;=+-*/$\\{}()?!'\""))
    vocabulary |= {letter: 28705 + place for place, letter in enumerate(letters)}
    vocabulary |= {"▁к": 9000, "▁ки": 12902, "▁+": 648, "▁-": 387, "St": 9001, "ep": 9002, "Step": 9977, "▁Step": 12000}
    merges = [("▁", "к"), ("▁к", "и"), ("▁", "+"), ("▁", "-"), ("S", "t"), ("e", "p"), ("St", "ep"), ("▁", "Step")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in ("<unk>", "<s>", "</s>")])
    _begin_with(tokenizer, "<s>", 1)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


def reward_model(
    folder: Path,
    tokenizer: Any,
    *,
    body: str = "qwen2",
    head: Mapping[str, Sequence[int]] | None = None,
    architecture: str = "CustomForReward",
    head_dim: int = 8,
    seed: int = 0,
    **config: Any,
) -> TinyReward:
    """Save a reward model of two layers.

    Args:
        folder: receives it.
        tokenizer: its tokenizer.
        body: "qwen2", "qwen3", "llama" or "mistral".
        head: names and shapes of the tensors beside the body; None keeps the language-model head.
        architecture: what config.json calls it.
        head_dim: size of an attention head; the hidden size is twice that.
        seed: of the weights.
        config: what else config.json says.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = AutoConfig.for_model(
        body,
        vocab_size=max(tokenizer.get_vocab().values()) + 1,
        hidden_size=2 * head_dim,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=head_dim,
        max_position_embeddings=1024,
        initializer_range=0.4,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        dtype="float32",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(settings).eval()
        weights = {name: torch.randn(*shape) for name, shape in (head or {}).items()}
    tensors = {name: each for name, each in model.state_dict().items() if head is None or name != "lm_head.weight"}
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: each.contiguous() for name, each in {**tensors, **weights}.items()}, folder / "model.safetensors")
    tokenizer.save_pretrained(folder)
    # Like the published ones it brings code of its own, which must not run.
    said = settings.to_dict() | {"architectures": [architecture], "auto_map": {"AutoModel": f"code.{architecture}"}}
    (folder / "config.json").write_text(json.dumps(said | config))
    (folder / "code.py").write_text("raise SystemExit('the code in a checkpoint was run')")
    return TinyReward(folder, tokenizer, model, weights)


def _byte_level(
    merged: Mapping[str, int],
    merges: Sequence[tuple[str, str]],
    special: Mapping[str, int],
    *,
    bos: str | None,
    eos: str,
    template: str | None,
) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {letter: byte for byte, letter in enumerate(_alphabet())} | dict(merged) | dict(special)
    tokenizer = Tokenizer(models.BPE(vocabulary, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    if bos is not None:
        _begin_with(tokenizer, bos, special[bos])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=eos, chat_template=template)


def _begin_with(tokenizer: Any, text: str, token: int) -> None:
    from tokenizers import processors

    tokenizer.post_processor = processors.TemplateProcessing(single=f"{text} $A", special_tokens=[(text, token)])


def _alphabet() -> list[str]:
    """The letters that stand for bytes in byte-level tokenizers, in the order of their ids."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(256 + place) for place in range(len(hidden))]
