"""Adaptive branching: at every attempt, chance decides between a new one and making an earlier one better."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, NamedTuple

from outthink.checks import at_least
from outthink.errors import ContextTooSmall, UsageError
from outthink.search import Search
from outthink.strategies.parts.attempts import Arm, Attempt, choose, tell
from outthink.strategies.parts.posterior import POSTERIORS, Posterior
from outthink.strategies.parts.quoting import answered, asked
from outthink.strategies.parts.turns import one_solution
from outthink.strategies.parts.window import in_order
from outthink.tree import Node

__all__ = ["REFINE", "AbMcts"]

REFINE = (
    "Check the solution above. If it is wrong, find the mistake and correct it; if it is right, make it clearer. "
    "Then write the whole solution again, in the same form, with its final answer."
)


class _Written(NamedTuple):
    base: Attempt
    arm: Arm
    node: Node | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbMcts:
    """AB-MCTS-A: Thompson sampling between a new answer and refining one (Inoue et al. 2025, arXiv 2503.04412).

    Every attempt keeps two posteriors of the reward, one for writing something new from it and one for going on with
    what was made of it, and each thing made of it one of its own. A draw from each decides, from the question down. The
    reward is the verifier's value of the finished solution; one that was cut off, or that the context had no room for,
    has 0 and is not gone on with. All finished solutions vote.

    Args:
        n: attempts.
        prior: of every posterior: "gaussian", with m = 0, kappa = 1, nu = 1, tau^2 = 0.1; or "beta", with a = b = 1/2.
        partners: further engines that may write an attempt, by the names the solver knows them under; which engine does
            is drawn likewise, from the rewards of all attempts that each has written.
        refine: asks for a better solution, after the question and the earlier one.
        in_flight: attempts under way at a time; their rewards are learned in the order they were begun.
    """

    n: int = 16
    prior: Literal["gaussian", "beta"] = "gaussian"
    partners: Sequence[str] = ()
    refine: str = REFINE
    in_flight: int = 1

    def __post_init__(self) -> None:
        at_least(1, n=self.n, in_flight=self.in_flight)
        if not self.refine.strip():
            raise UsageError("refine is empty; say how a better solution is asked for")
        if len(set(self.partners)) < len(self.partners):
            raise UsageError(f"partners is {list(self.partners)}; each may be named once")

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Rewards are the verifier's."""
        return True

    async def __call__(self, search: Search) -> None:
        """Write attempts until there are N."""
        await self.grow(search, self.attempt(search.root, None))

    def attempt(self, node: Node, parent: Attempt | None) -> Attempt:
        """An attempt of which nothing was made yet."""
        fresh, deeper, own = (POSTERIORS[self.prior]() for _ in range(3))
        return Attempt(node=node, parent=parent, fresh=fresh, deeper=deeper, own=own)

    async def grow(self, search: Search, root: Attempt) -> None:
        """Search below the question; what it learns stays with the attempts for who wants to look."""
        rng, left = search.rng(), self.n
        arms: dict[Arm, Posterior] = {arm: POSTERIORS[self.prior]() for arm in (None, *self.partners)}

        async def send() -> Coroutine[Any, Any, _Written] | None:
            nonlocal left
            if not left:
                return None
            left -= 1
            base, arm = choose(root, rng), _draw(arms, rng)
            # Asked here, one after the other, and not where it is written: the order of asking is part of the tree.
            return _write(search, base, arm, await self._prompt(search, root, base, arm))

        def take(written: _Written) -> None:
            base, arm, node = written
            reward = 0.0 if node is None else search.value(node)
            arms[arm].learn(reward)
            tell(base, reward)
            if node is not None:
                child = self.attempt(node, base)
                child.own.learn(reward)
                base.children.append(child)

        await in_order(send, take, at_once=self.in_flight)

    async def _prompt(self, search: Search, root: Attempt, base: Attempt, arm: Arm) -> Node | None:
        if base is root and arm is None:
            return root.node
        if arm not in base.prompts:
            chat = asked(search) if base is root else answered(search, asked(search), base.node, self.refine)
            try:
                base.prompts[arm] = await search.ask(base.node, chat, by=arm)
            except ContextTooSmall:
                return None
        return base.prompts[arm]


async def _write(search: Search, base: Attempt, arm: Arm, prompt: Node | None) -> _Written:
    try:
        node = None if prompt is None else await one_solution(search, prompt, by=arm)
    except ContextTooSmall:
        node = None
    return _Written(base, arm, node)


def _draw(arms: dict[Arm, Posterior], rng: Random) -> Arm:
    return max(arms, key=lambda arm: arms[arm].draw(rng))
