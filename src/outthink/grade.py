"""Whether two answers are mathematically equal, decided where it can be killed.

Algebra on what a model wrote may take for ever: `9**9**9**9` is a short answer. So most pairs are decided by
their canonical keys alone (`outthink.answer`), and the rest by math-verify in worker processes that are started
when first needed, killed at the time limit and replaced. A worker is a program of its own at the other end of
two pipes, not a `multiprocessing` child: those run the user's main module again unless it is guarded.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from outthink.answer import MAX_LENGTH, canonical, is_number, is_words
from outthink.errors import OutthinkError

__all__ = ["Failure", "Grader"]

Failure = Literal["timeout", "crash", "too long"]
"""Why a comparison was given up; the answers then count as different."""

_START_SECONDS = 120.0
_GRACE_SECONDS = 2.0
_ALARM_EXIT = -int(getattr(signal, "SIGALRM", 14))
_REMEMBERED = 100_000
_MERGED_KEYS = 8


class Grader:
    """Compares answers with math-verify (https://github.com/huggingface/Math-Verify) in killable processes.

    Use as `async with Grader() as grader`, or `await grader.close()` at the end; it belongs to one event loop.
    Cancelling a task that waits for a comparison ends the comparison. `failures` counts the comparisons that
    were given up, by reason.

    Args:
        workers: How many processes may compare at once; each takes about a second to start and 100 MB.
        timeout: Seconds one comparison may take.
    """

    def __init__(self, *, workers: int = 1, timeout: float = 5.0) -> None:
        self._timeout = timeout
        self._limit = asyncio.Semaphore(workers)
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._known: dict[tuple[str, str], bool | Failure] = {}
        self.failures: Counter[Failure] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill every worker; a comparison still in progress counts as a crash."""
        self._idle.clear()
        for worker in tuple(self._workers):
            await self._stop(worker)

    async def equivalent(self, reference: str, answer: str | None) -> bool:
        """Whether `answer` equals `reference`; no answer equals nothing.

        Not symmetric, like math-verify: `[2,\\infty)` answers `x\\ge2`, but not the reverse. Plain numbers are
        equal exactly or not at all, and prose is never read as algebra.

        Raises:
            OutthinkError: No worker can be started.
        """
        return answer is not None and await self._verdict(canonical(reference), canonical(answer)) is True

    async def merge(self, answers: Sequence[str]) -> dict[str, str]:
        """For every canonical key among `answers`, the key to count it under.

        Only the most frequent keys are compared, each with the more frequent ones: algebra over all pairs would
        take longer than writing the solutions. The order of `answers` makes no difference.

        Raises:
            OutthinkError: No worker can be started.
        """
        counts = Counter(canonical(answer) for answer in answers)
        merged = {key: key for key in counts}
        leaders: list[str] = []
        for key in sorted(counts, key=lambda key: (-counts[key], len(key), key))[:_MERGED_KEYS]:
            for leader in leaders:
                verdict = await self._verdict(leader, key)
                if verdict is True:
                    merged[key] = leader
                    break
                if verdict is not False:
                    leaders.remove(leader)  # one of the two would cost the time limit again and again
                    break
            else:
                leaders.append(key)
        return merged

    def failure(self, reference: str, answer: str) -> Failure | None:
        """Why this comparison was given up, or None if it was not (or is no longer remembered)."""
        outcome = self._known.get((canonical(reference), canonical(answer)))
        return None if isinstance(outcome, bool) else outcome

    async def _verdict(self, reference: str, answer: str) -> bool | Failure:
        if reference == answer or not reference or not answer:
            return reference == answer != ""
        if is_words(reference) or is_words(answer) or (is_number(reference) and is_number(answer)):
            return False
        pair = reference, answer
        if pair not in self._known:
            async with self._limit:
                # Another task may have asked the same while this one waited for its turn.
                if pair not in self._known:
                    self._remember(pair, await self._compare(reference, answer))
        return self._known[pair]

    def _remember(self, pair: tuple[str, str], outcome: bool | Failure) -> None:
        if not isinstance(outcome, bool):
            self.failures[outcome] += 1
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[pair] = outcome

    async def _compare(self, reference: str, answer: str) -> bool | Failure:
        if max(len(reference), len(answer)) > MAX_LENGTH:
            return "too long"
        worker = await self._ready_worker()
        outcome: bool | Failure = "crash"
        try:
            outcome = await worker.compare(reference, answer, self._timeout)
        finally:
            if isinstance(outcome, bool):
                self._idle.append(worker)
            else:
                await self._stop(worker)
        return outcome

    async def _ready_worker(self) -> "_Worker":
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None:
                return worker
            await self._stop(worker)
        worker = await _Worker.start()
        self._workers.add(worker)
        return worker

    async def _stop(self, worker: "_Worker") -> None:
        self._workers.discard(worker)
        await worker.stop()


@dataclass(frozen=True, slots=True)
class _Worker:
    """One process of `outthink.grade_worker`, ready for one comparison at a time."""

    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls) -> Self:
        # Without -P the directory of the program, where `select.py` is ours, would come before the standard library.
        program = (sys.executable, "-P", "-W", "ignore", str(Path(__file__).with_name("grade_worker.py")))
        try:
            process = await asyncio.create_subprocess_exec(
                *program,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the parent, which then stops its workers
            )
        except OSError as error:
            raise _no_worker(str(error)) from error
        worker = cls(process)
        greeting: object = None
        try:
            async with asyncio.timeout(_START_SECONDS):
                greeting = await worker._read() or "the process died"
        except TimeoutError:
            greeting = f"not ready after {_START_SECONDS:.0f} s"
        finally:
            if greeting != "ready":
                await worker.stop()
        if greeting != "ready":
            raise _no_worker(str(greeting))
        return worker

    async def compare(self, reference: str, answer: str, seconds: float) -> bool | Failure:
        """The verdict of math-verify; after a failure the worker is of no further use."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([reference, answer, seconds]).encode() + b"\n")
        try:
            # The worker keeps the time itself, so that a busy event loop costs no answer its verdict. This limit
            # is for a platform or a state in which it cannot.
            async with asyncio.timeout(seconds + _GRACE_SECONDS):
                verdict = await self._read()
                if isinstance(verdict, bool):
                    return verdict
                return "timeout" if await self.process.wait() == _ALARM_EXIT else "crash"
        except TimeoutError:
            return "timeout"

    async def stop(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.communicate()

    async def _read(self) -> object:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        return json.loads(line) if line else None


def _no_worker(cause: str) -> OutthinkError:
    return OutthinkError(
        f"answers cannot be compared, the math-verify worker does not start: {cause}. "
        f"See `{sys.executable} -c 'import math_verify'`; reinstalling math-verify may help."
    )
