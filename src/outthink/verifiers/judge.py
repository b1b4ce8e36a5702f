"""The model judges its own work: P(yes) to the question whether a step, or the solution, is correct."""

from __future__ import annotations

import math
from typing import Literal, cast

from outthink.concurrency import gather
from outthink.cost import Usage
from outthink.engines import Chooser, Engine
from outthink.errors import UsageError
from outthink.select import Aggregate
from outthink.shape import Shape, shape_of
from outthink.tree import Message, Path
from outthink.verifiers import Scores

__all__ = ["Judge"]

_ASK = {
    "step": "Is the last step correct? Answer Yes or No.",
    "solution": "Is this solution correct? Answer Yes or No.",
}


class Judge:
    """Asks the engine that writes whether what it wrote is correct, and reads P(yes) off the next token.

    The score is P(Yes) / (P(Yes) + P(No)) (Kadavath et al. 2022, arXiv 2207.05221, who call it P(True)).

    Args:
        of: "step" asks once for each step; "solution" asks only at the end of a finished solution, whose steps all get
            that score, and gives steps of unfinished ones 0.5.
    """

    aggregate: Aggregate = "last"
    deterministic = True

    def __init__(self, *, of: Literal["step", "solution"] = "step") -> None:
        self._of = of
        self._engine: Engine | None = None
        self._options: list[int] = []
        self.usage = Usage()

    @property
    def parameters(self) -> int | None:
        """Those of the engine it asks; None where their number is unknown."""
        return (self._engine.parameters or None) if self._engine is not None else None

    @property
    def shape(self) -> Shape | None:
        """That of the engine it asks; None where it is unknown."""
        return shape_of(self._engine)

    async def open(self, engine: Engine) -> None:
        """Remember the engine, and learn its tokens for yes and no.

        Raises:
            UsageError: the engine cannot tell log-probabilities, or yes and no begin with the same token.
        """
        if not hasattr(engine, "choose"):
            raise UsageError(
                f"the judge needs an engine that tells log-probabilities; {type(engine).__name__} does not: "
                "use llamacpp or vllm, or another verifier"
            )
        self._options = [(await cast(Chooser, engine).tokenize(word))[0] for word in ("Yes", "No")]
        if len(set(self._options)) < 2:
            raise UsageError("this model's tokens for Yes and No begin alike, so the judge cannot tell them apart")
        self._engine = engine

    async def close(self) -> None:
        """Nothing to give back: the engine is not its own."""

    async def score(self, path: Path) -> Scores:
        """Ask about each unscored step, or once about the solution."""
        steps = path.unscored
        if self._of == "solution":
            if not path.node.finished:
                return Scores(values=[0.5] * len(steps), usage=Usage())
            value, usage = await self._ask(path.question, path.text)
            return Scores(values=[value] * len(steps), usage=usage)
        nodes = path.nodes
        prefixes = ["".join(node.text for node in nodes[: nodes.index(step) + 1]) for step in steps]
        answers = await gather(*(self._ask(path.question, prefix) for prefix in prefixes))
        return Scores(values=[value for value, _ in answers], usage=sum((usage for _, usage in answers), Usage()))

    async def _ask(self, question: str, solution: str) -> tuple[float, Usage]:
        if self._engine is None:
            raise UsageError("the judge was not opened; open it with the engine that writes")
        content = f"Problem: {question}\n\nSolution:\n{solution.strip()}\n\n{_ASK[self._of]}"
        messages: list[Message] = [{"role": "user", "content": content}]
        ids = await self._engine.encode(messages)
        ((yes, no),), usage = await cast(Chooser, self._engine).choose(ids, [len(ids) - 1], self._options)
        self.usage += usage
        return 1.0 / (1.0 + math.exp(no - yes)), usage
