"""The report as one plain document: everything that page and figures show, and nothing that is not JSON.

A pure function of a study and of its runs' stored trees. Methods are told by their number, problems by theirs; shares
are in [0, 1], and None stands for what is not known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from outthink.report.costs import breakdown
from outthink.report.helping import by_difficulty, policies
from outthink.report.names import axis_label, method_names
from outthink.report.points import mean_of, points
from outthink.report.searches import Trees, searches
from outthink.report.statistics import comparisons, told
from outthink.report.verifiers import diagnostics
from outthink.runs.store import Store
from outthink.study.beside import Beside
from outthink.study.cells import Cell, Method
from outthink.study.comparisons import Comparison
from outthink.study.intervals import Estimate
from outthink.study.outcomes import Outcome
from outthink.study.study import Study

__all__ = ["Watch", "document"]

Watch = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much is done."""

_CURVES = 8
"""As many as can be told apart in one chart."""


def document(
    study: Study,
    stores: Mapping[str, Store],
    *,
    title: str,
    baselines: Iterable[Method] = (),
    larger: Iterable[Beside] = (),
    trees: Trees = None,
    watch: Watch = lambda doing, done, total: None,
) -> dict[str, Any]:
    """All there is to show.

    Args:
        study: what was found.
        stores: the runs by their labels, open for reading.
        title: what the report is called.
        baselines: what methods are compared with, beside greedy decoding and the vote of samples.
        larger: its methods beside larger models.
        trees: of how many problems, from the first on, the trees come along; as many as fit into `ROOM` if None.
        watch: told how it goes.
    """
    methods = list(dict.fromkeys(cell.method for cell in study.cells))
    numbers = {method: number for number, method in enumerate(methods)}
    curves = points(study.cells, numbers)
    kept = searches(study, stores, methods, trees, lambda done, total: watch("trees packed", done, total))
    parts: dict[str, Callable[[], Any]] = {
        "difficulty": lambda: by_difficulty(study, stores, numbers),
        "policies": lambda: policies(study, stores, numbers),
        "comparisons": lambda: [_compared(each, numbers) for each in comparisons(study, baselines)],
        "verifiers": lambda: [found for label in stores if (found := diagnostics(study, label)) is not None],
    }
    worked_out = {}
    for done, (name, work_out) in enumerate(parts.items()):
        watch("parts worked out", done, len(parts))
        worked_out[name] = work_out()
    return {
        "title": title,
        "version": version("outthink"),
        "seeds": list(study.seeds),
        "runs": [_run(label, store) for label, store in stores.items()],
        "axes": _axes(study.cells),
        "methods": _methods(methods, study.outcomes),
        "shown": _first_shown(methods, curves),
        "points": [point | _by_problem(cell) for point, cell in zip(curves, study.cells, strict=True)],
        **worked_out,
        "larger": [_beside(each, numbers) for each in larger],
        "costs": breakdown(study.outcomes),
        "problems": _problems(study),
        "searches": kept,
        "trees": len({each["problem"] for each in kept}),
    }


def _run(label: str, store: Store) -> dict[str, Any]:
    recipe = json.loads(store.recipe())
    return {"label": label, **{key: recipe.get(key) for key in ("problems", "engine", "verifier", "sampling", "seeds")}}


def _axes(cells: Sequence[Cell]) -> list[dict[str, str]]:
    """What was spent, by whatever is known of at least one cell."""
    names = dict.fromkeys(axis for cell in cells for axis in cell.costs if not np.isnan(cell.costs[axis]).all())
    return [{"name": name, "label": axis_label(name)} for name in names]


def _methods(methods: Sequence[Method], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    pooled = {(outcome.run, outcome.strategy) for outcome in outcomes if outcome.pooled}
    return [
        method._asdict() | {"name": name, "pooled": method[:2] in pooled}
        for method, name in zip(methods, method_names(methods), strict=True)
    ]


def _first_shown(methods: Sequence[Method], curves: Sequence[Mapping[str, Any]]) -> list[int]:
    """The methods to begin with: all, or of many the best selection of each strategy, to tell the curves apart."""
    shown = [place for place, each in enumerate(methods) if each.selection != "oracle" and each.strategy != "greedy"]
    if len(shown) <= _CURVES:
        return shown
    peaks = {place: max(each["value"] or 0.0 for each in curves if each["method"] == place) for place in shown}
    best: dict[tuple[str, str], int] = {}
    for place in sorted(shown, key=lambda place: -peaks[place]):
        best.setdefault(methods[place][:2], place)
    return sorted(best.values())


def _by_problem(cell: Cell) -> dict[str, Any]:
    """How often each problem was answered right, in percent."""
    return {"right": [None if (share := mean_of(row)) is None else round(100 * share) for row in cell.accuracy]}


def _compared(each: Comparison, numbers: Mapping[Method, int]) -> dict[str, Any]:
    return {
        "first": [numbers[each.method], each.n],
        "second": [numbers[each.baseline], each.baseline_n],
        "problems": each.problems,
        "p": each.p_value,
        "adjusted": each.adjusted,
        "needed": each.problems_needed,
        **told(Estimate(each.difference, each.interval)),
    }


def _beside(each: Beside, numbers: Mapping[Method, int]) -> dict[str, Any]:
    larger, found = each.larger, each.match
    return {
        "larger": {name: getattr(larger, name) for name in ("name", "parameters", "tokens", "accuracy", "source")},
        "ratio": each.ratio if math.isfinite(each.ratio) else None,
        "method": numbers[each.method],
        "n": found and found.n,
        "flops": found and found.flops,
        "accuracy": found and found.accuracy,
        **told(Estimate(found.accuracy - found.large, found.interval) if found else Estimate(None, None)),
    }


def _problems(study: Study) -> list[dict[str, Any]]:
    right: dict[str, list[bool]] = {problem.id: [] for problem in study.problems}
    for outcome in study.outcomes:
        if outcome.pooled and outcome.graded:
            right[outcome.problem] += [bool(each.correct) for each in outcome.solved]
    return [
        {
            "id": problem.id,
            "question": problem.question,
            "answer": problem.answer,
            "level": problem.level,
            "subject": problem.subject,
            "chance": sum(mine) / len(mine) if (mine := right[problem.id]) else None,
        }
        for problem in study.problems
    ]
