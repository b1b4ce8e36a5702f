"""Universal self-consistency: the model is shown its solutions and names the one that agrees best with the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.parts.around import Around
from outthink.strategies.parts.quoting import check_places, fill, numbered
from outthink.strategies.parts.turns import reply, solved
from outthink.strategies.sample import Sample
from outthink.tree import Node

__all__ = ["Universal"]

CHOOSE = """Problem: {question}

{solutions}

Which of these solutions agrees best with the others on the answer? Reply with its number alone, as in "Solution 2"."""

# Named as asked, or a number and nothing else; a bare number in a sentence may be anything.
_NAMED = re.compile(r"solution\W*(\d+)|\A\W*(\d+)\W*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Universal(Around):
    """USC, universal self-consistency (Chen et al. 2023, arXiv 2311.17311), for answers that cannot be counted.

    The solutions of another strategy are put into one prompt, and the model names the one most consistent with the
    rest, at temperature 0. Only that one votes. If the reply names none, is cut, or the prompt does not fit into the
    engine's context, all keep their votes.

    Args:
        inner: writes the solutions.
        prompt: asks for the choice; `{question}` and `{solutions}` stand where they go.
    """

    # Few enough for one prompt to a small model.
    inner: Strategy = Sample(n=8)
    prompt: str = CHOOSE

    def __post_init__(self) -> None:
        check_places("prompt", self.prompt, ("question", "solutions"))

    async def __call__(self, search: Search) -> None:
        """Solve, then ask which solution it is to be."""
        solutions = await solved(search, self.inner)
        if len(solutions) < 2:
            return
        chosen = await self._choose(search, solutions)
        for solution in solutions:
            if chosen is not None and solution is not chosen:
                solution.weight = 0.0

    async def _choose(self, search: Search, solutions: Sequence[Node]) -> Node | None:
        parts = {"question": search.tree.question, "solutions": numbered(search, solutions)}
        chat = [{"role": "user", "content": fill(self.prompt, parts)}]
        end = await reply(search, search.root, chat, weight=0.0, temperature=0.0)
        named = None if end is None else _last_number(search.tree.path(end).text)
        return solutions[named - 1] if named is not None and 1 <= named <= len(solutions) else None


def _last_number(text: str) -> int | None:
    """The number of the solution that a reply names last, where its conclusion stands."""
    found = _NAMED.findall(text)
    return int("".join(found[-1])) if found else None
