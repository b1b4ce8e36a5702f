"""Where the cost of a search lies: tokens and FLOPs of engine and verifier, as they were run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from outthink.cost import Cost
from outthink.report.points import mean_of
from outthink.study.outcomes import Outcome

__all__ = ["breakdown"]


def breakdown(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Means per search of every series at every budget it was run with, failed searches included."""
    groups: dict[tuple[str, str, int], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.run, outcome.strategy, outcome.n), []).append(outcome)
    return [_row(*place, mine) for place, mine in groups.items()]


def _row(run: str, strategy: str, n: int, mine: list[Outcome]) -> dict[str, Any]:
    total = asdict(sum((outcome.cost for outcome in mine), Cost()))
    return {
        "run": run,
        "strategy": strategy,
        "n": n,
        "searches": len(mine),
        "failed": sum(outcome.error is not None for outcome in mine),
        "solutions": sum(len(outcome.solved) for outcome in mine) / len(mine),
        "seconds": mean_of(np.array([outcome.seconds for outcome in mine])),
        **{model: {name: spent / len(mine) for name, spent in usage.items()} for model, usage in total.items()},
    }
