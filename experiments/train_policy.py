"""Trains the policy adapter that ships with outthink: LoRA on the embedded model, built-in problems, no GPU.

    python experiments/train_policy.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --minutes 40 --out policy

Needs `outthink[transformers]`. Writes `policy/peft` (the peft adapter), `policy/adapter.gguf` (what llama.cpp
loads) and `policy/training.json` (what was done and measured). Every problem is seen once; the schedule
follows the clock, so the number of problems depends on the machine and two runs agree only in the data they
start with.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from outthink.adapter import export_adapter
from outthink.problems.arithmetic import arithmetic
from outthink.problems.problem import Problem
from outthink.prompt import Prompt

LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PROMPT = Prompt()
CHUNK = 64  # batches that are sorted by length together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True, help="the base model")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--minutes", type=float, default=40.0, help="time to train for")
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=8, help="problems per step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validate", type=int, default=100, help="validation problems to measure on")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    torch.set_num_threads(2)
    tokenizer, policy = load(options.gguf, rank=options.rank)
    progress = train(policy, tokenizer, options)
    validation = [encode(tokenizer, problem) for problem in arithmetic("validation", count=options.validate)]
    measured = {
        "validation_loss": validation_loss(policy, validation),
        "validation_greedy": greedy_accuracy(policy, tokenizer, arithmetic("validation", count=options.validate)),
    }
    print(json.dumps(measured), flush=True)

    policy.save_pretrained(options.out / "peft")
    export_adapter(options.out / "peft", options.out / "adapter.gguf", base=options.gguf)
    record = {"options": {name: str(value) for name, value in vars(options).items()}, **progress, **measured}
    (options.out / "training.json").write_text(json.dumps(record, indent=2) + "\n")


def load(gguf: Path, *, rank: int) -> tuple[Any, Any]:
    """The tokenizer, and the dequantised model with a fresh adapter on it."""
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    lora = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LAYERS, task_type="CAUSAL_LM")
    return tokenizer, get_peft_model(model, lora)


def encode(tokenizer: Any, problem: Problem) -> tuple[list[int], list[int]]:
    """The prompt's token ids and the solution's, up to the token that ends the turn.

    Each step is encoded by itself, with its separator, so that the separator is one token whatever follows it
    and a step ends where a token does.
    """
    text = tokenizer.apply_chat_template(PROMPT.messages(problem.question), tokenize=False, add_generation_prompt=True)
    *steps, last = str(problem.solution).split(PROMPT.step)
    pieces = [*(step + PROMPT.step for step in steps), last]
    solution = [token for piece in pieces for token in tokenizer.encode(piece, add_special_tokens=False)]
    return tokenizer.encode(text, add_special_tokens=False), [*solution, tokenizer.eos_token_id]


def batches(tokenizer: Any, *, size: int, seed: int) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Batches of problems of like length, without end and without repetition."""
    shuffle = random.Random(seed).shuffle
    for chunk in range(1_000_000):
        problems = arithmetic("train", count=size * CHUNK, seed=1_000_000 * seed + chunk)
        pairs = sorted(
            (encode(tokenizer, problem) for problem in problems), key=lambda pair: len(pair[0]) + len(pair[1])
        )
        starts = list(range(0, len(pairs), size))
        shuffle(starts)
        yield from (pairs[start : start + size] for start in starts)


def solution_loss(policy: Any, batch: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    """The mean cross-entropy of the solutions' tokens, given the prompts."""
    ids = pad_sequence([torch.tensor(prompt + solution) for prompt, solution in batch], batch_first=True)
    mask = torch.zeros_like(ids)
    target = torch.full_like(ids, -100)
    for row, (prompt, solution) in enumerate(batch):
        end = len(prompt) + len(solution)
        mask[row, :end] = 1
        target[row, len(prompt) : end] = torch.tensor(solution)
    # Entered anew at every step: an autocast region that spans optimizer steps keeps casts of the old
    # weights.
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model = policy.get_base_model()
        hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :-1]
        wanted = target[:, 1:] != -100
        # The vocabulary is the largest layer of so small a model: only positions that count go through it.
        logits = model.lm_head(hidden[wanted])
    return cross_entropy(logits.float(), target[:, 1:][wanted])


def train(policy: Any, tokenizer: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Trains until the time is up; returns what was seen."""
    weights = [weight for weight in policy.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=options.learning_rate, weight_decay=0.0)
    policy.train()
    begin, tokens, losses = time.monotonic(), 0, []
    for step, batch in enumerate(batches(tokenizer, size=options.batch, seed=options.seed)):
        elapsed = time.monotonic() - begin
        if elapsed >= 60 * options.minutes:
            break
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * schedule(elapsed / (60 * options.minutes))
        loss = solution_loss(policy, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        tokens += sum(len(prompt) + len(solution) for prompt, solution in batch)
        losses.append(loss.item())
        if len(losses) % 20 == 0:
            seconds, recent = time.monotonic() - begin, sum(losses[-20:]) / 20
            print(
                f"{seconds:6.0f} s  step {step + 1:5d}  loss {recent:.3f}  {tokens / seconds:5.0f} tokens/s",
                flush=True,
            )
    return {"steps": len(losses), "problems": len(losses) * options.batch, "tokens": tokens}


def schedule(done: float) -> float:
    """Linear warm-up over the first 4 % of the time, then half a cosine down to a twentieth."""
    return done / 0.04 + 0.01 if done < 0.04 else 0.05 + 0.95 * (1 + math.cos(math.pi * (done - 0.04) / 0.96)) / 2


@torch.no_grad()
def validation_loss(policy: Any, pairs: list[tuple[list[int], list[int]]]) -> float:
    policy.eval()
    size = 10
    losses = [solution_loss(policy, pairs[start : start + size]).item() for start in range(0, len(pairs), size)]
    return sum(losses) / len(losses)


@torch.no_grad()
def greedy_accuracy(policy: Any, tokenizer: Any, problems: list[Problem]) -> dict[str, float]:
    """The share of problems of each level whose greedy solution ends in the right answer."""
    policy.eval()
    tokenizer.padding_side = "left"
    right: dict[str, list[bool]] = {}
    for start in range(0, len(problems), 20):
        batch = problems[start : start + 20]
        prompts = [tokenizer.decode(encode(tokenizer, problem)[0]) for problem in batch]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            written = policy.generate(**inputs, max_new_tokens=120, do_sample=False)
        texts = tokenizer.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for problem, text in zip(batch, texts, strict=True):
            right.setdefault(str(problem.level), []).append(text.endswith(f"The answer is {problem.answer}."))
    return {level: sum(marks) / len(marks) for level, marks in sorted(right.items())}


if __name__ == "__main__":
    main()
