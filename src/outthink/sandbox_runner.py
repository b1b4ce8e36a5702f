"""The program behind `outthink.sandbox`: runs one candidate program and its tests, and reports which of them passed.

It reads one JSON object from its standard input and writes one line for every test that passed: the test's number and
a secret that only this program was told, so that a candidate that merely prints or exits has passed nothing. Of
programs without tests it writes the secret and what the last of them printed. It needs nothing of outthink and does not
survive its limits: the kernel ends it.
"""

import contextlib
import io
import json
import os
import resource
import signal
import sys
from typing import Any


def _limit(seconds: float, memory_mb: int, file_mb: int, processes: int) -> None:
    """Hand the limits to the kernel, which also holds them for whatever the candidate starts."""
    limits = {
        resource.RLIMIT_CPU: int(seconds) + 1,
        resource.RLIMIT_AS: memory_mb << 20,
        resource.RLIMIT_FSIZE: file_mb << 20,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
    }
    for which, limit in limits.items():
        try:
            resource.setrlimit(which, (limit, limit))
        except (OSError, ValueError):
            continue  # macOS has the name of some but not the limit; the parent's time limit holds everywhere
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _become_nobody() -> None:
    """Give up root, which no number of processes would stop."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)


def _run(program: str, tests: list[str], report: Any, secret: str) -> None:
    namespace: dict[str, object] = {"__name__": "candidate"}
    exec(compile(program, "candidate.py", "exec"), namespace)
    for number, test in enumerate(tests):
        try:
            exec(compile(test, f"test_{number}.py", "exec"), dict(namespace))
        except BaseException:
            continue  # sys.exit() in a test's call is a failure like any other
        report.write(f"{secret} {number}\n")
        report.flush()


def _print(programs: list[str], report: Any, secret: str) -> None:
    namespace: dict[str, object] = {"__name__": "candidate"}
    said = ""
    for program in programs:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(program, "candidate.py", "exec"), namespace)
            said = printed.getvalue()
        except BaseException as error:
            said = f"Code execute Error: {type(error).__name__}: {error}"
    report.write(f"{secret}\n{said}")
    report.flush()


def main() -> None:
    """Serve one request."""
    request = json.loads(sys.stdin.buffer.readline())
    # What the candidate prints goes nowhere; the report keeps the real standard output to itself.
    report = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if request["nobody"]:
        _become_nobody()
    _limit(request["seconds"], request["memory_mb"], request["file_mb"], request["processes"])
    sys.path += request["paths"]
    try:
        if "programs" in request:
            _print(request["programs"], report, request["secret"])
        else:
            _run(request["program"], request["tests"], report, request["secret"])
    finally:
        # Without the interpreter's own end: a candidate may have left threads or exit handlers behind.
        os._exit(0)


if __name__ == "__main__":
    main()
