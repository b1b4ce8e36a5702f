"""vLLM in process: many searches in one continuous batch, prefixes computed once, token ids in and out.

Every sibling is a request of its own, so each is handed over as soon as it is written. All are in flight together, and
vLLM's prefix cache computes what they share once.
"""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import count
from pathlib import Path as FilePath
from typing import Any

from outthink.cost import Usage, forward_flops
from outthink.engines import Request, Step
from outthink.engines.choices import at_each
from outthink.engines.logprobs import normalised
from outthink.engines.vllm_core import VllmCore, gibibytes, last_output, shape_of_config
from outthink.engines.vllm_sibling import Model, Sibling
from outthink.errors import ContextTooSmall, EngineError, ModelNotFound, UsageError
from outthink.shape import Shape
from outthink.tree import Message, Path

__all__ = ["Vllm"]


class Vllm:
    """vLLM in process, on any model it can load, on GPUs or a CPU.

    Args:
        model: a Hugging Face id, or a folder.
        adapter: folder of a LoRA adapter (peft).
        template: chat template in Jinja, for a model that has none or is to be asked in another way.
        context: tokens a prompt and a solution may have together; by default all that the model was made for.
        dtype: "auto" is vLLM's choice, and float32 on a CPU that has no kernels for bfloat16.
        cache: GiB for keys and values. By default vLLM fills the GPU; state it when something else shares the GPU. On a
            CPU, 4.
        parallel: siblings written at the same time.
        tensor_parallel: GPUs that share each layer.
        pipeline_parallel: GPUs that share the layers out.
        data_parallel: replicas; all requests of one problem go to the same, whose cache holds its prefixes.
        seeded: draw each sibling from its own seed. That costs speed, and makes a run repeatable only where vLLM's sums
            do not depend on what shares the batch (its batch-invariant mode). GPUs only.
        compile: let vLLM compile the model and capture graphs: a minute more to start, faster afterwards.
        cores: of a CPU, those to compute on ("0-3"); all if None. A reward model on vLLM beside this engine needs cores
            of its own.
        args: any other argument of `vllm.AsyncEngineArgs` by name.
    """

    def __init__(
        self,
        *,
        model: str,
        adapter: str | None = None,
        template: str | None = None,
        context: int | None = None,
        dtype: str = "auto",
        cache: float | None = None,
        parallel: int = 256,
        tensor_parallel: int = 1,
        pipeline_parallel: int = 1,
        data_parallel: int = 1,
        seeded: bool = False,
        compile: bool = True,
        cores: str | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> None:
        for name, value in (("parallel", parallel), ("data_parallel", data_parallel), ("context", context or 1)):
            if value < 1:
                raise UsageError(f"vllm: {name} is {value}; it must be at least 1")
        self._adapter = adapter
        self._template = template
        self._given: dict[str, Any] = {
            "model": model,
            "max_model_len": context,
            "dtype": dtype,
            "max_num_seqs": parallel,
            "tensor_parallel_size": tensor_parallel,
            "pipeline_parallel_size": pipeline_parallel,
            "data_parallel_size": data_parallel,
            "enforce_eager": not compile,
            "enable_prefix_caching": True,
            "scheduling_policy": "priority",
            "disable_log_stats": True,
        }
        self._cache = cache
        self._args = dict(args or {})
        self._replicas = data_parallel
        self._seeded = seeded
        self._core = VllmCore(self._arguments, where="engine", cores=cores)
        self._names = count()
        self._opened: Model | None = None
        self._separators: dict[str, frozenset[int]] = {}
        self.parallel = parallel * data_parallel
        self.room: int | None = None
        self.usage = Usage()

    async def open(self) -> None:
        """Load the model.

        Raises:
            ModelNotFound: vLLM could not load it.
            UsageError: vLLM is not installed, or an argument is unknown to it.
        """
        await self._core.start()
        llm = self._core.llm
        config = llm.vllm_config
        self.room = config.cache_config.num_gpu_blocks * config.cache_config.block_size * self._replicas
        self._opened = Model(
            tokenizer=llm.get_tokenizer(),
            context=config.model_config.max_model_len,
            shape=await asyncio.to_thread(shape_of_config, config.model_config.hf_config),
            lora=_lora(self._adapter),
            seeded=self._seeded,
        )

    async def close(self) -> None:
        """End vLLM's processes."""
        await self._core.stop()

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The chat in the model's own template, or in the one given, as token ids.

        Raises:
            ContextTooSmall: the prompt alone fills the context.
            UsageError: there is no template.
        """
        try:
            ids = self._model.tokenizer.apply_chat_template(
                list(messages), chat_template=self._template, add_generation_prompt=True, return_dict=False
            )
        except ValueError as error:
            raise UsageError(f"engine: this chat fits no template; give one in `template` ({error})") from error
        self._check_room(ids)
        return list(ids)

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        """Continue a path; all siblings are in flight together, each step is handed over as soon as it is written."""
        prompt = path.ids
        self._check_room(prompt)
        ready: asyncio.Queue[Step | Exception] = asyncio.Queue()
        siblings = [self._sibling(path, prompt, request, index) for index in range(request.n)]
        writing = [asyncio.create_task(self._write(sibling, ready)) for sibling in siblings]
        running = request.n
        try:
            while running:
                item = await ready.get()
                if isinstance(item, Exception):
                    raise item
                siblings[item.sibling].delivered(item)
                running -= siblings[item.sibling].over
                self.usage += item.usage
                yield item
        finally:
            await self._abandon(siblings, writing)
            left = sum((sibling.abandoned() for sibling in siblings), Usage())
            self.usage += left
            request.abandoned(left)

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text, special tokens by their names."""
        return list(self._model.tokenizer.encode(text, add_special_tokens=False))

    async def choose(
        self, ids: Sequence[int], positions: Sequence[int], options: Sequence[int]
    ) -> tuple[list[list[float]], Usage]:
        """Log-probabilities of the options behind some positions, normalised over them."""
        return await at_each(ids, positions, lambda prefix: self._choose(prefix, options))

    async def _choose(self, ids: Sequence[int], options: Sequence[int]) -> tuple[list[float], Usage]:
        from vllm import SamplingParams
        from vllm.inputs.engine import tokens_input

        self._check_room(ids)
        began = time.perf_counter()
        params = SamplingParams(max_tokens=1, logprobs=len(options), logprob_token_ids=list(options), detokenize=False)
        name = f"choose-{next(self._names)}"
        out = await self._core.run(lambda llm: last_output(llm.generate(tokens_input(list(ids)), params, name)))
        told = {token: entry.logprob for token, entry in out.outputs[0].logprobs[0].items()}
        cached = out.num_cached_tokens or 0
        usage = Usage(
            scored_tokens=len(ids) - cached,
            cached_tokens=cached,
            calls=1,
            seconds=time.perf_counter() - began,
            flops=forward_flops(self.parameters, len(ids) - cached),
        )
        self.usage += usage
        return normalised([told[option] for option in options]), usage

    @property
    def parameters(self) -> int:
        """The model's size."""
        return self.shape.parameters

    @property
    def shape(self) -> Shape:
        """The model's shape."""
        return self._model.shape

    @property
    def _model(self) -> Model:
        if self._opened is None:
            raise EngineError("the engine is not open: await its open() first")
        return self._opened

    def _arguments(self, on_cpu: bool) -> Mapping[str, Any]:
        if on_cpu and self._seeded:
            # Its worker dies over a seeded request whose prompt is read in two pieces.
            raise UsageError("engine.seeded: vLLM cannot draw from seeds of their own on a CPU; leave it out")
        lora = {} if self._adapter is None else {"enable_lora": True, "max_lora_rank": _rank(self._adapter)}
        return self._given | gibibytes(self._cache, on_cpu) | lora | self._args

    def _check_room(self, ids: Sequence[int]) -> None:
        if len(ids) >= self._model.context:
            raise ContextTooSmall(
                f"the path has {len(ids)} tokens and the context holds {self._model.context}; raise engine.context"
            )

    def _sibling(self, path: Path, prompt: Sequence[int], request: Request, index: int) -> Sibling:
        return Sibling(
            model=self._model,
            request=request,
            index=index,
            prompt=prompt,
            separators=frozenset() if request.whole else self._holding(request.separator),
            name=f"sibling-{next(self._names)}",
            replica=zlib.crc32(path.question.encode()) % self._replicas if self._replicas > 1 else None,
        )

    async def _write(self, sibling: Sibling, ready: asyncio.Queue[Step | Exception]) -> None:
        try:
            await self._core.run(lambda llm: sibling.write(llm, ready.put_nowait))
        except Exception as error:
            ready.put_nowait(error)

    async def _abandon(self, siblings: Sequence[Sibling], writing: Sequence[asyncio.Task[None]]) -> None:
        """End what is still being written, and wait until it has said what it cost."""
        while not all(task.done() for task in writing):
            # A request that was just on its way in is not known yet when it is aborted for the first time.
            names = [sibling.name for sibling, task in zip(siblings, writing, strict=True) if not task.done()]
            await self._core.llm.abort(names)
            await asyncio.wait(writing, timeout=0.05)

    def _holding(self, separator: str) -> frozenset[int]:
        """Ids of the tokens whose text holds the separator."""
        if separator not in self._separators:
            tokenizer = self._model.tokenizer
            texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
            self._separators[separator] = frozenset(i for i, text in enumerate(texts) if separator in text)
        return self._separators[separator]


def _lora(adapter: str | None) -> Any:
    if adapter is None:
        return None
    from vllm.lora.request import LoRARequest

    return LoRARequest("adapter", 1, adapter)


def _rank(adapter: str) -> int:
    """The rank a LoRA adapter was made with; vLLM must be told."""
    path = FilePath(adapter) / "adapter_config.json"
    try:
        return int(json.loads(path.read_text())["r"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotFound(f"engine.adapter: {path} is no LoRA adapter of peft: {error!r}") from error
