"""Process reward models: a trained model scores every step of a solution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from outthink.cost import Usage
from outthink.engines import Engine
from outthink.errors import UsageError
from outthink.shape import Shape
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.families import PROCESS, REFERENCES, family_of
from outthink.verifiers.heads import Ratio
from outthink.verifiers.scorer import Scorer, pick_backend

__all__ = ["Prm"]


class Prm:
    """A process reward model: P(correct) of each step, given the question and the steps before it.

    Args:
        model: a built-in name, an id on the Hugging Face Hub, a local folder, or what the backend's engine takes.
        family: what kind of reward model it is; built-in names, known ids and trl's token classifiers need not say.
        backend: what runs it: vllm, transformers or generate, or a mapping of `kind` and options; "auto" is llama.cpp
            for a built-in name, else the first that is installed and can.
        reference: for implicit reward models, the model that this one was trained from.
    """

    deterministic = True

    def __init__(
        self,
        *,
        model: str,
        family: str | None = None,
        backend: str | Mapping[str, Any] = "auto",
        reference: str | None = None,
    ) -> None:
        kind = family_of(model, family, PROCESS)
        if isinstance(kind.head, Ratio):
            trained_from = reference or REFERENCES.get(model)
            if trained_from is None:
                raise UsageError(
                    f"{model} is an implicit reward model: set `reference` to the model it was trained from"
                )
            kind = replace(kind, head=replace(kind.head, reference=trained_from))
        elif reference is not None:
            raise UsageError("`reference` is for implicit reward models; leave it out")
        self.aggregate = kind.aggregate
        self._scorer = Scorer(model, kind, pick_backend(backend, model, kind.head))
        self.usage = Usage()

    @property
    def parameters(self) -> int | None:
        """The model's size, once it is open; None where it is unknown."""
        return self._scorer.parameters

    @property
    def shape(self) -> Shape | None:
        """The model's shape, once it is open; None where it is unknown."""
        return self._scorer.shape

    async def open(self, engine: Engine) -> None:
        """Load the model.

        Raises:
            ModelNotFound: there is no such model, or it is no reward model of this family.
            UsageError: the model's tokenizer is of another family, or the backend cannot read it.
        """
        await self._scorer.open()

    async def close(self) -> None:
        """Free the model."""
        await self._scorer.close()

    async def score(self, path: Path) -> Scores:
        """Read the scores of all unscored steps in one pass over what is new."""
        scores = await self._scorer.score(path, path.unscored)
        self.usage += scores.usage
        return scores
