"""What helps where: the curves of problems of one difficulty, the best method of each, and policies that follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from outthink.errors import UsageError
from outthink.report.points import points
from outthink.report.statistics import Bins, Where, difficulties, leads, told
from outthink.study.cells import Cell, Method
from outthink.study.compute_optimal import if_known, if_predicted
from outthink.study.policy import Decision
from outthink.study.study import Study

__all__ = ["by_difficulty", "policies"]


def by_difficulty(study: Study, runs: Iterable[str], numbers: Mapping[Method, int]) -> list[dict[str, Any]]:
    """Every way to tell difficulty, with the points of each bin and the ranks of methods at each budget."""
    return [
        {
            "kind": bins.kind,
            "run": bins.run,
            "bins": [_bin(name, where, bins, numbers) for name, where in bins.members.items()],
        }
        for bins in difficulties(study, runs)
    ]


def _bin(name: str, where: Where, bins: Bins, numbers: Mapping[Method, int]) -> dict[str, Any]:
    made = points(bins.cells, numbers, where)
    return {
        "name": name,
        "problems": np.flatnonzero(where.any(axis=1)).tolist(),
        "points": made,
        "best": _best(bins.cells, made, where, numbers),
    }


def _best(
    cells: Sequence[Cell], made: Sequence[Mapping[str, Any]], where: Where, numbers: Mapping[Method, int]
) -> list[dict[str, Any]]:
    """At each budget the methods from the best on, and by how much the best one leads the next."""
    ranks: dict[int, list[tuple[Cell, float]]] = {}
    for cell, point in zip(cells, made, strict=True):
        if cell.method.selection != "oracle" and point["value"] is not None:
            ranks.setdefault(cell.n, []).append((cell, point["value"]))
    for mine in ranks.values():
        mine.sort(key=lambda each: -each[1])
    contested = [n for n, mine in ranks.items() if len(mine) > 1]
    lead = dict(zip(contested, leads([(ranks[n][0][0], ranks[n][1][0]) for n in contested], where), strict=True))
    nobody = {"value": None, "low": None, "high": None}
    return [
        {
            "n": n,
            "ranks": [[numbers[cell.method], value] for cell, value in ranks[n]],
            "lead": told(lead[n]) if n in lead else nobody,
        }
        for n in sorted(ranks)
    ]


def policies(study: Study, runs: Iterable[str], numbers: Mapping[Method, int]) -> list[dict[str, Any]]:
    """What choosing the method by difficulty would be worth, cross-validated: if it were known, and if predicted."""
    ways: dict[str, Callable[[str], Sequence[Decision]]] = {
        "known": lambda run: if_known(study, run),
        "predicted by scores": lambda run: if_predicted(study, run, by="score").decisions,
        "predicted by agreement": lambda run: if_predicted(study, run, by="agreement").decisions,
    }
    found = []
    for run in runs:
        for way, decide in ways.items():
            try:
                found += [{"run": run, "difficulty": way, **_decision(each, numbers)} for each in decide(run)]
            except UsageError:
                continue  # There are no samples, no scores, or too few problems to learn from.
    return found


def _decision(decision: Decision, numbers: Mapping[Method, int]) -> dict[str, Any]:
    return {
        "budget": decision.budget,
        "accuracy": told(decision.accuracy),
        "single": [numbers[decision.single.method], decision.single.n],
        "single_accuracy": told(decision.single_accuracy),
        "gain": told(decision.gain),
        "ceiling": decision.ceiling,
        "choices": [
            {"level": each.level, "method": numbers[each.cell.method], "n": each.cell.n, "steady": each.steady}
            for each in decision.choices
        ],
    }
