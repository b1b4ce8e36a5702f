"""Measures a policy adapter on the built-in problems, through llama.cpp: the figures on the adapter's card.

    python experiments/measure_policy.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --adapter policy/adapter.gguf

Prints a table in Markdown: for each level the accuracy of the greedy solution, of a single sample, of the
majority of all samples and of those without a false step, and the share of problems that any sample gets
right (pass@n), with 95 % Wilson intervals where problems are the trials. Below it, what single steps and
wrong solutions look like.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import xllamacpp

from outthink.problems.arithmetic import LEVELS, arithmetic
from outthink.problems.problem import Problem
from outthink.prompt import Prompt

SLOTS, CONTEXT, LONGEST = 8, 512, 160
EQUALITY = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True, help="the base model")
    parser.add_argument("--adapter", type=Path, help="the adapter; without it the base model is measured")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--temperature", type=float, default=0.8)
    options = parser.parse_args()

    server = start(options.gguf, options.adapter)
    problems = arithmetic(options.split, count=options.problems)
    with ThreadPoolExecutor(SLOTS) as pool:
        greedy = list(pool.map(lambda problem: write(server, problem, 0.0, 0), problems))
        asked = [(problem, seed) for problem in problems for seed in range(options.samples)]
        flat = list(pool.map(lambda each: write(server, each[0], options.temperature, each[1]), asked))
    samples = [flat[start : start + options.samples] for start in range(0, len(flat), options.samples)]
    report(problems, greedy, samples)


def start(gguf: Path, adapter: Path | None) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_parallel, params.n_ctx, params.verbosity = SLOTS, SLOTS * CONTEXT, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    if adapter:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(adapter), 1.0
        params.lora_adapters = [lora]
    return xllamacpp.Server(params)


def write(server: Any, problem: Problem, temperature: float, seed: int) -> str:
    # Plain temperature: llama.cpp's other samplers are off, as in the engine.
    plain = {
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0.0,
        "temperature": temperature,
        "seed": seed,
        "max_tokens": LONGEST,
    }
    answer = server.handle_chat_completions({"messages": Prompt().messages(problem.question), **plain})
    return str(answer["choices"][0]["message"]["content"])


def report(problems: list[Problem], greedy: list[str], samples: list[list[str]]) -> None:
    n = len(samples[0])
    print(f"| level | problems | greedy | one sample | majority@{n} | of the sound | pass@{n} |")
    print("|---|---|---|---|---|---|---|")
    for name, levels in (*((str(level), {str(level)}) for level in LEVELS), ("all", set(map(str, LEVELS)))):
        rows = [each for each in zip(problems, greedy, samples, strict=True) if each[0].level in levels]
        one = sum(right(problem, text) for problem, _, texts in rows for text in texts) / (n * len(rows))
        first = wilson(right(problem, text) for problem, text, _ in rows)
        vote = wilson(majority(texts) == problem.answer for problem, _, texts in rows)
        checked = wilson(majority(filter(sound, texts)) == problem.answer for problem, _, texts in rows)
        some = wilson(any(right(problem, text) for text in texts) for problem, _, texts in rows)
        print(f"| {name} | {len(rows)} | {first} | {one:.0%} | {vote} | {checked} | {some} |")

    steps = [step for texts in samples for text in texts for step in text.split("\n\n") if "=" in step]
    pairs = [(problem, text) for problem, texts in zip(problems, samples, strict=True) for text in texts]
    wrong = [text for problem, text in pairs if not right(problem, text)]
    print(f"\nSteps of the samples that are true: {wilson(map(true, steps))} of {len(steps)}.")
    print(f"Wrong samples with a false step: {wilson(not sound(text) for text in wrong)} of {len(wrong)}.")


def answer(text: str) -> str | None:
    found = re.search(r"The answer is (\d+)\.", text)
    return found[1] if found else None


def right(problem: Problem, text: str) -> bool:
    return answer(text) == problem.answer


def majority(texts: Iterable[str]) -> str | None:
    """The most frequent answer, the first written of equals."""
    votes = Counter(filter(None, map(answer, texts)))
    return votes.most_common(1)[0][0] if votes else None


def sound(text: str) -> bool:
    return all(true(step) for step in text.split("\n\n") if "=" in step)


def true(step: str) -> bool:
    found = EQUALITY.fullmatch(step.strip())
    if not found:
        return False
    left, operator, right, result = int(found[1]), found[2], int(found[3]), int(found[4])
    if operator == "/":
        return left == right * result
    return {"+": left + right, "-": left - right, "*": left * right}[operator] == result


def wilson(marks: Iterable[bool]) -> str:
    """The share of true marks with its 95 % Wilson score interval."""
    counts = Counter(marks)
    n, z = counts.total(), 1.959964
    if not n:
        return "none"
    share = counts[True] / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return f"{share:.0%} ({middle - reach:.0%} to {middle + reach:.0%})"


if __name__ == "__main__":
    main()
