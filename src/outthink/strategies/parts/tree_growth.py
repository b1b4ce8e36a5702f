"""Writing a tree search's next states: a leaf's children, and a rollout from the best of them."""

from __future__ import annotations

import math
from typing import NamedTuple

from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.parts.tree_policies import Rules, State
from outthink.tree import Node

__all__ = ["Expansion", "expand"]


class Expansion(NamedTuple):
    """What came of a leaf.

    Args:
        leaf: the leaf.
        seats: solutions that might have been finished.
        made: the states that are new, each before those below it.
        rolled: the child with a rollout, if there was one.
        finished: solutions that were.
    """

    leaf: State
    seats: int
    made: list[State]
    rolled: State | None
    finished: int


async def expand(search: Search, rules: Rules, leaf: State, seats: int) -> Expansion:
    """Write a leaf's children, and a rollout from the best of them, where the rules ask for one.

    Args:
        search: what to grow.
        rules: how many children, and steps of a rollout.
        leaf: an open state.
        seats: solutions that may be finished here.

    Raises:
        UsageError: the prior needs log-probabilities and there are none.
    """
    made, finished = await _write(search, rules, leaf, min(seats, rules.children - len(leaf.children)))
    rolled = max((child for child in leaf.children if child.node.open), key=lambda child: child.value, default=None)
    if not rules.rollout or rolled is None:
        return Expansion(leaf, seats, made, None, finished)
    tip, best = rolled, 0.0
    for _ in range(rules.rollout):
        if not tip.node.open or finished == seats:
            break
        if not tip.children:
            new, ends = await _write(search, rules, tip, 1)
            made, finished = made + new, finished + ends
        tip = max(tip.children, key=lambda child: child.value)
        best = max(best, tip.value)
    rolled.value = (1 - rules.alpha) * rolled.value + rules.alpha * best
    return Expansion(leaf, seats, made, rolled, finished)


async def _write(search: Search, rules: Rules, state: State, n: int) -> tuple[list[State], int]:
    """Write `n` more children of a state: those that are new to it, and how many of all were finished."""
    write = search.complete if state.depth + 1 >= rules.max_steps else search.expand
    written = await write([state.node], n) if n > 0 else []
    known = {_key(search, child.node) for child in state.children}
    made = []
    for node in written:
        if (key := _key(search, node)) not in known:
            known.add(key)
            made.append(_state(search, rules, state, node))
    state.children += made
    return made, sum(node.finished for node in written)


def _key(search: Search, node: Node) -> tuple[tuple[int, ...], str]:
    path = search.tree.path(node)
    # Text tells them apart where an engine has no ids.
    return tuple(path.ids), path.text


def _state(search: Search, rules: Rules, parent: State, node: Node) -> State:
    likelihood = math.nan
    if rules.prior != "uniform":
        if node.logprob is None:
            raise UsageError(
                f"prior {rules.prior!r} is made of log-probabilities and the engine told none: set sampling.logprobs "
                "to true, or prior to uniform"
            )
        likelihood = math.exp(node.logprob / max(search.tree.tokens(node), 1))
    # What was cut off leads nowhere.
    value = search.value(node) if node.open or node.finished else 0.0
    return State(node=node, parent=parent, value=value, likelihood=likelihood)
