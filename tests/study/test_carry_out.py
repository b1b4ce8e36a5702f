"""A study on the scripted engine, from its recipe to its runs' folders."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import EngineDown, ModelNotFound, ProblemError, StoreError
from outthink.runs.results import Result, Unit
from outthink.runs.runner import Progress
from outthink.runs.store import Store
from outthink.study.carry_out import RECIPE as STORED
from outthink.study.carry_out import carry_out, run_folder, steps
from outthink.study.recipe import StudyRecipe, parse_study_recipe
from outthink.terminal.progress import Pace

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 5},
    "engines": {"small": {"kind": "scripted", "steps": 2}, "large": {"kind": "scripted", "steps": 2, "parameters": 7}},
    "verifiers": {"good": {"kind": "scripted", "noise": 0.1}, "bad": {"kind": "scripted", "noise": 1.0}},
    "budgets": [1, 4],
    "strategies": ["greedy", {"kind": "sample", "select": ["majority", "weighted"]}, {"kind": "beam", "width": "sqrt"}],
}
LABELS = ["small+good", "small+bad", "large+good", "large+bad"]
UNITS = 5 * 4


def study(**changes: Any) -> StudyRecipe:
    return parse_study_recipe({**RECIPE, **changes}, "study")


def results(folder: Path) -> dict[tuple[str, Unit], Result]:
    found = {}
    for run in sorted((folder / "runs").iterdir()):
        with Store.read(run) as store:
            found |= {(run.name, result.unit): result for result in store.results()}
    return found


def told(folder: Path) -> dict[tuple[str, Unit], Any]:
    """All that does not hang on the clock."""
    return {place: (result.error, result.digest, set(result.verdicts)) for place, result in results(folder).items()}


@contextmanager
def large_engine_gone(error: Exception, *, after: int) -> Iterator[None]:
    """The engine with 7 parameters fails for good after some requests."""
    encode, calls = ScriptedEngine.encode, 0

    async def failing(self: ScriptedEngine, messages: Any) -> list[int]:
        nonlocal calls
        calls += self.parameters == 7
        if self.parameters == 7 and calls > after:
            raise error
        return await encode(self, messages)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedEngine, "encode", failing)
        yield


async def test_every_engine_meets_every_verifier_with_every_strategy(tmp_path: Path) -> None:
    assert await carry_out(study(), tmp_path) == {}
    found = results(tmp_path)
    assert len(found) == UNITS * len(LABELS)
    assert {label for label, _ in found} == set(LABELS)
    assert {unit.strategy for _, unit in found} == {"greedy", "sample-4", "beam-1", "beam-4"}
    # The verifiers disagree, or they were not asked.
    chosen = {
        (label, unit.problem): result.verdicts for (label, unit), result in found.items() if unit.strategy == "beam-4"
    }
    assert any(chosen["small+good", problem] != chosen["small+bad", problem] for _, problem in chosen)
    assert (tmp_path / STORED).read_text() == study().text


async def test_one_engine_is_open_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = [0]

    async def opened(self: ScriptedEngine) -> None:
        held.append(held[-1] + 1)

    async def closed(self: ScriptedEngine) -> None:
        held.append(held[-1] - 1)

    monkeypatch.setattr(ScriptedEngine, "open", opened)
    monkeypatch.setattr(ScriptedEngine, "close", closed)
    await carry_out(study(), tmp_path)
    assert held == [0, 1] * 4 + [0]


async def test_progress_is_that_of_the_whole(tmp_path: Path) -> None:
    seen: list[Progress] = []
    await carry_out(study(), tmp_path, seen.append)
    total = UNITS * len(LABELS)
    assert [(progress.done, progress.total) for progress in seen] == [(done, total) for done in range(1, total + 1)]
    assert list(dict.fromkeys(progress.strategy for progress in seen)) == list(steps(study()))
    assert steps(study())["large+bad beam-4"] == 4
    seconds = [progress.seconds for progress in seen]
    assert seconds == sorted(seconds)
    tokens = [progress.generated_tokens for progress in seen]
    # Of what one verifier's run lent another's nothing was written again, and how long it took is not told.
    written = [result.cost.engine for result in results(tmp_path).values() if result.ended > result.began]
    assert tokens[-1] == max(tokens) == sum(each.generated_tokens for each in written)
    pace = Pace(steps(study()))
    assert [pace.left(progress) for progress in seen][-1] == 0


async def test_a_cancelled_study_keeps_what_is_finished_and_goes_on(tmp_path: Path) -> None:
    slow = study(engine={"kind": "scripted", "steps": 2, "seconds_per_call": 0.002}, engines=None)
    seen: list[Progress] = []
    task = asyncio.create_task(carry_out(slow, tmp_path / "cut", seen.append))
    while len(seen) < UNITS + 3:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = results(tmp_path / "cut")
    assert len(kept) == seen[-1].done < 2 * UNITS
    again: list[int] = []
    await carry_out(slow, tmp_path / "cut", lambda progress: again.append(progress.done))
    assert again == list(range(len(kept) + 1, 2 * UNITS + 1))
    assert kept.items() <= results(tmp_path / "cut").items()
    await carry_out(slow, tmp_path / "whole")
    assert told(tmp_path / "cut") == told(tmp_path / "whole")


@pytest.mark.parametrize(
    ("changes", "fresh"),
    [
        # A larger pool is a new one; the rest of the first two budgets is there.
        ({"budgets": [1, 4, 8]}, {"sample-8", "beam-8"}),
        ({"budgets": [4]}, set()),
        ({"strategies": [*RECIPE["strategies"], "rebase"]}, {"rebase-1", "rebase-4"}),
        ({"verifiers": RECIPE["verifiers"] | {"other": "rules"}}, {"greedy", "sample-4", "beam-1", "beam-4"}),
        ({"strategies": [{"kind": "sample", "select": "best", "aggregate": ["min", "prod"]}]}, set()),
        ({"in_flight": 3}, set()),
    ],
)
async def test_only_what_is_missing_is_carried_out(tmp_path: Path, changes: dict[str, Any], fresh: set[str]) -> None:
    one = {"engine": {"kind": "scripted", "steps": 2}, "engines": None}
    await carry_out(study(**one), tmp_path)
    before = results(tmp_path)
    seen: list[str] = []
    await carry_out(study(**one, **changes), tmp_path, lambda progress: seen.append(progress.strategy.split()[1]))
    after = results(tmp_path)
    assert set(seen) == fresh == {unit.strategy for _, unit in after.keys() - before.keys()}
    assert {place: after[place].began for place in before} == {place: before[place].began for place in before}


async def test_an_engine_that_is_gone_ends_its_runs_and_no_others(tmp_path: Path) -> None:
    with large_engine_gone(EngineDown("gone; start it again"), after=7):
        ended = await carry_out(study(in_flight=1), tmp_path)
    assert {label: str(error) for label, error in ended.items()} == {
        "large+good": "gone; start it again",
        "large+bad": "gone; start it again",
    }
    found = results(tmp_path)
    assert [sum(label == each for label, _ in found) for each in LABELS] == [UNITS, UNITS, 7, 0]
    assert all(result.error is None for result in found.values())
    assert await carry_out(study(), tmp_path) == {}
    assert len(results(tmp_path)) == UNITS * len(LABELS)


async def test_a_model_that_is_missing_can_be_put_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def open(self: ScriptedEngine) -> None:
        if self.parameters == 7:
            raise ModelNotFound("no such model")

    monkeypatch.setattr(ScriptedEngine, "open", open)
    assert list(await carry_out(study(), tmp_path)) == ["large+good", "large+bad"]
    right = {**RECIPE["engines"], "large": {"kind": "scripted", "steps": 2, "parameters": 8}}
    assert await carry_out(study(engines=right), tmp_path) == {}
    assert len(results(tmp_path)) == UNITS * len(LABELS)


async def test_all_runs_are_checked_before_the_first_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await carry_out(study(), tmp_path)
    before, text = results(tmp_path), (tmp_path / STORED).read_text()

    async def never(self: ScriptedEngine) -> None:
        raise AssertionError("nothing may be loaded")

    monkeypatch.setattr(ScriptedEngine, "open", never)
    changed = {**RECIPE["engines"], "large": {"kind": "scripted", "steps": 3}}
    with pytest.raises(StoreError, match=r"large\+good: holds results of another recipe, with other engine"):
        await carry_out(study(engines=changed, budgets=[1, 4, 8]), tmp_path)
    with pytest.raises(StoreError, match="strategy 'beam-4' has results as"):
        await carry_out(study(strategies=[{"kind": "beam", "width": 2, "max_steps": 3}]), tmp_path)
    with pytest.raises(ProblemError):
        await carry_out(study(problems={"source": str(tmp_path / "none.jsonl")}), tmp_path)
    assert (results(tmp_path), (tmp_path / STORED).read_text()) == (before, text)


async def test_failed_searches_are_tried_again_on_request(tmp_path: Path) -> None:
    faulty = study(engine={"kind": "scripted", "steps": 2, "fault_rate": 0.2}, engines=None)
    await carry_out(faulty, tmp_path)
    failed = sum(result.error is not None for result in results(tmp_path).values())
    seen: list[Progress] = []
    await carry_out(faulty, tmp_path, seen.append)
    assert seen == []
    await carry_out(faulty, tmp_path, seen.append, retry_failed=True)
    assert len(seen) == failed > 0
    assert seen[-1].done == seen[-1].total


@pytest.mark.slow
def test_kills_in_mid_study_change_nothing(tmp_path: Path) -> None:
    recipe = {**RECIPE, "engine": {"kind": "scripted", "steps": 2, "seconds_per_call": 0.02}, "in_flight": 2}
    del recipe["engines"]
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(recipe))

    def command(out: str) -> list[str]:
        return [sys.executable, "-m", "outthink", "study", str(path), "--out", str(tmp_path / out)]

    subprocess.run(command("whole"), check=True, capture_output=True)
    rng, stored, killed = random.Random(3), 0, set()
    for _ in range(8):
        process = subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and _stored(tmp_path / "killed") <= stored:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        killed.add(process.wait())
        stored = _stored(tmp_path / "killed")
    assert killed == {-signal.SIGKILL} and stored < 2 * UNITS
    subprocess.run(command("killed"), check=True, capture_output=True)
    assert told(tmp_path / "killed") == told(tmp_path / "whole")


def _stored(folder: Path) -> int:
    count = 0
    for label in ("scripted+good", "scripted+bad"):
        try:
            with Store.read(run_folder(folder, label)) as store:
                count += len(store.done())
        except StoreError:
            # Not begun yet.
            pass
    return count
