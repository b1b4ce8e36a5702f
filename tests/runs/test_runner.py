import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import EngineDown, ProblemError
from outthink.runs.recipe import Recipe, parse_recipe
from outthink.runs.results import Unit
from outthink.runs.runner import Progress, run
from outthink.runs.store import Store
from outthink.shape import Shape
from outthink.tree import Message

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 12},
    "engine": {"kind": "scripted", "steps": 3},
    "verifier": {"kind": "scripted", "noise": 0.1},
    "strategies": ["greedy", {"kind": "sample", "n": 4, "select": ["majority", "weighted"]}, {"kind": "beam", "n": 4}],
}


def recipe(**changes: Any) -> Recipe:
    return parse_recipe({**RECIPE, **changes}, "recipe")


def digests(folder: Path) -> dict[Unit, tuple[str, object]]:
    with Store.read(folder) as store:
        return {result.unit: (result.digest, result.verdicts) for result in store.results()}


async def test_every_strategy_meets_every_problem_with_every_seed(tmp_path: Path) -> None:
    await run(recipe(seeds=[0, 5]), tmp_path)
    with Store.read(tmp_path) as store:
        assert len(store.done()) == 3 * 2 * 12
        for result in store.results():
            assert result.error is None
            assert result.leaves == (1 if result.unit.strategy == "greedy" else 4)
            assert all(verdict.correct is not None for verdict in result.verdicts)
            tree = store.tree(result.unit)
            assert (tree.digest(), tree.cost) == (result.digest, result.cost)


async def test_the_shapes_of_the_models_are_kept(tmp_path: Path) -> None:
    writer = {"kind": "scripted", "parameters": 9, "layers": 2, "width": 4, "kv_width": 2}
    await run(recipe(engine=writer, partners={"other": "scripted"}), tmp_path)
    with Store.read(tmp_path) as store:
        assert store.models() == {
            "engine": Shape(parameters=9, layers=2, width=4, kv_width=2),
            "verifier": None,
            "partners.other": None,
        }


async def test_how_many_are_in_flight_changes_no_result(tmp_path: Path) -> None:
    await run(recipe(in_flight=1), tmp_path / "one")
    await run(recipe(in_flight=20), tmp_path / "many")
    assert digests(tmp_path / "one") == digests(tmp_path / "many")


async def test_a_subset_of_a_run_is_a_subset_of_its_results(tmp_path: Path) -> None:
    await run(recipe(), tmp_path / "all")
    await run(recipe(problems={"source": "builtin:scripted", "limit": 5, "offset": 3}), tmp_path / "some")
    assert digests(tmp_path / "some").items() <= digests(tmp_path / "all").items()


class OneSlow(ScriptedEngine):
    """Does not get on with one question until it has seen eight others."""

    def __init__(self) -> None:
        super().__init__()
        self._others = 0
        self._seen = asyncio.Event()

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        if messages[-1]["content"] == "slow":
            await self._seen.wait()
        self._others += 1
        if self._others == 8:
            self._seen.set()
        return await super().encode(messages)


async def test_a_slow_problem_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two in flight and the first one slow, the other place serves everybody else meanwhile."""
    monkeypatch.setattr("outthink.runs.runner.make_engine", lambda spec: OneSlow())
    problems = tmp_path / "problems.jsonl"
    questions = ["slow", *(f"question {number}" for number in range(8))]
    problems.write_text("\n".join(f'{{"question": "{q}", "answer": "1", "id": "{q}"}}' for q in questions))
    strategies = [{"kind": "sample", "n": 2, "select": "majority"}]
    async with asyncio.timeout(60):
        await run(recipe(problems={"source": str(problems)}, strategies=strategies, in_flight=2), tmp_path / "run")
    with Store.read(tmp_path / "run") as store:
        assert [result.unit.problem for result in store.results()].index("slow") >= 7


async def test_a_cancelled_run_keeps_what_is_finished_and_resumes_to_the_same_end(tmp_path: Path) -> None:
    slow = {"engine": {"kind": "scripted", "steps": 3, "seconds_per_call": 0.002}}
    seen: list[int] = []
    task = asyncio.create_task(run(recipe(**slow), tmp_path / "cut", lambda progress: seen.append(progress.done)))
    while len(seen) < 7:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = digests(tmp_path / "cut")
    assert len(kept) == seen[-1] >= 7

    resumed: list[int] = []
    await run(recipe(**slow), tmp_path / "cut", lambda progress: resumed.append(progress.done))
    assert resumed == list(range(len(kept) + 1, 37))
    await run(recipe(**slow), tmp_path / "whole")
    assert digests(tmp_path / "cut") == digests(tmp_path / "whole")


async def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    await run(recipe(), tmp_path)
    seen: list[Progress] = []
    await run(recipe(), tmp_path, seen.append)
    assert seen == []


async def test_a_failed_problem_is_a_recorded_result(tmp_path: Path) -> None:
    await run(recipe(engine={"kind": "scripted", "steps": 3, "fault_rate": 0.2}), tmp_path)
    with Store.read(tmp_path) as store:
        results = store.results()
    failed = [result for result in results if result.error]
    assert len(results) == 36 and 0 < len(failed) < 36
    assert all("EngineError: scripted fault" in (result.error or "") and not result.verdicts for result in failed)


async def test_a_verifier_that_returns_no_number_is_a_recorded_result(tmp_path: Path) -> None:
    await run(recipe(verifier={"kind": "scripted", "nan_rate": 1.0}), tmp_path)
    with Store.read(tmp_path) as store:
        for result in store.results():
            assert (result.error is None) == (result.unit.strategy == "greedy")
            if result.error:
                assert "VerifierError" in result.error and "nan" in result.error
                assert result.cost.engine.generated_tokens > 0


async def test_an_answer_that_cannot_be_graded_is_a_recorded_result(tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    problems.write_text(json.dumps({"question": "How long?", "answer": "x+" * 4000 + "y"}))
    await run(recipe(problems={"source": str(problems)}, strategies=["greedy"]), tmp_path / "run")
    with Store.read(tmp_path / "run") as store:
        ((verdict,),) = [result.verdicts for result in store.results()]
    assert (verdict.correct, verdict.ungraded) == (False, "too long")


async def test_majority_alone_asks_no_verifier(tmp_path: Path) -> None:
    await run(recipe(verifier=None, strategies=[{"kind": "sample", "n": 4, "select": "majority"}]), tmp_path)
    with Store.read(tmp_path) as store:
        assert all(result.cost.verifier.calls == 0 for result in store.results())


async def test_a_missing_problem_file_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"none\.jsonl"):
        await run(recipe(problems={"source": str(tmp_path / "none.jsonl")}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


async def test_failed_searches_are_tried_again_only_on_request(tmp_path: Path) -> None:
    await run(recipe(engine={"kind": "scripted", "steps": 3, "fault_rate": 0.3}), tmp_path)
    with Store.read(tmp_path) as store:
        failed = {result.unit for result in store.results() if result.error is not None}
        kept = {result.unit: result.digest for result in store.results() if result.error is None}
    assert failed and kept
    seen: list[Progress] = []
    faulty = recipe(engine={"kind": "scripted", "steps": 3, "fault_rate": 0.3})
    await run(faulty, tmp_path, seen.append)
    assert seen == []
    await run(faulty, tmp_path, seen.append, retry_failed=True)
    assert len(seen) == len(failed)
    with Store.read(tmp_path) as store:
        assert {r.unit: r.digest for r in store.results() if r.unit in kept} == kept
        assert len(store.done()) == len(failed) + len(kept)


async def test_an_engine_that_is_gone_ends_the_run_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was finished stays, nothing is recorded as failed, and the same recipe goes on from there."""
    encode, calls = ScriptedEngine.encode, 0

    async def gone(self: ScriptedEngine, messages: Sequence[Message]) -> list[int]:
        nonlocal calls
        calls += 1
        if calls > 10:
            raise EngineDown("gone; start it again")
        return await encode(self, messages)

    with monkeypatch.context() as patch:
        patch.setattr(ScriptedEngine, "encode", gone)
        with pytest.raises(EngineDown, match="start it again"):
            await run(recipe(in_flight=2), tmp_path)
    with Store.read(tmp_path) as store:
        before = digests(tmp_path)
        assert 0 < len(before) <= 10
        assert all(result.error is None for result in store.results())
    await run(recipe(), tmp_path)
    after = digests(tmp_path)
    assert len(after) == 3 * 12 and before.items() <= after.items()
