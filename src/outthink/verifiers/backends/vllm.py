"""Reward models on vLLM: the prefix cache is read, so only what is new on a path is computed.

vLLM pools every token (`tok_pooling_type="ALL"`) and, told to read its prefix cache, returns rows only for what it
computed: the first row belongs to the first token that was not cached. What a cached position once returned is kept in
`rows.py`. That vLLM does so is not promised, so it is proved on the loaded model before it is relied on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from outthink.cost import Usage, forward_flops
from outthink.engines.vllm_core import VllmCore, gibibytes, last_output, shape_of_config
from outthink.errors import UsageError, VerifierError
from outthink.shape import Shape
from outthink.tree import Message
from outthink.verifiers.backends import Reading
from outthink.verifiers.backends.rows import RowMemory
from outthink.verifiers.backends.vllm_checkpoint import as_classifier
from outthink.verifiers.checkpoints import locate
from outthink.verifiers.heads import Head, settle

__all__ = ["Vllm"]

_log = logging.getLogger(__name__)


class Vllm:
    """A reward model on vLLM, on GPUs or a CPU.

    Args:
        context: tokens a question and its solution may have together; by default all that the model was made for.
        dtype: "auto" is vLLM's choice, and float32 on a CPU that has no kernels for bfloat16.
        cache: GiB for keys and values. A reward model needs little: it reads each token once.
        parallel: sequences read at the same time.
        tensor_parallel: GPUs that share each layer.
        compile: let vLLM compile the model and capture graphs: a minute more to start, faster afterwards.
        cores: of a CPU, those to compute on ("4-7"); other ones than the engine's, if that is vLLM too.
        args: any other argument of `vllm.AsyncEngineArgs` by name.
    """

    def __init__(
        self,
        *,
        context: int | None = None,
        dtype: str = "auto",
        cache: float = 2.0,
        parallel: int = 128,
        tensor_parallel: int = 1,
        compile: bool = False,
        cores: str | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        self._given: dict[str, Any] = {
            "max_model_len": context,
            "dtype": dtype,
            "max_num_seqs": parallel,
            "tensor_parallel_size": tensor_parallel,
            "enforce_eager": not compile,
            "runner": "pooling",
            "enable_prefix_caching": True,
            "enable_chunked_prefill": True,
            "disable_log_stats": True,
        }
        self._cache = cache
        self._args = dict(args or {})
        self._model: dict[str, Any] = {}
        self._core = VllmCore(self._arguments, where="verifier.backend", cores=cores)
        self._names = count()
        self._rows = RowMemory()
        self._tokenizer: Any = None
        self._context = 0
        self.shape: Shape | None = None
        self._reads_cache = True
        self.usage = Usage()

    @property
    def parameters(self) -> int:
        """The model's size."""
        return self.shape.parameters if self.shape is not None else 0

    async def open(self, model: str, head: Head) -> None:
        """Load a model with its head, and prove that cached prefixes leave its rows as they are.

        Raises:
            ModelNotFound: there is no such model, or vLLM cannot load it.
            UsageError: vLLM is not installed, or the head is not one that vLLM can run.
        """
        folder = await asyncio.to_thread(locate, model)
        self._tokenizer = await asyncio.to_thread(_tokenizer, folder)
        self._model = await asyncio.to_thread(as_classifier, folder, await settle(head, self.tokenize))
        await self._core.start()
        config = self._core.llm.vllm_config.model_config
        self._context = config.max_model_len
        self.shape = await asyncio.to_thread(shape_of_config, config.hf_config)
        self._reads_cache = await self._cached_rows_are_right()
        self.usage = Usage()

    async def close(self) -> None:
        """End vLLM's processes."""
        await self._core.stop()

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat in the model's own template, as the seam says.

        Raises:
            UsageError: the model has no chat template.
        """
        if self._tokenizer.chat_template is None:
            raise UsageError("this model's tokenizer has no chat template, which its family of verifiers needs")
        ask = messages[-1]["role"] != "assistant"
        ids = self._tokenizer.apply_chat_template(list(messages), add_generation_prompt=ask, return_dict=False)
        return list(ids)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    async def read(self, ids: Sequence[int], positions: Sequence[int]) -> Reading:
        """What the head returns at some positions; computed are only the tokens that no earlier sequence began with."""
        ids = ids[: positions[-1] + 1]
        if len(ids) > self._context:
            raise VerifierError(
                f"the solution has {len(ids)} tokens and the reward model's context holds {self._context}; "
                "lower sampling.max_tokens, or raise the backend's context if the model allows it"
            )
        keys = RowMemory.keys(ids, positions)
        usage = Usage()
        missing = self._rows.missing(keys)
        if missing:
            usage += await self._fill(ids, positions, keys, self._reads_cache)
            if self._rows.missing(keys):
                # Cached by a sequence that was not read at these positions: computed again, this once.
                usage += await self._fill(ids, positions, keys, False)
        return Reading(rows=self._rows.get(keys), usage=usage)

    async def _fill(self, ids: Sequence[int], positions: Sequence[int], keys: Sequence[bytes], cached: bool) -> Usage:
        """Have the sequence read and remember what was said at the positions that were computed."""
        began = time.perf_counter()
        rows, offset = await self._run(ids, cached)
        for position, key in zip(positions, keys, strict=True):
            if position >= offset:
                self._rows.put(key, rows[position - offset].tolist())
        usage = Usage(
            scored_tokens=len(rows),
            cached_tokens=offset,
            calls=1,
            seconds=time.perf_counter() - began,
            flops=forward_flops(self.parameters, len(rows)),
        )
        self.usage += usage
        return usage

    async def _run(self, ids: Sequence[int], cached: bool) -> tuple[Any, int]:
        """The rows vLLM returns, and the position that the first of them belongs to."""
        from vllm import PoolingParams
        from vllm.inputs.engine import tokens_input

        params = PoolingParams(task="token_classify", use_activation=False, skip_reading_prefix_cache=not cached)
        prompt, name = tokens_input(list(ids)), f"read-{next(self._names)}"
        out = await self._core.run(lambda llm: last_output(llm.encode(prompt, params, name)))
        rows = out.outputs.data.float()
        return rows, len(ids) - len(rows)

    async def _cached_rows_are_right(self) -> bool:
        """Read a sequence whole, then twice by way of the cache, longer the second time, and compare."""
        block = self._core.llm.vllm_config.cache_config.block_size
        vocabulary = len(self._tokenizer)
        ids = [(7919 * i + 104729) % vocabulary for i in range(min(6 * block + 5, self._context))]
        whole, _ = await self._run(ids, False)
        short, _ = await self._run(ids[: len(ids) // 2], True)
        rest, offset = await self._run(ids, True)
        # Sums in another order differ a little; rows of other positions differ by about as much as rows do.
        allowed = 1e-3 + 0.1 * float(whole.std(dim=0).max())
        right = len(rest) < len(whole) and len(whole) == len(ids)
        right = right and float((rest - whole[offset:]).abs().max()) < allowed
        right = right and float((short - whole[len(ids) // 2 - len(short) : len(ids) // 2]).abs().max()) < allowed
        if not right:
            _log.warning(
                "this vLLM does not return the same rows for a partly cached sequence; every path will be read whole "
                "(slower, and right). Please report it with your vLLM version"
            )
        return right

    def _arguments(self, on_cpu: bool) -> Mapping[str, Any]:
        from vllm.config import PoolerConfig

        pooler = PoolerConfig(task="token_classify", tok_pooling_type="ALL")
        return self._given | gibibytes(self._cache, on_cpu) | self._model | {"pooler_config": pooler} | self._args


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
