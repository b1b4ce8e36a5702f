"""What a program can do to the machine: nothing where there is isolation, little where it is trusted."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from outthink.errors import UsageError
from outthink.sandbox import Sandbox

ADD = "def add(a, b):\n    return a + b\n"
TESTS = ["assert add(1, 2) == 3", "assert add(1, 2) == 4", "assert add('a', 'b') == 'ab'"]


def _isolation() -> str | None:
    """Why nothing can be isolated here; None if it can."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    probe = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"bubblewrap does not work here: {tried.stderr.strip()}"


WHY_NOT = _isolation()
isolated = pytest.mark.skipif(WHY_NOT is not None, reason=f"cannot isolate: {WHY_NOT}")


@pytest.fixture(params=[pytest.param(False, marks=isolated, id="isolated"), pytest.param(True, id="trusted")])
def make(request: pytest.FixtureRequest) -> Callable[..., Sandbox]:
    """Makes sandboxes, with isolation and without."""
    return partial(Sandbox, trusted=request.param)


async def test_each_test_is_passed_or_failed_on_its_own(make: Callable[..., Sandbox]) -> None:
    assert await make().run(ADD, TESTS) == [True, False, True]


async def test_the_standard_library_is_there(make: Callable[..., Sandbox]) -> None:
    program = "import collections, decimal, heapq, json, math, re, typing\nx = decimal.Decimal('0.1') * 3"
    assert await make().run(program, ["assert str(x) == '0.3'"]) == [True]


@pytest.mark.parametrize(
    "program",
    [
        "def add(a, b) return a + b",
        "raise ValueError",
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "def add(a, b):\n    import os\n    os._exit(0)",
        "def add(a, b):\n    return add(a, b)",
        "(" * 10_000,
        "\0",
    ],
)
async def test_a_program_that_breaks_or_ends_itself_passes_nothing(make: Callable[..., Sandbox], program: str) -> None:
    assert await make().run(program, TESTS) == [False] * 3


async def test_what_a_program_prints_is_no_report(make: Callable[..., Sandbox]) -> None:
    program = "import os, sys\nfor n in range(3):\n    print(n, flush=True)\n    os.write(1, b'0\\n')\n"
    assert await make().run(program, ["assert False"]) == [False]


async def test_of_programs_without_tests_it_tells_what_the_last_one_printed(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    assert await sandbox.printed(["a = 1\nprint('first')", "b = a + 1", "print(b)\nprint(3)"]) == "2\n3"
    assert await sandbox.printed(["a = 1\nfail()", "print(a)"]) == "1"
    assert await sandbox.printed(["print('lost')\n1 / 0"]) == "Code execute Error: ZeroDivisionError: division by zero"
    assert (await sandbox.printed(["print("])).startswith("Code execute Error: SyntaxError: ")
    assert await sandbox.printed(["a = 1"]) == ""


@pytest.mark.parametrize("program", ["while True: pass", "import os; os._exit(0)"])
async def test_a_program_that_does_not_come_to_its_end_has_printed_nothing(
    make: Callable[..., Sandbox], program: str
) -> None:
    said = await make(seconds=1.0).printed([f"print('lost')\n{program}"])
    assert said == "Code execute time out: Code execution timed out"


async def test_packages_are_there_if_they_are_asked_for(make: Callable[..., Sandbox]) -> None:
    solve = "from sympy import Symbol, solve\nx = Symbol('x')\nprint(solve(2 * x - 4, x))"
    assert await make(seconds=30.0, packages=["sympy", "mpmath"]).printed([solve]) == "[2]"
    assert "ModuleNotFoundError" in await make().printed([solve])


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(UsageError, match=r"packages: 'nothing' is no package that is installed here"):
        Sandbox(packages=["nothing"])


async def test_tests_do_not_see_what_others_defined(make: Callable[..., Sandbox]) -> None:
    assert await make().run("value = 1", ["value = 2", "assert value == 1"]) == [True, True]


@pytest.mark.parametrize("program", ["while True: pass", "import time\ntime.sleep(1000)"])
async def test_an_endless_program_is_ended(make: Callable[..., Sandbox], program: str) -> None:
    began = time.perf_counter()
    assert await make(seconds=0.5).run(program, ["pass"]) == [False]
    assert time.perf_counter() - began < 10.0


async def test_what_was_passed_before_the_time_was_up_is_passed(make: Callable[..., Sandbox]) -> None:
    program = "def f(n):\n    while n: pass\n    return n"
    assert await make(seconds=1.0).run(program, ["assert f(0) == 0", "f(1)", "assert f(0) == 0"]) == [
        True,
        False,
        False,
    ]


async def test_memory_is_limited(make: Callable[..., Sandbox]) -> None:
    assert await make(memory_mb=256).run("x = bytearray(1 << 30)", ["pass"]) == [False]


async def test_what_is_written_is_limited(make: Callable[..., Sandbox]) -> None:
    program = "with open('file', 'wb') as file:\n    file.write(bytes(4 << 20))"
    assert await make(file_mb=1).run(program, ["pass"]) == [False]


FORKS = """
import os, time
count = 0
try:
    while count < 50:
        if os.fork() == 0:
            time.sleep(60)
        count += 1
except OSError:
    pass
"""


@isolated
async def test_a_fork_bomb_is_stopped_by_the_number_of_processes() -> None:
    assert await Sandbox(processes=8).run(FORKS, ["assert 0 < count < 8"]) == [True]


@pytest.mark.skipif(os.getuid() == 0, reason="the kernel does not hold root to a number of processes")
async def test_trusted_processes_are_limited_too() -> None:
    assert await Sandbox(processes=1, trusted=True).run(FORKS, ["assert count == 0"]) == [True]


async def test_what_a_program_started_is_killed_with_it(make: Callable[..., Sandbox]) -> None:
    program = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\n"
    assert await make().run(program, ["pass"]) == [True]
    async with asyncio.timeout(10.0):
        while _running():
            await asyncio.sleep(0.01)


def _running() -> bool:
    """Whether any runner is left. What was killed takes a moment to be gone."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if b"/sandbox_runner.py" in file.read_bytes() or b"/runner.py" in file.read_bytes():
                return True
    return False


@isolated
async def test_nothing_outside_is_written(tmp_path: Path) -> None:
    inside, outside = "/tmp/file", str(tmp_path / "file")
    program = "def write(path):\n    with open(path, 'w') as file:\n        file.write('x')\n"
    tests = [f"write({path!r})" for path in (inside, outside, "/usr/file", sys.base_prefix + "/file", "/etc/file")]
    assert await Sandbox().run(program, tests) == [True, False, False, False, False]
    assert not Path(outside).exists() and not Path(inside).exists()


@isolated
async def test_no_socket_reaches_anybody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=1).close()\n"
        assert await Sandbox().run(program, ["pass"]) == [False]
        # The same program does reach the server from outside, so it is the sandbox that stops it.
        await asyncio.to_thread(exec, program, {})


@isolated
async def test_the_home_folder_and_the_environment_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Path.home() / f".outthink-test-{os.getpid()}"
    secret.write_text("secret")
    monkeypatch.setenv("OUTTHINK_TEST_TOKEN", "secret")
    try:
        tests = [
            f"open({str(secret)!r}).read()",
            "open('/etc/passwd').read()",
            "import os; os.environ['OUTTHINK_TEST_TOKEN']",
            "import os; assert len([p for p in os.listdir('/proc') if p.isdigit()]) < 5",
        ]
        assert await Sandbox().run("", tests) == [False, False, False, True]
    finally:
        secret.unlink()


async def test_without_the_tool_nothing_is_run_unless_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outthink.sandbox.shutil.which", lambda name: None)
    with pytest.raises(UsageError, match=r"apt-get install bubblewrap.*`trusted: true`"):
        await Sandbox().run(ADD, TESTS)
    assert await Sandbox(trusted=True).run(ADD, TESTS) == [True, False, True]


async def test_a_tool_that_does_not_work_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no namespaces for you >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("outthink.sandbox.shutil.which", lambda name: str(broken))
    with pytest.raises(UsageError, match="no namespaces for you"):
        await Sandbox().open()


@pytest.mark.parametrize(
    "options", [{"seconds": 0.0}, {"memory_mb": 0}, {"file_mb": -1}, {"processes": 0}, {"parallel": 0}]
)
def test_limits_must_be_limits(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        Sandbox(**options)


async def test_more_programs_than_turns_all_get_theirs() -> None:
    sandbox = Sandbox(trusted=True, parallel=2)
    programs = [f"value = {number}" for number in range(6)]
    passed = await asyncio.gather(*(sandbox.run(program, ["assert value % 2 == 0"]) for program in programs))
    assert passed == [[True], [False]] * 3


async def test_cancelling_kills_the_program() -> None:
    running = asyncio.create_task(Sandbox(trusted=True, seconds=60.0).run("while True: pass", ["pass"]))
    async with asyncio.timeout(10.0):
        while not _running():
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while _running():
            await asyncio.sleep(0.01)
