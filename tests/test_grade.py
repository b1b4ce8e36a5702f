import asyncio
import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from outthink import grade
from outthink.errors import OutthinkError
from outthink.grade import Grader

TOWER = "10^{10^{10^{10}}}"

# One worker serves the whole module: starting one takes a second.
shared_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def grader() -> AsyncIterator[Grader]:
    async with Grader(timeout=1.0) as grader:
        yield grader


@contextmanager
def no_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    async def start() -> None:
        raise AssertionError("a worker was started")

    with monkeypatch.context() as patch:
        patch.setattr(grade._Worker, "start", start)
        yield


async def until(ready: Callable[[], object]) -> None:
    while not ready():
        await asyncio.sleep(0)


async def running(grader: Grader) -> grade._Worker:
    await until(lambda: grader._workers)
    return next(iter(grader._workers))


async def test_plain_answers_need_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    with no_worker(monkeypatch):
        grader = Grader()
        assert await grader.equivalent(r"\frac{1}{2}", "0.50")
        assert await grader.equivalent("x^2 + 1", "$x^{2}+1$.")
        assert await grader.equivalent("18", "$18.00")
        assert not await grader.equivalent("18", "19")
        assert not await grader.equivalent("1/3", "0.3333333")
        assert not await grader.equivalent("listen", "silent")
        assert not await grader.equivalent("18", "eighteen")
        assert not await grader.equivalent("18", None)
        assert not await grader.equivalent("18", "")
        assert not await grader.equivalent("", "")
        assert await grader.merge(["1/2", "0.5", "3", "Monday", ""]) == {k: k for k in ("1/2", "3", "monday", "")}
        assert not grader.failures


@shared_loop
@pytest.mark.parametrize(
    ("reference", "answer", "equal"),
    [
        (r"\sqrt{8}", r"2\sqrt2", True),
        ("(x+1)^2", "x^2+2x+1", True),
        ("(x+1)^2", "x^2+2x-1", False),
        ("2", r"\sqrt{4}", True),
        ("1024", "2^{10}", True),
        (r"\{1,2\}", r"\{2,1\}", True),
        ("(1,2)", "(2,1)", False),
        (r"\frac{\pi}{2}", r"\pi/2", True),
        ("x = 5", r"\sqrt{25}", True),
        ("x \\ge 2", r"[2,\infty)", True),
        (r"[2,\infty)", "x \\ge 2", False),
        ("2\\pi r", "2r\\pi", True),
    ],
)
async def test_algebra(grader: Grader, reference: str, answer: str, equal: bool) -> None:
    assert await grader.equivalent(reference, answer) is equal


@shared_loop
async def test_merge_counts_equal_expressions_together(grader: Grader) -> None:
    answers = ["x^2+2x+1", "7", "(x+1)^2", r"\sqrt{49}", "(x+1)^{2}", "7.0", "x"]
    merged = await grader.merge(answers)
    assert merged == {"7": "7", r"\sqrt{49}": "7", "(x+1)^2": "(x+1)^2", "x^2+2x+1": "(x+1)^2", "x": "x"}
    assert await grader.merge(answers[::-1]) == merged


@shared_loop
async def test_an_answer_is_compared_once(grader: Grader, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await asyncio.gather(*(grader.equivalent("3x", "x+x+x") for _ in range(3)))
    with no_worker(monkeypatch):
        idle, grader._idle = grader._idle, []
        assert [await grader.equivalent("$3x$", "x + x + x")] * 3 == first == [True] * 3
        grader._idle = idle


POISON = [
    "9**9**9**9", TOWER, "99999999999!", "{" * 100_000, "{" * 1_900, r"\frac{" * 5_000, r"\frac{" * 300,
    "(" * 900 + "1" + ")" * 900, "\0", "1\0002", "\ud800", "", " ", "nan", "inf", "1e999999999", r"\sum_{n=1}^{10^9} n",
    "\\", "$", "}{", "%", "a" * 100_000,
]  # fmt: skip


@shared_loop
async def test_nothing_hangs_or_blocks_the_loop(grader: Grader) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticker = asyncio.create_task(tick())
    failures = grader.failures.copy()
    try:
        async with asyncio.timeout(120):
            for poison in POISON:
                before = ticks
                began = asyncio.get_running_loop().time()
                assert await grader.equivalent("2", poison) is False
                waited = asyncio.get_running_loop().time() - began
                # A loaded machine ticks late, a blocked loop ticks never.
                assert ticks - before >= (waited - 0.5) * 10
    finally:
        ticker.cancel()
    assert grader.failure("2", TOWER) == "timeout"
    assert grader.failure("2", "{" * 100_000) == "too long"
    assert grader.failures["timeout"] > failures["timeout"]
    assert await grader.equivalent("4x", "x+3x")


@shared_loop
async def test_merge_gives_up_early_on_poison(grader: Grader) -> None:
    towers = [TOWER + f"+{n}" for n in range(4)]
    failures = grader.failures.copy()
    merged = await grader.merge([*towers, "5"])
    assert merged == {key: key for key in merged}
    assert (grader.failures - failures).total() <= 2


@shared_loop
async def test_a_worker_that_dies_is_replaced(grader: Grader) -> None:
    assert await grader.equivalent("5y", "y+4y")
    worker = await running(grader)
    os.kill(worker.process.pid, signal.SIGKILL)
    await worker.process.wait()
    assert await grader.equivalent("6y", "y+5y")

    comparison = asyncio.create_task(grader.equivalent("y", TOWER + "+y"))
    worker = await running(grader)
    await until(lambda: not grader._idle)
    os.kill(worker.process.pid, signal.SIGKILL)
    assert await comparison is False
    assert grader.failure("y", TOWER + "+y") == "crash"


async def test_cancelling_ends_the_comparison() -> None:
    async with Grader(timeout=60.0) as grader:
        comparison = asyncio.create_task(grader.equivalent("2", TOWER))
        worker = await running(grader)
        comparison.cancel()
        with pytest.raises(asyncio.CancelledError):
            await comparison
        assert worker.process.returncode == -signal.SIGKILL
        assert await grader.equivalent("7y", "y+6y")


async def test_a_worker_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Grader() as grader:
        monkeypatch.setenv("PYTHONHOME", "/nonexistent")
        with pytest.raises(OutthinkError, match="worker does not start: the process died"):
            await grader.equivalent("x", "y")
        monkeypatch.setattr(sys, "executable", "/nonexistent/python")
        with pytest.raises(OutthinkError, match="No such file"):
            await grader.equivalent("x", "y")


def script(body: str) -> list[str]:
    preamble = "import asyncio, os, signal, sys\nfrom outthink.grade import Grader\n"
    return [sys.executable, "-c", preamble + textwrap.dedent(body)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="watches the worker by Linux's pidfd")
def test_a_killed_parent_leaves_no_worker() -> None:
    body = f"""
        async def main():
            grader = Grader(timeout=2.0)
            task = asyncio.create_task(grader.equivalent("2", "{TOWER}"))
            while not grader._workers:
                await asyncio.sleep(0.01)
            print(next(iter(grader._workers)).process.pid, flush=True)
            await task
        asyncio.run(main())
    """
    with subprocess.Popen(script(body), stdout=subprocess.PIPE, env=environment(), text=True) as parent:
        assert parent.stdout is not None
        worker = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        # A pidfd is readable once its process has ended; the worker is in the middle of a comparison.
        assert select.select([worker], [], [], 30.0)[0]
    finally:
        os.close(worker)


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio\nfrom outthink.grade import Grader\nprint('body', flush=True)\n"
        "async def main():\n    async with Grader() as grader:\n"
        "        print(await grader.equivalent('2x', 'x+x'))\nasyncio.run(main())\n"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", str(program)]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)
    assert (result.stdout, result.stderr) == ("body\nTrue\n", "")


def test_ctrl_c_ends_parent_and_worker() -> None:
    body = f"""
        async def main():
            async with Grader(timeout=60.0) as grader:
                task = asyncio.create_task(grader.equivalent("2", "{TOWER}"))
                while not grader._workers:
                    await asyncio.sleep(0.01)
                print("busy", flush=True)
                await task
        asyncio.run(main())
    """
    with subprocess.Popen(
        script(body),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "busy\n"
        os.killpg(parent.pid, signal.SIGINT)
        _, errors = parent.communicate(timeout=30)
    assert parent.returncode == -signal.SIGINT
    assert errors.strip().splitlines()[-1] == "KeyboardInterrupt"
