import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from outthink.cost import Usage
from outthink.engines import Engine
from outthink.engines.scripted import Scripted
from outthink.errors import EngineDown, OutthinkError, StoreError, VerifierError
from outthink.learn.evaluation.scoring import Judged, Written, score_all
from outthink.prompt import Prompt
from outthink.select import Aggregate
from outthink.tree import Path as TreePath
from outthink.verifiers import Scores

SOLUTIONS = [Written(question=f"q{number}", steps=("one", "two")) for number in range(10)]


class Counting:
    """Scores every step with its place, counts what it does, and fails where it is told to."""

    aggregate: Aggregate = "last"

    def __init__(self, *, failing: dict[str, OutthinkError] | None = None, values: Sequence[float] = (0.25, 0.75)):
        self.usage = Usage()
        self.failing = failing or {}
        self.values = values
        self.texts: list[str] = []
        self.opened = self.closed = self.under_way = self.most = 0

    async def open(self, engine: Engine) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    async def score(self, path: TreePath) -> Scores:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        self.texts.append(path.text)
        if path.question in self.failing:
            raise self.failing[path.question]
        return Scores(values=list(self.values), usage=Usage(calls=1, scored_tokens=10))


class Watched(Scripted):
    """An engine that tells whether it was loaded."""

    opened = 0

    async def open(self) -> None:
        self.opened += 1


async def score(
    verifier: Counting, file: Path, solutions: Sequence[Written] = SOLUTIONS, **changes: Any
) -> dict[Written, Judged]:
    options = {"engine": Scripted(), "asks": False, "prompt": Prompt(), "identity": {"verifier": "counting"}, **changes}
    return await score_all(solutions, verifier, file=file, **options)


async def test_every_solution_is_scored_in_one_pass(tmp_path: Path) -> None:
    verifier, seen = Counting(), []
    judged = await score(verifier, tmp_path / "scores.jsonl", watch=lambda done, total: seen.append((done, total)))
    assert list(judged) == SOLUTIONS
    assert all(each.scores == (0.25, 0.75) for each in judged.values())
    assert verifier.texts == ["one\n\ntwo"] * 10
    assert (verifier.opened, verifier.closed) == (1, 1)
    assert seen == [(done, 10) for done in range(11)]
    assert sum((each.cost for each in judged.values()), Usage()) == Usage(calls=10, scored_tokens=100)


@pytest.mark.parametrize(("parallel", "most"), [(1, 1), (3, 3), (64, 10)])
async def test_so_many_are_under_way(tmp_path: Path, parallel: int, most: int) -> None:
    verifier = Counting()
    await score(verifier, tmp_path / "scores.jsonl", parallel=parallel)
    assert verifier.most == most


async def test_a_second_run_scores_nothing_and_loads_nothing(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "scores.jsonl"
    first = await score(Counting(), file)
    again = Counting()
    assert await score(again, file) == first
    assert (again.texts, again.opened) == ([], 0)


async def test_only_what_is_missing_is_scored(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    await score(Counting(), file, SOLUTIONS[:4])
    verifier, seen = Counting(), []
    await score(verifier, file, watch=lambda done, total: seen.append((done, total)))
    assert len(verifier.texts) == 6
    assert seen[0] == (4, 10)


async def test_equal_solutions_are_scored_once(tmp_path: Path) -> None:
    verifier = Counting()
    judged = await score(verifier, tmp_path / "scores.jsonl", [SOLUTIONS[0]] * 5)
    assert (len(judged), len(verifier.texts)) == (1, 1)


@pytest.mark.parametrize(
    "changes", [{"identity": {"verifier": "other"}}, {"prompt": Prompt(step="\n")}, {"prompt": Prompt(system="Think.")}]
)
async def test_scores_of_something_else_are_not_taken(tmp_path: Path, changes: dict[str, Any]) -> None:
    file = tmp_path / "scores.jsonl"
    await score(Counting(), file)
    other = Counting()
    await score(other, file, **changes)
    assert len(other.texts) == 10
    kept = Counting()
    await score(kept, file)
    assert kept.texts == []


async def test_a_half_written_line_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    first = await score(Counting(), file)
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    verifier = Counting()
    assert await score(verifier, file) == first
    assert len(verifier.texts) == 1
    assert file.read_bytes() == whole


async def test_a_broken_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    file.write_text("{}\n")
    with pytest.raises(StoreError, match=r"scores\.jsonl, line 1: not a score; remove the line"):
        await score(Counting(), file)


async def test_a_failure_is_recorded_and_tried_again(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    judged = await score(Counting(failing={"q3": VerifierError("too long")}), file)
    failed = judged[SOLUTIONS[3]]
    assert (failed.scores, failed.error) == (None, "VerifierError: too long")
    assert sum(each.scores is None for each in judged.values()) == 1
    verifier = Counting()
    assert (await score(verifier, file))[SOLUTIONS[3]].scores == (0.25, 0.75)
    assert len(verifier.texts) == 1


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ((0.5,), "the verifier returned 1 scores for 2 steps"),
        ((0.5, float("nan")), "the verifier scored step 2 with nan"),
        ((1.5, 0.5), "the verifier scored step 1 with 1.5"),
    ],
)
async def test_what_is_no_score_is_a_failure_that_was_paid_for(
    tmp_path: Path, values: tuple[float, ...], error: str
) -> None:
    file = tmp_path / "scores.jsonl"
    (judged,) = (await score(Counting(values=values), file, SOLUTIONS[:1])).values()
    assert judged.scores is None
    assert judged.error is not None and error in judged.error
    assert judged.cost.scored_tokens == 10
    (again,) = (await score(Counting(), file, SOLUTIONS[:1])).values()
    assert (again.scores, again.cost.scored_tokens) == ((0.25, 0.75), 20)


async def test_a_model_that_is_gone_ends_it_and_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    dying = Counting(failing={"q6": EngineDown("gone")})
    with pytest.raises(EngineDown):
        await score(dying, file, parallel=1)
    assert dying.closed == 1
    verifier = Counting()
    await score(verifier, file)
    assert len(verifier.texts) == 4


async def test_cancelling_keeps_what_is_done(tmp_path: Path) -> None:
    file, reached = tmp_path / "scores.jsonl", asyncio.Event()
    watch = lambda done, total: reached.set() if done == 3 else None  # noqa: E731
    scoring = asyncio.create_task(score(Counting(), file, parallel=1, watch=watch))
    await reached.wait()
    scoring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scoring
    kept = len(file.read_text().splitlines())
    assert 3 <= kept < 10
    verifier = Counting()
    await score(verifier, file)
    assert len(verifier.texts) == 10 - kept


async def test_two_processes_do_not_write_to_one_file(tmp_path: Path) -> None:
    from filelock import FileLock

    file = tmp_path / "scores.jsonl"
    with FileLock(f"{file}.lock"), pytest.raises(StoreError, match="another process writes to it"):
        await score(Counting(), file)


@pytest.mark.parametrize("asks", [False, True])
async def test_the_engine_is_loaded_only_for_who_asks(tmp_path: Path, asks: bool) -> None:
    engine = Watched()
    await score(Counting(), tmp_path / "scores.jsonl", engine=engine, asks=asks)
    assert engine.opened == asks
