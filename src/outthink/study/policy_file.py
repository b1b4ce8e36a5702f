"""What a study learned, written down for the strategy `auto` to follow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outthink.errors import UsageError
from outthink.registry import Spec
from outthink.runs.recipe import parse_recipe
from outthink.select import Select
from outthink.strategies.parts.policy import STOP, Policy, save_policy
from outthink.study.cells import Cell
from outthink.study.compute_optimal import Predicted
from outthink.study.intervals import Estimate
from outthink.study.outcomes import series_name
from outthink.study.policy import Decision

__all__ = ["write_policy"]


def write_policy(path: Path, learned: Predicted, recipe: Mapping[str, Any], source: str) -> Policy:
    """Write policies, and return them as `auto` reads them.

    Args:
        path: the file.
        learned: with a single selection, since a strategy cannot choose how its solutions become an answer.
        recipe: the run's, as its folder holds it: says what the strategies are.
        source: names the study, for people to read.

    Raises:
        UsageError: several selections were chosen, or a strategy that cannot be named without its own budget.
    """
    specs = _specs(recipe)
    return save_policy(
        path,
        predictor=learned.by,
        aggregate=learned.how,
        pilots=learned.pilots,
        select=_selection(learned),
        axis=learned.axis,
        edges=learned.decisions[0].edges,
        budgets={
            decision.budget: [_after(choice.cell, learned.pilots, specs) for choice in decision.choices]
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
    chosen = {choice.cell.method.selection for decision in learned.decisions for choice in decision.choices}
    (selection, *others) = sorted(chosen)
    if others or selection == "oracle":
        raise UsageError(
            f"the policy chooses between the selections {', '.join(sorted(chosen))}, which a strategy cannot; "
            "learn it for one of them"
        )
    return selection


def _specs(recipe: Mapping[str, Any]) -> dict[tuple[str, int], dict[str, Any]]:
    """How each series is written at each n."""
    found = {}
    for given, entry in zip(recipe["strategies"], parse_recipe(recipe, "recipe").strategies, strict=True):
        options = {"kind": given} if isinstance(given, str) else dict(given)
        found[series_name(entry), entry.strategy.samples] = options
    return found


def _after(cell: Cell, pilots: int, specs: Mapping[tuple[str, int], Mapping[str, Any]]) -> Spec:
    """What is left to do after the pilots."""
    series = cell.method.strategy
    kinds = {spec["kind"] for (name, _), spec in specs.items() if name == series}
    if kinds == {"sample"}:
        return {"kind": "sample", "n": cell.n - pilots} if cell.n > pilots else STOP
    spec = specs[series, cell.n]
    if "budget" in spec:
        raise UsageError(f"{series} with n = {cell.n} has a budget of its own, which a policy cannot hold")
    return {name: value for name, value in spec.items() if name not in ("name", "select", "aggregate")}


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
