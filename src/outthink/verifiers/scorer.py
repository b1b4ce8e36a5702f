"""What process and outcome reward models have in common: a model of a family, on a backend, scores steps of a path."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from outthink.concurrency import gather
from outthink.cost import Usage
from outthink.errors import UsageError
from outthink.models import BUILT_IN
from outthink.registry import make_backend
from outthink.shape import Shape, shape_of
from outthink.tree import Node, Path
from outthink.verifiers import Scores
from outthink.verifiers.backends import Backend
from outthink.verifiers.checkpoints import locate, special_token
from outthink.verifiers.families import Family
from outthink.verifiers.heads import Head, Ratio
from outthink.verifiers.layouts import Query
from outthink.verifiers.words import Words

__all__ = ["Scorer", "pick_backend"]


class Scorer:
    """A reward model that scores any steps of a path.

    Args:
        model: as for `Prm`.
        family: what it is shown, and what its answers mean.
        backend: runs it, not yet open.
    """

    def __init__(self, model: str, family: Family, backend: Backend) -> None:
        self._model = model
        self._family = family
        self._backend = backend
        self._words: Words | None = None

    @property
    def parameters(self) -> int | None:
        """The model's size, once it is open; None where the backend cannot tell."""
        return self._backend.parameters or None

    @property
    def shape(self) -> Shape | None:
        """The model's shape, once it is open; None where the backend cannot tell."""
        return shape_of(self._backend)

    async def open(self) -> None:
        """Load the model, and check that its tokenizer is one of the family."""
        await self._backend.open(self._model, self._family.head)
        for text, token in self._family.tokens.items():
            found = await self._backend.tokenize(text)
            if found[-1:] != [token]:
                raise UsageError(
                    f"{self._model} writes {text!r} as {found}, where models of this family have token {token}: it is "
                    "of another family; set `family` to its own"
                )
        bos, eos = await asyncio.to_thread(self._specials)
        self._words = Words(self._backend, bos=bos, eos=eos)

    async def close(self) -> None:
        """Free the model."""
        await self._backend.close()

    async def score(self, path: Path, steps: Sequence[Node]) -> Scores:
        """Scores of some steps of a path, in their order."""
        if self._words is None:
            raise UsageError("the reward model was not opened")
        if not steps:
            return Scores(values=[], usage=Usage())
        queries = await self._family.layout.render(path, steps, self._words)
        answers = await gather(*(self._ask(query) for query in queries))
        return Scores(
            values=[value for scores in answers for value in scores.values],
            usage=sum((scores.usage for scores in answers), Usage()),
        )

    async def _ask(self, query: Query) -> Scores:
        head = self._family.head
        if not isinstance(head, Ratio):
            reading = await self._backend.read(query.ids, query.positions)
            return Scores(values=[head.score(row) for row in reading.rows], usage=reading.usage)
        # What the model thinks of the prompt is no merit of the solution.
        reading = await self._backend.read(query.ids, [query.opening - 1, *query.positions])
        prompt, *rows = (row[0] for row in reading.rows)
        return Scores(values=[head.score([row - prompt]) for row in rows], usage=reading.usage)

    def _specials(self) -> tuple[str, str]:
        """The tokenizer's own begin and end of text, if the layout asks for them."""
        if not self._family.layout.specials:
            return "", ""
        folder = locate(self._model)
        return special_token(folder, "bos_token"), special_token(folder, "eos_token")


def pick_backend(spec: str | Mapping[str, Any], model: str, head: Head) -> Backend:
    """The backend a spec describes; for "auto" llama.cpp if the model is built in, else the first that is installed.

    Args:
        spec: as for `Prm`.
        model: as for `Prm`.
        head: what has to be read.

    Raises:
        UsageError: none is installed that can read the head.
    """
    if spec != "auto":
        return make_backend(spec)
    if model in BUILT_IN:
        return make_backend({"kind": "generate", "engine": {"kind": "llamacpp", "context": 512, "parallel": 8}})
    if find_spec("vllm") is not None and not isinstance(head, Ratio):
        return make_backend("vllm")
    if find_spec("torch") is not None and find_spec("transformers") is not None:
        return make_backend("transformers")
    raise UsageError('reward models need a backend: pip install "outthink[vllm]" or "outthink[transformers]"')
