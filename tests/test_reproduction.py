"""What docs/reproduction.md says a recipe takes is what comes of the recipe and of the assumptions named there."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from outthink.runs import Recipe
from outthink.study.recipe import load_study_recipe

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
REPRODUCING = sorted((ROOT / "recipes" / "reproduce").glob("*.yaml"))

PROBLEMS = {"HuggingFaceH4/MATH-500": 500, "openai/gsm8k:main": 1319, "HuggingFaceH4/aime_2024": 30}
TOKENS = {"HuggingFaceH4/MATH-500": 600, "HuggingFaceH4/aime_2024": 1500}
WU_TOKENS = {"HuggingFaceH4/MATH-500": 280, "openai/gsm8k:main": 164}
PEAK, WRITING, READING, READ = 989e12, 0.10, 0.30, 1.2
PRICE = 3.0


def size(model: str) -> float:
    """Parameters, as the name says."""
    found = re.search(r"(\d+(?:\.\d+)?)([BM])\b", model, re.IGNORECASE)
    assert found is not None, model
    return float(found[1]) * {"B": 1e9, "M": 1e6}[found[2].upper()]


def spec(given: object) -> Mapping[str, Any]:
    assert isinstance(given, dict)
    return given


def memory(run: Recipe) -> float:
    """Bytes on the first GPU: weights and caches of both models."""
    engine, verifier = spec(run.engine), spec(run.verifier)
    weights = 2 * size(engine["model"]) / engine.get("tensor_parallel", 1) + 2 * size(verifier["model"])
    return float(weights + (engine["cache"] + verifier["backend"]["cache"]) * 2**30)


def row(path: Path) -> str:
    """The recipe's row of the table."""
    runs = load_study_recipe(path).runs.values()
    solutions = tokens = seconds = 0.0
    for run in runs:
        source = run.problems.source
        found = PROBLEMS[source] * len(run.seeds) * sum(entry.strategy.samples for entry in run.strategies)
        written = found * (WU_TOKENS if path.stem.startswith("wu-") else TOKENS)[source]
        solutions, tokens = solutions + found, tokens + written
        seconds += 2 * size(spec(run.engine)["model"]) * written / (WRITING * PEAK)
        seconds += 2 * size(spec(run.verifier)["model"]) * READ * written / (READING * PEAK)
    gpus = max(spec(run.engine).get("tensor_parallel", 1) for run in runs)
    hours = seconds / 3600
    size_of_it = f"{gpus} | {max(map(memory, runs)) / 1e9:.0f} | {solutions:,.0f} | {tokens / 1e9:.2f}"
    return f"| [`{path.stem}`](../recipes/reproduce/{path.name}) | {size_of_it} | {hours:.0f} | {hours * PRICE:.0f} |"


@pytest.mark.parametrize("path", REPRODUCING, ids=lambda path: path.stem)
def test_the_page_says_what_a_recipe_takes(path: Path) -> None:
    assert row(path) in PAGE.splitlines()
    assert all(memory(run) < 75e9 for run in load_study_recipe(path).runs.values())


def test_the_page_lists_no_other_recipe() -> None:
    assert set(re.findall(r"recipes/reproduce/([\w.-]+\.yaml)", PAGE)) == {path.name for path in REPRODUCING}
