"""Scoring written solutions: many at once, one pass each, every score kept in a file as soon as it is there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from outthink.concurrency import task_group
from outthink.cost import Usage
from outthink.engines import Engine
from outthink.errors import EngineDown, OutthinkError, StoreError, VerifierError
from outthink.prompt import Prompt
from outthink.tree import Tree
from outthink.verifiers import Verifier

__all__ = ["PARALLEL", "SELF_SUFFICIENT", "Judged", "Watch", "Written", "score_all"]

PARALLEL = 64

SELF_SUFFICIENT = frozenset({"orm", "prm", "rules", "scripted"})
"""The kinds of verifier that never ask the engine that writes; for any other it is loaded, since it may."""

Watch = Callable[[int, int], None]
"""To be told how many solutions are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A question and the steps of a solution, without separators, none of them blank."""

    question: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a verifier said of a solution.

    Args:
        scores: one for each step; None if there are none because it failed.
        error: why it failed.
        cost: what it took.
    """

    scores: tuple[float, ...] | None
    error: str | None = None
    cost: Usage


async def score_all(
    solutions: Sequence[Written],
    verifier: Verifier,
    *,
    engine: Engine,
    asks: bool,
    prompt: Prompt,
    identity: Mapping[str, object],
    file: Path,
    parallel: int = PARALLEL,
    watch: Watch = lambda done, total: None,
) -> dict[Written, Judged]:
    """Score all steps of every solution that the file holds no scores of.

    What failed is recorded with its reason, and tried again by the next call. Cancelling loses only what was under
    way. If nothing is missing, nothing is opened.

    Args:
        solutions: to be scored; equal ones are scored once.
        verifier: judges; opened and closed here.
        engine: the one the verifier is opened with.
        asks: whether the verifier may ask the engine; if so it is loaded, and closed again, here.
        prompt: how the questions were put, and what stood between the steps.
        identity: what the scores depend on beside the solution, as JSON: the file's scores of another verifier stay
            where they are and are not taken for this one's.
        file: JSONL, written to by one process at a time.
        parallel: solutions under way at once.
        watch: told of every solution done.

    Raises:
        EngineDown: the model that judges is gone. What was scored is kept.
        StoreError: the file cannot be read or written, or another process is writing to it.
        UsageError, ModelNotFound: the verifier cannot be opened.
    """
    keys = {each: _key(each, prompt, identity) for each in solutions}
    with _opened_scores(file) as kept:
        missing = [each for each, key in keys.items() if key not in kept.known or kept.known[key].scores is None]
        done = len(keys) - len(missing)
        if not missing:
            return {each: kept.known[key] for each, key in keys.items()}
        limit = asyncio.Semaphore(parallel)

        async def judge(solution: Written) -> None:
            nonlocal done
            async with limit:
                kept.add(keys[solution], await _judge(verifier, solution, prompt))
            done += 1
            watch(done, len(keys))

        async with _opened_verifier(verifier, engine, asks):
            watch(done, len(keys))
            async with task_group() as group:
                for solution in missing:
                    group.create_task(judge(solution))
    return {each: kept.known[key] for each, key in keys.items()}


@asynccontextmanager
async def _opened_verifier(verifier: Verifier, engine: Engine, asks: bool) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        if asks:
            stack.push_async_callback(engine.close)
            await engine.open()
        stack.push_async_callback(verifier.close)
        await verifier.open(engine)
        yield


async def _judge(verifier: Verifier, solution: Written, prompt: Prompt) -> Judged:
    tree = Tree.written(solution.question, solution.steps, prompt.step, prompt.messages(solution.question))
    try:
        scores = await verifier.score(tree.path(tree.nodes[-1]))
    except EngineDown:
        # Not this solution's failure: no other would fare better.
        raise
    except OutthinkError as error:
        return Judged(scores=None, error=f"{type(error).__name__}: {error}", cost=Usage())
    values = tuple(scores.values)
    fault = _fault(values, len(solution.steps))
    return Judged(scores=values if fault is None else None, error=fault, cost=scores.usage)


def _fault(values: Sequence[float], steps: int) -> str | None:
    if len(values) != steps:
        return f"{VerifierError.__name__}: the verifier returned {len(values)} scores for {steps} steps"
    for number, value in enumerate(values, start=1):
        if not (math.isfinite(value) and 0.0 <= value <= 1.0):
            return (
                f"{VerifierError.__name__}: the verifier scored step {number} with {value}; scores must lie in [0, 1]. "
                "Check its model, precision and input format"
            )
    return None


def _key(solution: Written, prompt: Prompt, identity: Mapping[str, object]) -> str:
    text = json.dumps([identity, asdict(prompt), solution.question, solution.steps], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _opened_scores(path: Path) -> Iterator[_Scores]:
    from filelock import FileLock, Timeout

    with ExitStack() as stack:
        with _storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(FileLock(f"{path}.lock", timeout=0))
            except Timeout:
                raise StoreError(
                    f"{path}: another process writes to it; wait for it, or choose another --out"
                ) from None
            scores = _Scores(path, stack.enter_context(path.open("a+b")))
            scores.load()
        yield scores


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {error}. What was scored before is safe; make room, then try again") from error


class _Scores:
    """The scores in a file: one JSON object a line, a later line taking the place of an earlier one with its key."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self.known: dict[str, Judged] = {}

    def add(self, key: str, judged: Judged) -> None:
        """Keep one more; what an earlier attempt cost is not forgotten."""
        earlier = self.known.get(key)
        total = judged.cost if earlier is None else earlier.cost + judged.cost
        self.known[key] = Judged(scores=judged.scores, error=judged.error, cost=total)
        with _storing(self._path):
            self._file.write(json.dumps({"key": key, **asdict(self.known[key])}).encode() + b"\n")
            self._file.flush()

    def load(self) -> None:
        """Read what is there, and drop what the last process did not write to its end."""
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                self._file.truncate(whole)
                break
            whole += len(line)
            try:
                row = json.loads(line)
                scores = None if row["scores"] is None else tuple(row["scores"])
                self.known[row["key"]] = Judged(scores=scores, error=row["error"], cost=Usage(**row["cost"]))
            except (ValueError, KeyError, TypeError):
                raise StoreError(f"{self._path}, line {number}: not a score; remove the line, and run again") from None
