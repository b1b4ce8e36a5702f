"""Outcome reward models: a trained model scores a solution as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from outthink.checks import above
from outthink.cost import Usage
from outthink.engines import Engine
from outthink.errors import UsageError
from outthink.select import Aggregate
from outthink.shape import Shape
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.families import OUTCOME, family_of
from outthink.verifiers.heads import Value
from outthink.verifiers.layouts import Whole
from outthink.verifiers.scorer import Scorer, pick_backend

__all__ = ["Orm"]


class Orm:
    """An outcome reward model: one number for a solution, made for ranking finished ones.

    Args:
        model: an id on the Hugging Face Hub, or a local folder.
        family: what kind of reward model it is; known ids and sequence classifiers need not say.
        backend: what runs it: vllm or transformers, or a mapping of `kind` and options; "auto" is the first that is
            installed.
        of: "solution" scores a finished solution at its end, whose steps all get that score, and gives steps of
            unfinished ones 0.5; "step" scores the solution so far at the end of each step.
        scale: what a reward is multiplied with before the sigmoid.
        history: show the attempts that the solution revises too (Snell et al. 2024, arXiv 2408.03314, who found that a
            model trained to see them judges revisions better).
    """

    aggregate: Aggregate = "last"
    deterministic = True

    def __init__(
        self,
        *,
        model: str,
        family: str | None = None,
        backend: str | Mapping[str, Any] = "auto",
        of: Literal["solution", "step"] = "solution",
        scale: float = 1.0,
        history: bool = False,
    ) -> None:
        kind = family_of(model, family, OUTCOME)
        above(0, scale=scale)
        if isinstance(kind.head, Value):
            kind = replace(kind, head=replace(kind.head, scale=scale))
        elif scale != 1.0:
            raise UsageError("`scale` is for reward models that return one number; leave it out")
        if history:
            kind = replace(kind, layout=replace(cast(Whole, kind.layout), history=True))
        self._of = of
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
            UsageError: the backend cannot read it, or it has no chat template.
        """
        await self._scorer.open()

    async def close(self) -> None:
        """Free the model."""
        await self._scorer.close()

    async def score(self, path: Path) -> Scores:
        """Score each unscored step's end, or the solution once."""
        steps = path.unscored
        if self._of == "solution" and not path.node.finished:
            return Scores(values=[0.5] * len(steps), usage=Usage())
        scores = await self._scorer.score(path, steps if self._of == "step" else steps[-1:])
        self.usage += scores.usage
        return scores if self._of == "step" else replace(scores, values=[*scores.values] * len(steps))
