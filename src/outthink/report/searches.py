"""Which searches come along with a report, and what is said of each beside its tree."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple

from outthink.report.packing import pack_search, verdicts
from outthink.runs.recipe import parse_recipe
from outthink.runs.results import Unit
from outthink.runs.store import Store
from outthink.study.cells import Method
from outthink.study.outcomes import Outcome, series_name
from outthink.study.study import Study
from outthink.study.sweep import seats

__all__ = ["ROOM", "Trees", "searches"]

Trees = int | Literal["all"] | None
"""Of how many problems, from the first on, the trees come along; as many as fit into `ROOM` if None."""

ROOM = 16_000_000
"""Bytes for packed trees: a page that can be mailed and opens in a second."""


class _Found(NamedTuple):
    """A search, and where its tree is."""

    store: Store
    unit: Unit
    outcome: Outcome


def searches(
    study: Study,
    stores: Mapping[str, Store],
    methods: Sequence[Method],
    trees: Trees,
    watch: Callable[[int, int], None],
) -> list[dict[str, Any]]:
    """All searches on the first problems, with their trees.

    Args:
        study: what was found.
        stores: the runs by their labels.
        methods: all of the study.
        trees: of how many problems.
        watch: told how many of how many problems are done.
    """
    rows = {problem.id: row for row, problem in enumerate(study.problems)}
    most = len(rows) if trees == "all" or trees is None else min(trees, len(rows))
    found = sorted(_all(study, stores), key=lambda each: (rows[each.outcome.problem], each.outcome.seed))
    kept: list[dict[str, Any]] = []
    taken = 0
    for row, group in groupby(found, key=lambda each: rows[each.outcome.problem]):
        if row >= most:
            break
        mine = [_record(each, row, methods) for each in group]
        taken += sum(len(each["tree"]) for each in mine)
        if trees is None and kept and taken > ROOM:
            break
        kept += mine
        watch(row + 1, most)
    return kept


def _all(study: Study, stores: Mapping[str, Store]) -> Iterator[_Found]:
    outcomes = {(each.run, each.strategy, each.n, each.seed, each.problem): each for each in study.outcomes}
    for label, store in stores.items():
        entries = {entry.name: entry for entry in parse_recipe(json.loads(store.recipe()), label).strategies}
        for result in store.results():
            unit, entry = result.unit, entries[result.unit.strategy]
            place = label, series_name(entry), seats(entry.strategy), unit.seed, unit.problem
            # A run that goes on may have got further meanwhile.
            if place in outcomes:
                yield _Found(store, unit, outcomes[place])


def _record(found: _Found, row: int, methods: Sequence[Method]) -> dict[str, Any]:
    outcome = found.outcome
    drawn = [method for method in methods if method[:2] == (outcome.run, outcome.strategy)]
    return {
        "problem": row,
        "run": outcome.run,
        "strategy": outcome.strategy,
        "n": outcome.n,
        "seed": outcome.seed,
        "error": outcome.error,
        "seconds": None if math.isnan(outcome.seconds) else round(outcome.seconds, 3),
        "tokens": outcome.cost.engine.generated_tokens,
        "right": verdicts(outcome, drawn),
        "tree": pack_search(found.store.tree(found.unit), outcome, drawn),
    }
