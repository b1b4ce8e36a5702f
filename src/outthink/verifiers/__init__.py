"""Verifiers judge. This is the seam every verifier stands behind, learned model or hard-coded rule.

A verifier knows nothing of strategies: it is shown a path and scores the steps that have no score yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from outthink.cost import Usage
from outthink.engines import Engine
from outthink.problems import Problem
from outthink.select import Aggregate
from outthink.tree import Path

__all__ = ["Learner", "Scores", "Verifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """A verifier's word on a path: one score in [0, 1] per unscored step, first to last, and what it cost."""

    values: Sequence[float]
    usage: Usage


class Verifier(Protocol):
    """Something that scores steps.

    `aggregate` is how its step scores become one number unless the user says otherwise; `usage` is its own count of
    everything it did since it was opened. One that reads each token about once also has `parameters: int`, its model's
    size, known once it is open (0 if it runs none): FLOPs budgets need it. One that knows its model's `shape: Shape`,
    has that. One whose word hangs on what a path says and on nothing else (no draws of its own) has `deterministic =
    True`: within a search, paths that say the same are scored once.
    """

    aggregate: Aggregate
    usage: Usage

    async def open(self, engine: Engine) -> None:
        """Get ready. Called once, with the engine that writes, for verifiers that ask it."""

    async def close(self) -> None:
        """Give everything back. Safe to call twice, and when `open` failed."""

    async def score(self, path: Path) -> Scores:
        """Score `path.unscored`, and nothing else: what has a score is not scored again.

        Raises:
            VerifierError: the verifier failed.
        """


@runtime_checkable
class Learner(Protocol):
    """A verifier that has to know the problem, not only what was written on it."""

    def learn(self, problem: Problem) -> None:
        """Be told a problem before its solutions come.

        Raises:
            UsageError: the problem lacks what the verifier needs.
        """
