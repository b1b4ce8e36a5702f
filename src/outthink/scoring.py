"""Scoring: every step gets its verifier's score once, paid for out of the budget, checked before it is believed.

Small models write the same again and again. What a deterministic verifier has said of a path it is not asked again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from outthink.budget import Grant, Ledger, flops_per_token
from outthink.copies import Copies
from outthink.cost import NOTHING, Cost
from outthink.errors import UsageError, VerifierError
from outthink.tree import Node, Path, Tree
from outthink.verifiers import Scores, Verifier

__all__ = ["Scoring"]


class Scoring:
    """What a search has scored by its verifier.

    Args:
        verifier: judges; None if the search has none.
        tree: whose steps are scored.
        ledger: keeps the budget.
        now: seconds since the search began.
    """

    def __init__(self, verifier: Verifier | None, tree: Tree, ledger: Ledger, now: Callable[[], float]) -> None:
        self.has_verifier = verifier is not None
        self._verifier = verifier
        self._tree = tree
        self._ledger = ledger
        self._now = now
        self._locks: dict[int | tuple[int, int], asyncio.Lock] = {}
        self._copies = Copies()
        self._said: dict[tuple[int, int], Sequence[float]] = {}

    def require(self) -> Verifier:
        """The verifier.

        Raises:
            UsageError: there is none.
        """
        if self._verifier is None:
            raise UsageError("this strategy ranks paths by score: name a verifier")
        return self._verifier

    @property
    def flops_per_token(self) -> float:
        """What a token costs to judge, where FLOPs are limited."""
        return flops_per_token(self.require(), "verifier") if self._ledger.counts_flops else 0.0

    async def apart(self, node: Node) -> None:
        """Score the path to a node whose request has set nothing aside for it."""
        path = self._tree.path(node)
        grant = await self._ledger.take(0, prefix=path.tokens, judging=self.flops_per_token)
        try:
            await self.path(node)
        finally:
            self._ledger.wrote(grant, 0, 0.0)
            self.settle(grant, node)

    def settle(self, grant: Grant, node: Node) -> None:
        """Exchange what was set aside for judging a node for what it took."""
        self._ledger.judged(grant, node.cost.verifier.flops)

    async def path(self, node: Node) -> None:
        """Score the path to a node as far as it has no scores yet.

        Raises:
            VerifierError: the verifier failed or returned something that is no score.
        """
        path = self._tree.path(node)
        while steps := path.unscored:
            # Siblings may share steps that were left unscored: the first scores them, the others wait for that.
            async with self._lock(steps[0].index):
                if steps[0].score is None:
                    await self._score(path)

    async def _score(self, path: Path) -> None:
        node, steps = path.node, path.unscored
        scores = await self._ask(path)
        # Paid for before it is looked at: what turns out to be no score has its cost all the same.
        node.cost = Cost(engine=node.cost.engine, verifier=scores.usage)
        if len(scores.values) != len(steps):
            raise VerifierError(
                f"the verifier returned {len(scores.values)} scores for {len(steps)} steps; "
                "it must return one for each step that has none"
            )
        now = self._now()
        for step, value in zip(steps, scores.values, strict=True):
            if not (math.isfinite(value) and 0.0 <= value <= 1.0):
                raise VerifierError(
                    f"the verifier scored step {step.depth} with {value}; scores must lie in [0, 1]. "
                    "Check its model, precision and input format"
                )
            step.score, step.scored = value, now

    async def _ask(self, path: Path) -> Scores:
        """The verifier's word on a path, or what it said of one that reads the same."""
        verifier = self.require()
        if not getattr(verifier, "deterministic", False):
            return await verifier.score(path)
        # With more of it unscored, an outcome model would give its score to more steps.
        key = self._copies.first(path), len(path.unscored)
        async with self._lock(key):
            if key in self._said:
                return Scores(values=self._said[key], usage=NOTHING)
            scores = await verifier.score(path)
            self._said[key] = scores.values
            return scores

    def _lock(self, key: int | tuple[int, int]) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())
