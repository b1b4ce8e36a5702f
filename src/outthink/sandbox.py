"""Running programs that nobody has read: each in a process of its own, isolated, limited, and killed in time.

What isolates is bubblewrap (https://github.com/containers/bubblewrap), the tool that Flatpak is built on: the program
sees the system's and Python's own files, read-only, an empty folder in memory, no network, no home, no other process.
Without it nothing is run, unless the caller says that the programs are trusted.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from outthink.checks import above
from outthink.errors import OutthinkError, UsageError

__all__ = ["Sandbox"]

_RUNNER = Path(__file__).with_name("sandbox_runner.py")
# Isolated from the user's settings, and without site-packages.
_FLAGS = ("-I", "-S")
_GRACE_SECONDS = 2.0
_REPORT_BYTES = 1 << 20
_PROBE = "value = 6 * 7"
_PACKAGES = "/packages"


class Sandbox:
    """Runs candidate programs against tests.

    What it protects is the machine. A program that sets out to be graded as right by prying into the process that
    runs it can succeed: the tests run where it runs.

    Args:
        seconds: time for a program and all its tests, by the clock and of processor time.
        memory_mb: address space of each of its processes, in MiB.
        file_mb: size of each file it writes, and of its folder, in MiB.
        processes: processes and threads it may have. Without isolation the kernel counts all of the user's, and does
            not hold root to it.
        trusted: run without isolation: the limits hold, but a program can read, write and send what the user can.
        parallel: programs run at the same time; one for each processor if None.
        packages: in Python that programs may import beside the standard library, with what these need themselves, as
            `sympy` needs `mpmath`. Trusted programs then see all that is installed.
    """

    def __init__(
        self,
        *,
        seconds: float = 5.0,
        memory_mb: int = 512,
        file_mb: int = 16,
        processes: int = 16,
        trusted: bool = False,
        parallel: int | None = None,
        packages: list[str] | tuple[str, ...] = (),
    ) -> None:
        above(0, seconds=seconds, memory_mb=memory_mb, file_mb=file_mb)
        if processes < 1 or (parallel is not None and parallel < 1):
            raise UsageError("processes and parallel must be at least 1")
        self._seconds = seconds
        self._limits = {"seconds": seconds, "memory_mb": memory_mb, "file_mb": file_mb, "processes": processes}
        self._file_mb = file_mb
        self._trusted = trusted
        self._packages = {name: _folder(name) for name in packages}
        self._turns = asyncio.Semaphore(parallel or os.cpu_count() or 1)
        self._proved = False

    async def open(self) -> None:
        """Prove, once, that a harmless program runs as it should.

        Raises:
            UsageError: nothing can isolate programs here, and they are not trusted.
        """
        if self._proved:
            return
        if sys.platform == "win32":
            raise UsageError("programs cannot be limited on Windows; run this under WSL")
        if not self._trusted and shutil.which("bwrap") is None:
            raise UsageError(
                "running programs needs bubblewrap to isolate them: apt-get install bubblewrap (Linux). "
                "If you trust what the model writes as you trust yourself, set `trusted: true`"
            )
        passed, said = await self._tested(_PROBE, ["assert value == 42"])
        if passed != [True]:
            raise UsageError(
                f"a harmless program does not run in the sandbox{': ' + said if said else ''}. Unprivileged user "
                "namespaces may be forbidden here: allow them, raise `memory_mb`, or set `trusted: true` if you trust "
                "what the model writes"
            )
        self._proved = True

    async def run(self, program: str, tests: Sequence[str]) -> list[bool]:
        """Which tests a program passes; one it does not come to, because it is killed or ends itself, it fails.

        The program is executed once, as a module; then each test, on the names that it defined.

        Args:
            program: Python source.
            tests: Python source each; a test that raises nothing is passed.

        Raises:
            UsageError: see `open`.
            OutthinkError: the process cannot be started.
        """
        await self.open()
        async with self._turns:
            return (await self._tested(program, tests))[0]

    async def printed(self, programs: Sequence[str]) -> str:
        """What the last of some programs prints, or what went wrong with it, in words that GenPRM knows.

        Args:
            programs: Python source each; they are executed in turn, and see what those before them defined.

        Raises:
            UsageError: see `open`.
            OutthinkError: the process cannot be started.
        """
        await self.open()
        async with self._turns:
            secret = secrets.token_hex(16)
            report, _ = await self._attempt({"programs": list(programs), "secret": secret})
        head, _, printed = report.partition("\n")
        return printed.strip() if head == secret else "Code execute time out: Code execution timed out"

    async def _tested(self, program: str, tests: Sequence[str]) -> tuple[list[bool], str]:
        """Which tests passed, and what the isolating tool had to say."""
        secret = secrets.token_hex(16)
        report, said = await self._attempt({"program": program, "tests": list(tests), "secret": secret})
        passed = set(report.splitlines())
        return [f"{secret} {number}" in passed for number in range(len(tests))], said

    async def _attempt(self, asking: Mapping[str, Any]) -> tuple[str, str]:
        """What the runner reports, and what the isolating tool had to say."""
        paths = {str(each.parent) for each in self._packages.values()} if self._trusted else {_PACKAGES}
        request = {**asking, "nobody": not self._trusted, "paths": sorted(paths), **self._limits}
        # Files and not pipes: whatever a program leaves behind, nobody ever waits for the other end.
        with (
            tempfile.TemporaryDirectory(prefix="outthink-", ignore_cleanup_errors=True) as folder,
            tempfile.TemporaryFile() as asked,
            tempfile.TemporaryFile() as report,
            tempfile.TemporaryFile() as said,
        ):
            asked.write(json.dumps(request).encode() + b"\n")
            asked.seek(0)
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command(),
                    stdin=asked,
                    stdout=report,
                    stderr=said,
                    cwd=folder,
                    env={"PATH": os.defpath, "HOME": folder},
                    start_new_session=True,  # so that everything it starts is killed with it
                )
            except OSError as error:
                raise OutthinkError(f"a program cannot be run, its process does not start: {error}") from error
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds + _GRACE_SECONDS):
                        await process.wait()
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            return _text(report), _text(said).strip()

    def _command(self) -> list[str]:
        # The interpreter itself: a virtual environment's packages are not the candidate's business.
        python = os.path.realpath(sys.executable)
        if self._trusted:
            return [python, *_FLAGS, str(_RUNNER)]
        # The kernel holds root to no number of processes, also behind a user namespace; so there the runner becomes
        # nobody, and anywhere else a namespace makes it nobody.
        nobody = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        if os.geteuid() != 0:
            nobody = ["--unshare-user", "--uid", "65534", "--gid", "65534"]
        shown = [part for path in ("/usr", "/lib", "/lib64", "/bin") for part in ("--ro-bind-try", path, path)]
        shown += ["--perms", "0755", "--dir", _PACKAGES]
        for name, folder in self._packages.items():
            shown += ["--ro-bind", str(folder), f"{_PACKAGES}/{name}"]
        return [
            shutil.which("bwrap") or "bwrap",
            *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
            *("--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", *nobody),
            *shown,
            *("--proc", "/proc", "--dev", "/dev"),
            *("--perms", "1777", "--size", str(self._file_mb << 20), "--tmpfs", "/tmp", "--chdir", "/tmp"),
            # Python often lives in somebody's home, which is not to be seen, not even its name.
            *("--ro-bind", sys.base_prefix, "/python", "--setenv", "LD_LIBRARY_PATH", "/python/lib"),
            *("--ro-bind", str(_RUNNER), "/runner.py"),
            *(f"/python/{os.path.relpath(python, os.path.realpath(sys.base_prefix))}", *_FLAGS, "/runner.py"),
        ]


def _folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise UsageError(f"packages: {package!r} is no package that is installed here: pip install {package}")
    return Path(found.submodule_search_locations[0])


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_REPORT_BYTES).decode(errors="replace")
