"""A tree of attempts, each made of another or of the question, and where Thompson sampling makes the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from outthink.strategies.parts.posterior import Posterior
from outthink.tree import Node

__all__ = ["Arm", "Attempt", "choose", "tell"]

Arm = str | None
"""The engine that writes: a partner's name, or None for the search's own."""


@dataclass(slots=True, eq=False, kw_only=True)
class Attempt:
    """A solution that can be made better, or the question itself.

    Args:
        node: its end; for the question, where the search begins.
        parent: what it was made of.
        fresh: rewards of the attempts made of it: what writing another one is worth.
        deeper: rewards of all below those: what going on with one of them is worth.
        own: its reward, and those of all below it.
        prompts: what asks for a better one, by arm.
    """

    node: Node
    parent: Attempt | None
    fresh: Posterior
    deeper: Posterior
    own: Posterior
    children: list[Attempt] = field(default_factory=list)
    prompts: dict[Arm, Node] = field(default_factory=dict)


def choose(root: Attempt, rng: Random) -> Attempt:
    """From which attempt the next one is made: the best draw wins, from the question down."""
    attempt = root
    while attempt.children and attempt.deeper.draw(rng) > attempt.fresh.draw(rng):
        attempt = max(attempt.children, key=lambda child: child.own.draw(rng))
    return attempt


def tell(base: Attempt, reward: float) -> None:
    """The reward of an attempt made of `base`, to all whom it concerns."""
    base.fresh.learn(reward)
    child = base
    while child.parent is not None:
        child.own.learn(reward)
        child.parent.deeper.learn(reward)
        child = child.parent
