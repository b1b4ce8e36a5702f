"""A real server in processes of its own, which can be killed and started again at the same address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from outthink.engines.openai import OpenAI

__all__ = ["Running", "llamacpp", "opened", "vllm"]

_LLAMACPP = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_parallel, params.n_ctx = sys.argv[1], int(sys.argv[2]), 4, 4 * 512
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.warmup, params.verbosity = False, -1
server = xllamacpp.Server(params)
time.sleep(3600)
"""


class Running:
    """A server's processes.

    Args:
        arguments: of its Python, `{port}` standing for the port.
        environment: on top of our own.
        log: receives what it says.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, *(each.format(port=port) for each in arguments)]
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self, seconds: float) -> None:
        """Until it answers."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            assert self._process is not None and self._process.poll() is None, self._log.read_text()[-3000:]
            try:
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise TimeoutError(self._log.read_text()[-3000:])

    def kill(self) -> None:
        """All its processes, at once and without warning."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def llamacpp(weights: Path, log: Path) -> Running:
    """llama.cpp's own HTTP server with four slots of 512 tokens."""
    return Running(["-c", _LLAMACPP, str(weights), "{port}"], {}, log)


def vllm(model: Path, log: Path, *options: str) -> Running:
    """vLLM's HTTP server, set up to start fast on a tiny model and without a GPU."""
    arguments = ["-m", "vllm.entrypoints.openai.api_server", "--model", str(model), "--served-model-name", "tiny"]
    arguments += ["--port", "{port}", "--enforce-eager", "--block-size", "32", "--max-model-len", "1024"]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
    return Running([*arguments, *options], environment, log)


@asynccontextmanager
async def opened(server: Running, **options: Any) -> AsyncIterator[OpenAI]:
    """An engine that speaks to a server."""
    engine = OpenAI(url=server.url, **options)
    try:
        await engine.open()
        yield engine
    finally:
        await engine.close()
