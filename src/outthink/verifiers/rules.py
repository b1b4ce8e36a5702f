"""Rules: a verifier that checks what can be checked exactly in a step, its arithmetic, and is silent on the rest."""

from __future__ import annotations

from outthink.cost import Usage
from outthink.engines import Engine
from outthink.select import Aggregate
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.equations import check_step

__all__ = ["Rules"]


class Rules:
    """Scores a step 1 if every equality in it holds, 0 if one is wrong, 0.5 if there is none to check.

    It costs no tokens. It knows whether `24 + 31 = 54` is wrong, not whether adding was the right thing to do.
    """

    # One wrong equality spoils a solution however right the rest is.
    aggregate: Aggregate = "min"
    deterministic = True
    parameters = 0

    def __init__(self) -> None:
        self.usage = Usage()

    async def open(self, engine: Engine) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to give back."""

    async def score(self, path: Path) -> Scores:
        """Check each unscored step on its own."""
        usage = Usage(calls=1)
        self.usage += usage
        return Scores(values=[check_step(step.text) for step in path.unscored], usage=usage)
