"""Trainings on several devices, here two processes on a CPU: each has its share of every step's examples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from worked import labelled

from outthink.learn.labels import write_labels
from tiny import tiny_llama

for package in ("torch", "peft", "accelerate"):
    pytest.importorskip(package, reason=f'training needs {package}: pip install "outthink[transformers]"')

pytestmark = pytest.mark.slow

Launch = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    def start(recipe: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "recipe.yaml"
        file.write_text(json.dumps(recipe))
        outthink = ["-m", "outthink", "train", str(file), "--out", str(tmp_path / "out")]
        return subprocess.run(
            # What `accelerate launch` starts on GPUs; on a CPU alone it starts one process.
            [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *outthink],
            env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return start


def test_two_processes_train_one_model(launch: Launch, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    write_labels(labels, (labelled(number) for number in range(60)))

    done = launch(
        {
            "train": "prm",
            "model": str(tiny_llama(tmp_path / "base")),
            "data": [str(labels)],
            "lora": {"rank": 8},
            "fit": {"epochs": 20, "batch_tokens": 512, "precision": "float32", "learning_rate": 0.003},
            "held_out": 0.2,
        }
    )

    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "out" / "training.json").read_text())
    assert told["records"][-1]["step"] == told["records"][-1]["steps"]
    assert told["records"][-1]["held_out"]["auc"] > 0.95
    assert set(told["written"]) == {"adapter", "model"}
    # Its loss and its AUC, told once.
    assert done.stdout.count("on what was held out") == 2, done.stdout


def test_rounds_are_refused(launch: Launch, tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    problems.write_text('{"question": "What is 2 + 3?", "answer": "5"}\n')

    refused = launch(
        {
            "train": "policy",
            "model": str(tiny_llama(tmp_path / "base")),
            "problems": {"source": str(problems)},
            "rounds": 1,
            "sample": {"engine": {"kind": "llamacpp"}, "n": 2},
        }
    )

    assert refused.returncode != 0
    assert "rounds: 2 processes would each sample" in refused.stderr
    assert not (tmp_path / "out" / "samples-1").exists()
