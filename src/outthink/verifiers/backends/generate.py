"""Reward models that are language models, read through any engine that tells the likelihood of given tokens.

A family that reads a choice between two tokens needs no head: the next token's log-probabilities say it all. So these
run wherever an engine does: on llama.cpp with a quantised GGUF, on a server, on vLLM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from outthink.cost import Usage
from outthink.engines import Chooser, Engine
from outthink.errors import ContextTooSmall, EngineError, UsageError, VerifierError
from outthink.registry import make_engine
from outthink.shape import Shape, shape_of
from outthink.tree import Message
from outthink.verifiers.backends import Reading
from outthink.verifiers.heads import Head, Pair, Signs, settle

__all__ = ["Generate"]


class Generate:
    """Reward models by an engine of their own, one token generated for each score; for families of token pairs.

    Args:
        engine: the engine's kind, or a mapping of `kind` and options; the reward model is its model.
    """

    def __init__(self, *, engine: str | Mapping[str, Any]) -> None:
        self._spec = {"kind": engine} if isinstance(engine, str) else dict(engine)
        if "model" in self._spec:
            raise UsageError("generate: the engine's model is the verifier's; leave `model` out")
        self._engine: Engine | None = None
        self._options: list[int] = []
        self.usage = Usage()

    @property
    def parameters(self) -> int:
        """The engine's."""
        return self._opened().parameters

    @property
    def shape(self) -> Shape | None:
        """The engine's."""
        return shape_of(self._opened())

    async def open(self, model: str, head: Head) -> None:
        """Open an engine on the reward model.

        Raises:
            UsageError: the head is no choice between two tokens of this model, or the engine tells no
                log-probabilities.
            ModelNotFound: as the engine raises it.
        """
        if not isinstance(head, Pair | Signs):
            raise UsageError(
                "the backend `generate` reads a choice between two tokens, and this family has another head; use the "
                "backend vllm or transformers"
            )
        engine = make_engine({**self._spec, "model": model}, "verifier.backend.engine")
        if not hasattr(engine, "choose"):
            raise UsageError(f"{type(engine).__name__} tells no log-probabilities; use llamacpp, vllm or openai")
        self._engine = engine
        await engine.open()
        pair = await settle(head, self.tokenize)
        self._options = [pair.good, pair.bad]

    async def close(self) -> None:
        """Close the engine."""
        if self._engine is not None:
            await self._engine.close()
        self._engine = None

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """The engine's."""
        return await self._opened().encode(messages)

    async def tokenize(self, text: str) -> list[int]:
        """The engine's."""
        return await cast(Chooser, self._opened()).tokenize(text)

    async def read(self, ids: Sequence[int], positions: Sequence[int]) -> Reading:
        """One choice for each position."""
        chooser = cast(Chooser, self._opened())
        try:
            rows, usage = await chooser.choose(ids, positions, self._options)
        except ContextTooSmall as error:
            raise VerifierError(
                f"a path is too long for the reward model: {error}, or lower sampling.max_tokens"
            ) from error
        except EngineError as error:
            raise VerifierError(f"the reward model's engine failed: {error}") from error
        self.usage += usage
        return Reading(rows=rows, usage=usage)

    def _opened(self) -> Engine:
        if self._engine is None:
            raise UsageError("the reward model is not open")
        return self._engine
