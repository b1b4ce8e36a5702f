"""Results: what comes of the pieces of a run, and what its selections make of them."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.cost import Cost

__all__ = ["Result", "Unit", "Verdict"]


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of a run: a strategy with a seed on a problem."""

    strategy: str
    seed: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one selection made of a search.

    Args:
        selection: its name.
        answer: the answer chosen; None if there was none to choose.
        correct: whether it equals the reference; None without a reference.
        ungraded: why comparing the two was given up ("timeout", "crash", "too long"), if it was; the answer then counts
            as wrong.
        votes: finished solutions that gave it.
        weight: its share of the selection's total weight.
    """

    selection: str
    answer: str | None
    correct: bool | None
    ungraded: str | None
    votes: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one unit.

    Args:
        unit: which.
        error: why the search failed, and what to do about it; None if it did not.
        stopped: the budget that ended it early, if one did.
        leaves: finished solutions.
        cost: what was spent.
        began, ended: wall-clock, in seconds since the epoch; the same where nobody knows how long it took.
        digest: of the tree, see `Tree.digest`.
        verdicts: one for each selection.
    """

    unit: Unit
    error: str | None
    stopped: str | None
    leaves: int
    cost: Cost
    began: float
    ended: float
    digest: str
    verdicts: tuple[Verdict, ...]
