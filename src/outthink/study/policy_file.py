"""What a study learned, written down for the strategy `auto` to follow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from outthink.errors import UsageError
from outthink.registry import Spec, spec_of
from outthink.runs.recipe import Recipe, StrategyEntry
from outthink.select import Select
from outthink.strategies import Pool
from outthink.strategies.parts.policy import STOP, Policy, save_policy
from outthink.study.cells import Cell
from outthink.study.compute_optimal import Predicted
from outthink.study.intervals import Estimate
from outthink.study.outcomes import series_name
from outthink.study.policy import Decision
from outthink.study.sweep import seats

__all__ = ["write_policy"]


def write_policy(path: Path, learned: Predicted, recipe: Recipe, source: str) -> Policy:
    """Write policies, and return them as `auto` reads them.

    Args:
        path: the file.
        learned: with a single selection, since a strategy cannot choose how its solutions become an answer.
        recipe: the run's: says what the strategies are. Budgets that they had of their own are not written.
        source: names the study, for people to read.

    Raises:
        UsageError: several selections were chosen.
    """
    entries = {(series_name(each), seats(each.strategy)): each for each in recipe.strategies}
    return save_policy(
        path,
        predictor=learned.by,
        aggregate=learned.how,
        pilots=learned.pilots,
        select=_selection(learned),
        axis=learned.axis,
        edges=learned.decisions[0].edges,
        budgets={
            decision.budget: [_after(choice.cell, learned.pilots, entries) for choice in decision.choices]
            for decision in learned.decisions
        },
        provenance={
            "study": source,
            "run": learned.run,
            "problems": learned.problems,
            "seeds": learned.seeds,
            "budgets": [_provenance(decision) for decision in learned.decisions],
        },
    )


def _selection(learned: Predicted) -> Select:
    methods = [choice.cell.method for decision in learned.decisions for choice in decision.choices]
    chosen = dict.fromkeys((method.selection, method.aggregate) for method in methods)
    if len(chosen) > 1:
        names = ", ".join(" ".join(filter(None, each)) for each in chosen)
        raise UsageError(
            f"the policy chooses between the selections {names}, which a strategy cannot; learn it for one of them"
        )
    ((selection, _),) = chosen
    return cast(Select, selection)


def _after(cell: Cell, pilots: int, entries: Mapping[tuple[str, int], StrategyEntry]) -> Spec:
    """What is left to do after the pilots."""
    if any(series == cell.method.strategy and isinstance(each.strategy, Pool) for (series, _), each in entries.items()):
        return {"kind": "sample", "n": cell.n - pilots} if cell.n > pilots else STOP
    return spec_of(entries[cell.method.strategy, cell.n].strategy)


def _provenance(decision: Decision) -> dict[str, Any]:
    return {
        "budget": decision.budget,
        "accuracy": _figure(decision.accuracy),
        "cost": round(decision.cost, 4),
        "single": f"{decision.single.method.strategy} with n = {decision.single.n}",
        "single_accuracy": _figure(decision.single_accuracy),
        "single_cost": round(decision.single_cost, 4),
        "gain": _figure(decision.gain),
        "steady": [round(choice.steady, 2) for choice in decision.choices],
    }


def _figure(estimate: Estimate) -> list[float]:
    """The figure and its interval's ends."""
    return [round(value, 4) for value in (estimate.value, *(estimate.interval or ())) if value is not None]
