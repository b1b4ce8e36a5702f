"""Extension: what may be added to a run's folder, so that nothing is computed twice and nothing is mixed up.

All results of a folder have problems, prompt, engine, partners, verifier, sandbox, sampling and the run's own budget in
common. Strategies and seeds may be added, or left out for a while: their results stay. A stored strategy may be
selected by further selections, and, where it searched without scores, under another aggregate: both are read off its
trees (`verdicts.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from outthink.errors import StoreError
from outthink.runs.recipe import Recipe, StrategyEntry, parse_recipe
from outthink.runs.store import Store
from outthink.select import NEEDS_SCORES

__all__ = ["extend"]

_ADDED = ("strategies", "seeds")


class _Known(NamedTuple):
    """A strategy as it is written, by name, and as it is read."""

    spec: Mapping[str, Any]
    entry: StrategyEntry

    def selected_also(self, other: _Known) -> _Known:
        """The same with another's selections after its own."""
        select = tuple(dict.fromkeys([*self.entry.select, *other.entry.select]))
        return _Known({**self.spec, "select": list(select)}, replace(self.entry, select=select))


def extend(store: Store, recipe: Recipe) -> Recipe:
    """Make a recipe part of what a folder is for.

    Args:
        store: open for writing; knows from now on what it holds and what is asked for.
        recipe: what is asked for.

    Returns:
        The recipe as it is to be carried out there: selections that a strategy once had, it keeps.

    Raises:
        StoreError: it has not everything in common with what the folder holds, or a strategy of that name is another.
    """
    held = {(unit.strategy, unit.seed) for unit in store.done()}
    plan = [(entry.name, seed) for entry in recipe.strategies for seed in recipe.seeds]
    if not held:
        store.record(recipe.text, plan)
        return recipe
    before, asked = json.loads(store.recipe()), json.loads(recipe.text)
    _check_common(store, before, asked)
    old, new = (_strategies(text, str(store.folder)) for text in (before, asked))
    old = {name: known for name, known in old.items() if name in {strategy for strategy, _ in held}}
    again = [name for name in new if name in old]
    for name in again:
        _check_same(store, old[name], new[name])
        new[name] = new[name].selected_also(old[name])
    union = asked | {"seeds": list(dict.fromkeys([*recipe.seeds, *sorted(seed for _, seed in held)]))}
    if new:
        left_out = {name: known for name, known in old.items() if name not in new}
        union["strategies"] = [known.spec for known in (new | left_out).values()]
    changed = [name for name in again if old[name].entry.aggregate != new[name].entry.aggregate]
    store.record(json.dumps(union, sort_keys=True), plan, product(changed, NEEDS_SCORES))
    entries = tuple(new[entry.name].entry if entry.name in new else entry for entry in recipe.strategies)
    return replace(recipe, strategies=entries)


def _check_common(store: Store, before: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    others = [key for key in sorted({*before, *asked} - {*_ADDED}) if before.get(key) != asked.get(key)]
    if others:
        raise StoreError(
            f"{store.folder}: holds results of another recipe, with other {', '.join(others)}; "
            "only strategies and seeds may be added to a run, so choose another --out"
        )


def _check_same(store: Store, old: _Known, new: _Known) -> None:
    before, now = old.entry, new.entry
    name = f"{store.folder}: strategy {now.name!r}"
    # An aggregate that is read while searching decides where a search goes.
    aggregate = before.aggregate == now.aggregate or not now.strategy.ranks
    if not now.searches_as(before) or not aggregate:
        raise StoreError(
            f"{name} has results as {_written(old)}, and is now {_written(new)}; "
            "give it a `name` of its own, or choose another --out"
        )
    if now.scored and not before.scored:
        raise StoreError(
            f"{name} has results that were not scored, and is now selected by {', '.join(now.select)}; "
            "give it a `name` of its own, or choose another --out"
        )


def _written(known: _Known) -> str:
    return json.dumps({key: value for key, value in known.spec.items() if key not in ("name", "select")})


def _strategies(text: Mapping[str, Any], where: str) -> dict[str, _Known]:
    """By name; none where the recipe's one strategy is not written as such (`learn/label.py`)."""
    if not text.get("strategies"):
        return {}
    entries = parse_recipe(text, where).strategies
    specs = [spec if isinstance(spec, Mapping) else {"kind": spec} for spec in text["strategies"]]
    named = zip(entries, specs, strict=True)
    return {entry.name: _Known({**spec, "name": entry.name}, entry) for entry, spec in named}
