"""Monte-Carlo tree search over steps: what a verifier says of a step travels up the tree and decides where to go on."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, fields, replace
from typing import Any

from outthink.checks import at_least, one_of
from outthink.search import Search
from outthink.strategies.parts.tree_growth import Expansion, expand
from outthink.strategies.parts.tree_policies import PRESETS, Backup, Fresh, Preset, Prior, Rules, Selection, State
from outthink.strategies.parts.window import in_order

__all__ = ["Mcts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mcts:
    """Monte-Carlo tree search: choose a leaf, write its children, let their values count for all above them, again.

    One search with the parts that published ones differ in as options. A preset is how one of them sets these:
    rStar-Math (Guan et al. 2025, arXiv 2501.04519), AlphaMath (Chen et al. 2024, arXiv 2405.03553), TS-LLM (Feng et al.
    2023, arXiv 2309.17179), ReST-MCTS* (Zhang et al. 2024, arXiv 2406.03816). An option that is given goes before the
    preset's. A finished solution is backed up when it is met, votes, and is not visited again; one that was cut off is
    worth 0.

    Args:
        n: finished solutions at most. An expansion that could bring more than are left writes fewer children.
        preset: fills the options below that are None; without one they are UCT's.
        iterations: expansions at most.
        children: continuations written of each leaf.
        max_steps: steps after which a path is written to its end.
        selection: "uct": Q + c sqrt(ln N / n); "puct": Q + c P sqrt(N) / (1 + n); "puct-log": with a c that grows by
            ln((N + 19653) / 19652), AlphaZero's.
        exploration: c.
        prior: P, for both kinds of "puct": "uniform" over the siblings; "logprob", exp of a step's mean
            log-probability (needs `sampling.logprobs`); or its "share" of the siblings' sum of that.
        fresh: what a child without visits is worth to the selection: the verifier's "value", "zero", or the value
            "plus-one".
        lazy: whether a leaf is expanded only when it is reached a second time; the first visit costs nothing.
        rollout: steps written on from a leaf's best child, which stay in the tree as the first of its continuations.
        alpha: share of the best value on the rollout in that child's value.
        backup: what a state is worth: the "mean" or the "max" of all that was backed up through it, the mean of its
            children weighted by "visits", or the mean of its own value and those of the finished "ends" below it.
        in_flight: leaves expanded at a time, kept apart by virtual loss; 1 is sequential search.
    """

    n: int = 16
    preset: Preset | None = None
    iterations: int | None = None
    children: int | None = None
    max_steps: int | None = None
    selection: Selection | None = None
    exploration: float | None = None
    prior: Prior | None = None
    fresh: Fresh | None = None
    lazy: bool | None = None
    rollout: int | None = None
    alpha: float | None = None
    backup: Backup | None = None
    in_flight: int = 1

    def __post_init__(self) -> None:
        at_least(1, n=self.n, in_flight=self.in_flight)
        if self.preset is not None:
            one_of(Preset, preset=self.preset)
        # Made here so that options out of range are refused before anything is written.
        _ = self.rules

    @property
    def rules(self) -> Rules:
        """The preset's options, and those given instead of them."""
        given = {field.name: getattr(self, field.name) for field in fields(Rules)}
        return replace(PRESETS[self.preset], **{name: value for name, value in given.items() if value is not None})

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Leaves are chosen by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Grow the tree until nothing may or can be expanded."""
        await self.grow(search, State(node=search.root, value=search.value(search.root)))

    async def grow(self, search: Search, root: State) -> None:
        """Search below a state; what it learns of each state stays there for who wants to look."""
        rules, rng = self.rules, search.rng()
        seats, left = self.n, rules.iterations
        away: list[State] = []

        async def send() -> Coroutine[Any, Any, Expansion] | None:
            nonlocal seats, left
            leaf = rules.descend(root, rng)
            while rules.lazy and leaf is not None and leaf is not root and not leaf.visits:
                rules.back_up(leaf)
                leaf = rules.descend(root, rng)
            if leaf is None or not seats or not left:
                return None
            taken = min(rules.children, seats)
            seats, left = seats - taken, left - 1
            leaf.depart()
            away.append(leaf)
            return expand(search, rules, leaf, taken)

        def take(expansion: Expansion) -> None:
            nonlocal seats
            seats += expansion.seats - expansion.finished
            away.remove(expansion.leaf)
            expansion.leaf.arrive()
            expansion.leaf.unfold()
            rules.learn(expansion.leaf, expansion.made, expansion.rolled)

        try:
            await in_order(send, take, at_once=self.in_flight)
        finally:
            for leaf in away:
                leaf.arrive()
