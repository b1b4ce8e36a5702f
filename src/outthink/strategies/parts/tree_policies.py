"""What Monte-Carlo tree searches differ in: how a child is chosen, what it is worth, and how values travel upwards."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from outthink.checks import at_least, between
from outthink.errors import UsageError
from outthink.tree import Node

__all__ = ["PRESETS", "Backup", "Fresh", "Preset", "Prior", "Rules", "Selection", "State"]

Selection = Literal["uct", "puct", "puct-log"]
Prior = Literal["uniform", "logprob", "share"]
Fresh = Literal["value", "zero", "plus-one"]
Backup = Literal["mean", "max", "visits", "ends"]
Preset = Literal["rstar", "alphamath", "ts-llm", "rest-mcts"]

# AlphaZero's, of which TS-LLM's constant is made: the bonus begins to grow after about so many visits.
_LOG_BASE = 19652


@dataclass(slots=True, eq=False, kw_only=True)
class State:
    """What a tree search knows of a node. Siblings that were written alike, token by token, are one state.

    Args:
        node: the first that was written so.
        parent: None where the search begins.
        value: what it is worth by itself: the verifier's word, mixed with a rollout's if there was one. Where visits
            weigh (`backup`), it becomes what its children make of it.
        likelihood: exp of the mean log-probability of its tokens; NaN where the prior is not made of it.
        children: its distinct continuations.
        expanded: whether a descent goes on to them.
        visits: values backed up through it.
        total, best: their sum, their greatest.
        pending: visits under way below it.
        leaves: states at or below it that can be expanded now.
    """

    node: Node
    parent: State | None = None
    value: float
    likelihood: float = math.nan
    children: list[State] = field(default_factory=list)
    expanded: bool = False
    visits: int = 0
    total: float = 0.0
    best: float = 0.0
    pending: int = 0
    leaves: int = field(init=False)

    def __post_init__(self) -> None:
        self.leaves = int(self.node.open)

    @property
    def line(self) -> Iterator[State]:
        """It and all above it."""
        state: State | None = self
        while state is not None:
            yield state
            state = state.parent

    @property
    def depth(self) -> int:
        """States above it."""
        return sum(1 for _ in self.line) - 1

    def depart(self) -> None:
        """It is about to be expanded: until it has been, nobody else comes here, and all above it look visited."""
        for state in self.line:
            state.pending += 1
            state.leaves -= 1

    def arrive(self) -> None:
        """The virtual loss is taken back."""
        for state in self.line:
            state.pending -= 1

    def unfold(self) -> None:
        """It is a leaf no more: those of its children that can be continued are."""
        self.expanded = True
        fresh = sum(child.node.open for child in self.children)
        for state in self.line:
            state.leaves += fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How one tree search goes about it; the options of `mcts`, with the defaults of none of the presets.

    The selection's default is UCB1 (Auer, Cesa-Bianchi and Fischer 2002) as UCT uses it (Kocsis and Szepesvari 2006).
    """

    iterations: int = 64
    children: int = 4
    max_steps: int = 40
    selection: Selection = "uct"
    exploration: float = math.sqrt(2)
    prior: Prior = "uniform"
    fresh: Fresh = "value"
    lazy: bool = False
    rollout: int = 0
    alpha: float = 0.5
    backup: Backup = "mean"

    def __post_init__(self) -> None:
        at_least(1, iterations=self.iterations, children=self.children, max_steps=self.max_steps)
        between(0, 1, alpha=self.alpha)
        if not 0.0 <= self.exploration < math.inf:
            raise UsageError(f"exploration is {self.exploration}; it must be finite and not negative")
        if self.rollout < 0:
            raise UsageError(f"rollout is {self.rollout}; it must not be negative (0 is no rollout)")

    def descend(self, root: State, rng: Random) -> State | None:
        """The leaf that is to be looked at next; None while there is none. Ties are broken at random."""
        if not root.leaves:
            return None
        state = root
        while state.expanded:
            above, there = state, [child for child in state.children if child.leaves]
            state = max(there, key=lambda child: (self.score(above, child), rng.random()))
        return state

    def score(self, parent: State, child: State) -> float:
        """How much a child deserves the next visit. Visits under way count as visits that came to nothing."""
        seen, above = child.visits + child.pending, parent.visits + parent.pending
        if self.fresh == "plus-one" and not seen:
            return child.value + 1
        counted = max(child.visits, 1)
        worth = self.worth(child) * counted / (counted + child.pending)
        if self.selection == "uct":
            return worth + self.exploration * math.sqrt(math.log(max(above, 1)) / max(seen, 1))
        growth = math.log((above + _LOG_BASE + 1) / _LOG_BASE) if self.selection == "puct-log" else 0.0
        return worth + (self.exploration + growth) * self._prior(parent, child) * math.sqrt(above) / (1 + seen)

    def worth(self, state: State) -> float:
        """What a state is taken to be worth, in [0, 1]."""
        if not state.visits:
            return 0.0 if self.fresh == "zero" else state.value
        match self.backup:
            case "mean" | "ends":
                return state.total / state.visits
            case "max":
                return state.best
            case "visits":
                return state.value

    def back_up(self, state: State) -> None:
        """Let a state's own value count for it and for all above it."""
        value = state.value
        for above in state.line:
            self._visit(above, value)
            seen = sum(child.visits for child in above.children)
            if self.backup == "visits" and seen:
                above.value = sum(child.visits * child.value for child in above.children) / seen

    def learn(self, leaf: State, made: list[State], rolled: State | None) -> None:
        """Back up what an expansion brought: the ends it met, and the leaf, or its child with a rollout.

        With `ends` every state knows its own value, and only finished solutions tell those above. With `lazy` the leaf
        had its visit when it was first reached.
        """
        for state in made:
            if self.backup == "ends" and not state.node.finished:
                self._visit(state, state.value)
            elif not state.node.open:
                self.back_up(state)
        if self.backup != "ends" and (rolled or not self.lazy):
            self.back_up(rolled or leaf)

    def _prior(self, parent: State, child: State) -> float:
        match self.prior:
            case "uniform":
                return 1 / len(parent.children)
            case "logprob":
                return child.likelihood
            case "share":
                return child.likelihood / sum(sibling.likelihood for sibling in parent.children)

    def _visit(self, state: State, value: float) -> None:
        state.visits += 1
        state.total += value
        state.best = max(state.best, value)


PRESETS: Mapping[Preset | None, Rules] = {
    None: Rules(),
    # arXiv 2501.04519 and its code: 12 rollouts, each of up to 16 expansions.
    "rstar": Rules(iterations=12 * 16, children=32, max_steps=16, selection="uct", exploration=2.0, backup="ends"),
    # arXiv 2405.03553 and its code.
    "alphamath": Rules(
        iterations=40, children=5, selection="puct", exploration=1.5, prior="logprob", fresh="zero", backup="mean"
    ),
    # arXiv 2309.17179 and its code; width and depth are chosen per task there, these are its smallest.
    "ts-llm": Rules(
        iterations=20,
        children=4,
        max_steps=10,
        selection="puct-log",
        exploration=1.25,
        prior="share",
        lazy=True,
        backup="mean",
    ),
    # arXiv 2406.03816 and its code, which has 0.7 * sqrt(2 ln N / n).
    "rest-mcts": Rules(
        children=3, selection="uct", exploration=0.7 * math.sqrt(2), fresh="plus-one", rollout=3, backup="visits"
    ),
}
"""Every value that a preset gives differs from, or fixes, the default; what its paper leaves open keeps the default."""
