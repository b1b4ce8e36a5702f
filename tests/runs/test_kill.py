"""A run is killed without warning at random moments, again and again, and still comes to the same end."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from outthink.models import BUILT_IN
from outthink.runs.results import Result, Unit
from outthink.runs.store import Store

SCRIPTED = """
problems: {source: builtin:scripted, limit: 60}
engine: {kind: scripted, steps: 4, seconds_per_call: 0.02}
verifier: {kind: scripted, noise: 0.2}
strategies:
  - greedy
  - {kind: sample, n: 8, select: [majority, weighted]}
  - {kind: beam, n: 8}
  - {kind: dvts, n: 8}
in_flight: 4
"""

EMBEDDED = """
problems: {source: builtin, limit: 60}
engine: {kind: llamacpp, context: 512, parallel: 8}
verifier: rules
sampling: {max_step_tokens: 48, max_tokens: 160}
strategies:
  - {kind: beam, n: 4, width: 2}
# Each sitting waits for the first result, which comes the sooner the fewer problems share the slots.
in_flight: 2
"""


def command(folder: Path, recipe: str) -> list[str]:
    path = folder / "recipe.yaml"
    path.write_text(recipe)
    return [sys.executable, "-m", "outthink", "run", str(path), "--out", str(folder / "run")]


def results(folder: Path) -> list[Result]:
    with Store.read(folder / "run") as store:
        return store.results()


def kill_at_random(folder: Path, recipe: str, *, kills: int, longest: float) -> int:
    """Start the run `kills` times and kill it somewhere in its work; return how many kills found it working."""
    rng, found_working = random.Random(7), 0
    for _ in range(kills):
        before = len(results(folder)) if (folder / "run" / "run.db").exists() else 0
        process = subprocess.Popen(
            command(folder, recipe), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        _wait_for_more(folder, before, process)
        time.sleep(rng.uniform(0, longest))
        found_working += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    return found_working


def _wait_for_more(folder: Path, before: int, process: subprocess.Popen[bytes]) -> None:
    """Until a result is stored that was not there before, so that every sitting has work to lose."""
    limit = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < limit:
        if (folder / "run" / "run.db").exists() and len(results_or_none(folder)) > before:
            return
        time.sleep(0.005)


def results_or_none(folder: Path) -> set[Unit]:
    try:
        with Store.read(folder / "run") as store:
            return store.done()
    except Exception:  # The file may be in the making.
        return set()


def finish(folder: Path, recipe: str) -> None:
    subprocess.run(command(folder, recipe), check=True, capture_output=True)


def identity(result: Result) -> tuple[object, ...]:
    """All of a result but when it happened."""
    untimed = [replace(usage, seconds=0.0) for usage in (result.cost.engine, result.cost.verifier)]
    return result.error, result.stopped, result.leaves, result.digest, result.verdicts, untimed


@pytest.mark.slow
def test_twenty_kills_change_nothing_on_the_scripted_engine(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    finish(whole, SCRIPTED)
    assert kill_at_random(killed, SCRIPTED, kills=20, longest=0.05) == 20
    assert len(results(killed)) < len(results(whole)), "every kill came too late to lose anything"
    finish(killed, SCRIPTED)
    expected = {result.unit: identity(result) for result in results(whole)}
    assert {result.unit: identity(result) for result in results(killed)} == expected
    assert len(expected) == 240


@pytest.mark.slow
@pytest.mark.model
def test_twenty_kills_lose_and_double_nothing_on_the_embedded_model(tmp_path: Path, default_model: Path) -> None:
    assert default_model.name == BUILT_IN["smollm2-135m"].weights.file
    assert kill_at_random(tmp_path, EMBEDDED, kills=20, longest=0.5) == 20
    finish(tmp_path, EMBEDDED)
    found = Counter(result.unit for result in results(tmp_path))
    assert len(found) == 60
    assert set(found.values()) == {1}
    assert all(result.error is None for result in results(tmp_path))
