"""What a study learned, written down for the strategy `auto` to follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from outthink.errors import UsageError
from outthink.registry import Spec, spec_of
from outthink.runs.recipe import Recipe, StrategyEntry
from outthink.select import Select
from outthink.strategies import Pool
from outthink.strategies.parts.policy import STOP, Policy, save_policy
from outthink.study.allocation import Allocation
from outthink.study.axes import Axis
from outthink.study.cells import Cell, Method
from outthink.study.compute_optimal import Predicted, Shared
from outthink.study.intervals import Estimate
from outthink.study.outcomes import series_name
from outthink.study.policy import Decision
from outthink.study.sweep import seats

__all__ = ["write_policy", "write_shares"]


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
    return _save(
        path,
        learned,
        source,
        methods=[choice.cell.method for decision in learned.decisions for choice in decision.choices],
        axis=learned.axis,
        edges=learned.decisions[0].edges,
        budgets={
            decision.budget: [_after(choice.cell, learned.pilots, entries) for choice in decision.choices]
            for decision in learned.decisions
        },
        worth=[_provenance(decision) for decision in learned.decisions],
    )


def write_shares(path: Path, learned: Shared, source: str) -> Policy:
    """Write samples shared out as a policy, and return it as `auto` reads it.

    A budget is what a problem gets on average, if problems are as easy and as hard as the study's.

    Args:
        path: the file.
        learned: with a single selection.
        source: names the study, for people to read.

    Raises:
        UsageError: several selections, or nothing that leaves a choice.
    """
    if not learned.allocations:
        raise UsageError(
            f"the study has no budget between {learned.pilots} pilots and the whole of its pools; add one to its recipe"
        )
    return _save(
        path,
        learned,
        source,
        methods=[method for method, _ in learned.allocations],
        axis="samples",
        edges=learned.allocations[0][1].edges,
        budgets={
            shared.each: [_samples(count, learned.pilots) for count in shared.by_level]
            for _, shared in learned.allocations
        },
        worth=[_shared(shared) for _, shared in learned.allocations],
    )


def _save(
    path: Path,
    learned: Predicted | Shared,
    source: str,
    *,
    methods: Iterable[Method],
    axis: Axis,
    edges: Sequence[float],
    budgets: Mapping[float, Sequence[Spec]],
    worth: Sequence[Mapping[str, Any]],
) -> Policy:
    return save_policy(
        path,
        predictor=learned.by,
        aggregate=learned.how,
        pilots=learned.pilots,
        select=_selection(methods),
        axis=axis,
        edges=edges,
        budgets=budgets,
        provenance={
            "study": source,
            "run": learned.run,
            "problems": learned.problems,
            "seeds": learned.seeds,
            "budgets": list(worth),
        },
    )


def _selection(methods: Iterable[Method]) -> Select:
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
        return _samples(cell.n, pilots)
    return spec_of(entries[cell.method.strategy, cell.n].strategy)


def _samples(n: int, pilots: int) -> Spec:
    return {"kind": "sample", "n": n - pilots} if n > pilots else STOP


def _shared(shared: Allocation) -> dict[str, Any]:
    return {
        "budget": shared.each,
        "accuracy": _figure(shared.accuracy),
        "as_many_for_each": _figure(shared.uniform),
        "gain": _figure(shared.gain),
    }


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
