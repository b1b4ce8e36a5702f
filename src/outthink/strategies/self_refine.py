"""Self-refine: the model says what is wrong with its own solution and writes another, until it is content."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.checks import at_least
from outthink.concurrency import gather
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.parts.quoting import answered, asked
from outthink.strategies.parts.turns import one_solution, reply, succeed

__all__ = ["SelfRefine"]

DONE = "Nothing to change"
FEEDBACK = (
    "Check this solution step by step. If something in it is wrong, say what it is and how to put it right, "
    f'without solving the problem again. If all of it is right, reply only: "{DONE}."'
)
REFINE = "Now write the whole solution again with this put right, in the same form as before."


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfRefine:
    """Self-Refine (Madaan et al. 2023, arXiv 2303.17651): solve, give feedback, refine, again.

    Feedback is given on the last solution alone, and the next one is written from both, as in the paper's equations.
    `n` such chains run side by side. The last solution of each votes; those it took the place of do not, and feedback
    is no solution. A chain ends early when its reply is cut or no longer fits into the engine's context.

    Args:
        n: chains.
        rounds: refinements in a chain, at most.
        feedback: asks what is wrong with a solution; follows on it in the chat.
        refine: asks for another one; follows on the feedback.
        done: feedback that contains it, in capitals or not, ends a chain.
    """

    n: int = 1
    rounds: int = 4
    feedback: str = FEEDBACK
    refine: str = REFINE
    done: str = DONE

    def __post_init__(self) -> None:
        at_least(1, n=self.n, rounds=self.rounds)
        if not self.done.strip():
            raise UsageError("done is empty; name the words by which feedback says that nothing is to be changed")

    @property
    def samples(self) -> int:
        """A first solution and its refinements in each chain; one of them votes."""
        return self.n * (self.rounds + 1)

    @property
    def ranks(self) -> bool:
        """The model judges itself, in words."""
        return False

    async def __call__(self, search: Search) -> None:
        """Run all chains at the same time."""
        await gather(*(self._chain(search) for _ in range(self.n)))

    async def _chain(self, search: Search) -> None:
        solution = await one_solution(search, search.root)
        for _ in range(self.rounds):
            if solution is None:
                return
            chat = answered(search, asked(search), solution, self.feedback)
            feedback = await reply(search, solution, chat, weight=0.0)
            if feedback is None or self.done.lower() in search.tree.path(feedback).text.lower():
                return
            solution = await succeed(search, solution, answered(search, chat, feedback, self.refine))
