"""The recipe of a study: which methods are compared, at which budgets, with which engines and verifiers.

    problems: {source: builtin, split: test, limit: 200}
    engines: {nano: {kind: llamacpp, context: 512}}       # by label; or `engine` for one
    verifiers: {rules: rules, prm: {kind: prm, model: path/to/mine}}
    sampling: {max_step_tokens: 48, max_tokens: 200}
    budgets: [1, 4, 16, 64]
    strategies:
      - greedy
      - {kind: sample, select: [majority, best, weighted], aggregate: [last, min]}
      - {kind: beam, width: 4}
      - {kind: beam, width: sqrt, name: beam-sqrt}
    seeds: [0, 1]
    baseline: {strategy: sample, selection: majority}
    prices: {engine: {input: 0.05, output: 0.2}, hour: 1.5}    # per million tokens, and of the machine
    larger: [...]                                         # models to stand beside, see `larger.py`

`problems`, `budgets` and `strategies` are required. It becomes an ordinary recipe for every engine with every verifier.
A strategy is run once at each budget, its `n` (`sweep.py`); a pool, whose solutions are independent, once at the
largest. One whose `n` is given is run at that, and one without `n` once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from outthink.budget import Budget
from outthink.errors import RecipeError
from outthink.options import check_keys, make, nearest
from outthink.registry import make_engine, make_verifier, read_spec
from outthink.runs.recipe import Recipe, StrategyEntry, parse_entry, parse_recipe, read_recipe
from outthink.select import Aggregate, Select
from outthink.strategies import Pool
from outthink.study.axes import Prices, read_prices
from outthink.study.larger import Larger, read_larger
from outthink.study.sweep import budget_place, resized, seats

__all__ = ["Baseline", "LeftOut", "Series", "StudyRecipe", "load_study_recipe", "parse_study_recipe"]

_SHARED = ("problems", "prompt", "partners", "sandbox", "sampling", "seeds", "in_flight")
_MODELS = ("engine", "engines", "verifier", "verifiers")
_KEYS = (*_SHARED, *_MODELS, "budgets", "strategies", "baseline", "prices", "larger")
_OWN = ("name", "select", "aggregate", "budget")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One strategy at all its budgets.

    Args:
        name: the strategy's; its entries in the runs are called NAME-N, or NAME alone where it has no budget.
        entries: as they are run, by N; a pool's only one tells of all smaller N too.
        pooled: whether its solutions are independent.
        aggregates: how step scores become one number, in each analysis; None is the verifier's own way. Searches that
            read scores are made under the first.
    """

    name: str
    entries: Mapping[int, StrategyEntry]
    pooled: bool
    aggregates: tuple[Aggregate | None, ...]

    @property
    def select(self) -> tuple[Select, ...]:
        """The selections that are drawn from each of its searches."""
        return next(iter(self.entries.values())).select


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the other methods are compared with.

    Args:
        strategy: a series.
        selection: one of its selections.
        aggregate: one of its aggregates; the first if None.
    """

    strategy: str
    selection: Select
    aggregate: Aggregate | None = None


class LeftOut(NamedTuple):
    """A strategy that cannot be run at a budget, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecipe:
    """A checked recipe of a study.

    Args:
        runs: an ordinary recipe for every engine with every verifier, by label: ENGINE, or ENGINE+VERIFIER.
        series: what is compared, in the order given.
        budgets: N, ascending.
        baseline: what the others are compared with.
        prices: of the models' work; None leaves the money unknown.
        larger: models that the study stands beside.
        left_out: what the strategies' own checks refuse.
        text: the recipe as JSON, in its own order.
    """

    runs: Mapping[str, Recipe]
    series: tuple[Series, ...]
    budgets: tuple[int, ...]
    baseline: Baseline
    prices: Prices | None
    larger: tuple[Larger, ...]
    left_out: tuple[LeftOut, ...]
    text: str

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of all its runs."""
        return next(iter(self.runs.values())).seeds


def load_study_recipe(path: Path, overrides: Sequence[str] = ()) -> StudyRecipe:
    """The recipe in a file.

    Args:
        path: a YAML file.
        overrides: `a.b=value` each, as for `load_recipe`.

    Raises:
        RecipeError: the file is missing or no valid recipe; the field or line is named.
    """
    return parse_study_recipe(read_recipe(path, overrides, _KEYS), str(path))


def parse_study_recipe(data: object, where: str) -> StudyRecipe:
    """The recipe in a plain mapping; raises RecipeError naming the field."""
    given = check_keys(data, _KEYS, where)
    budgets = _budgets(given.get("budgets"), where)
    written = _strategies(given.get("strategies"), budgets, where)
    series = tuple(each.series for each in written)
    return StudyRecipe(
        runs=_runs(given, [spec for each in written for spec in each.specs], where),
        series=series,
        budgets=budgets,
        baseline=_baseline(given.get("baseline"), series),
        prices=read_prices(given["prices"], "prices") if "prices" in given else None,
        larger=read_larger(given.get("larger", []), "larger"),
        left_out=tuple(refused for each in written for refused in each.left_out),
        text=json.dumps(given, default=str),
    )


class _Written(NamedTuple):
    """A series, what the runs' recipes say of it, and what is left out of it."""

    series: Series
    specs: list[dict[str, Any]]
    left_out: list[LeftOut]


def _strategies(given: object, budgets: Sequence[int], where: str) -> list[_Written]:
    if not isinstance(given, list) or not given:
        raise RecipeError(f"{where}: strategies: expected a list, got {given!r}")
    found: dict[str, _Written] = {}
    for place, spec in enumerate(given):
        written = _series(spec, budgets, f"strategies.{place}")
        name = written.series.name
        if name in found:
            raise RecipeError(f"strategies.{place}: a second strategy called {name!r}; give it a `name` of its own")
        found[name] = written
    return list(found.values())


def _series(given: object, budgets: Sequence[int], where: str) -> _Written:
    kind, options = read_spec("strategies", given, where)
    own = {key: options.pop(key) for key in _OWN if key in options}
    name = str(own.pop("name", None) or kind)
    aggregates = _aggregates(own.pop("aggregate", None), f"{where}.aggregate")
    if aggregates[0] is not None:
        own["aggregate"] = aggregates[0]
    spec = {"kind": kind, **options}
    place = budget_place(spec, where)
    if place is None or place.given:
        sizes = [(name, spec)]
    else:
        sizes = [(f"{name}-{n}", resized(spec, place.options, n)) for n in budgets]
    made: list[tuple[dict[str, Any], StrategyEntry]] = []
    left_out = []
    for label, size in sizes:
        try:
            made.append((size, parse_entry({**size, **own}, where, Budget())))
        except RecipeError as error:
            left_out.append(LeftOut(label, str(error)))
    if not made:
        # Not the budget's fault then.
        raise RecipeError(left_out[-1].reason)
    pooled = isinstance(made[-1][1].strategy, Pool)
    entries, specs = {}, []
    for size, entry in made[-1:] if pooled else made:
        n = seats(entry.strategy)
        full = name if place is None else f"{name}-{n}"
        entries[n] = replace(entry, name=full)
        specs.append({**size, **own, "name": full})
    return _Written(Series(name=name, entries=entries, pooled=pooled, aggregates=aggregates), specs, left_out)


def _aggregates(given: object, where: str) -> tuple[Aggregate | None, ...]:
    chosen = tuple(given) if isinstance(given, list) else (given,)
    for each in chosen:
        if each not in (None, *get_args(Aggregate)):
            raise RecipeError(f"{where}: {each!r} is none of {', '.join(get_args(Aggregate))}")
    if not chosen or len(set(chosen)) < len(chosen):
        raise RecipeError(f"{where}: expected different ways, at least one, got {given!r}")
    return chosen


def _budgets(given: object, where: str) -> tuple[int, ...]:
    if given is None:
        raise RecipeError(f"{where}: budgets is missing; for example: budgets: [1, 4, 16]")
    if not isinstance(given, list) or not given or not all(type(n) is int and n > 0 for n in given):
        raise RecipeError(f"budgets: expected a list of whole numbers from 1 on, got {given!r}")
    return tuple(sorted(set(given)))


def _baseline(given: object, series: Sequence[Series]) -> Baseline:
    """What is asked for, or the majority of the first pool, or whatever comes first."""
    if given is None:
        first = next((each for each in series if each.pooled), series[0])
        return Baseline(strategy=first.name, selection="majority" if "majority" in first.select else first.select[0])
    chosen = make(Baseline, given, "baseline")
    named = {each.name: each for each in series}
    if chosen.strategy not in named:
        raise RecipeError(f"baseline.strategy: none is called {chosen.strategy!r}{nearest(chosen.strategy, named)}")
    mine = named[chosen.strategy]
    if chosen.selection not in mine.select:
        raise RecipeError(f"baseline.selection: {mine.name} is selected by {', '.join(mine.select)}")
    if chosen.aggregate not in (None, *mine.aggregates):
        raise RecipeError(f"baseline.aggregate: {chosen.aggregate!r} is none of those of {mine.name}")
    return chosen


def _runs(given: Mapping[str, Any], strategies: Sequence[Mapping[str, Any]], where: str) -> dict[str, Recipe]:
    """An ordinary recipe for every engine with every verifier."""
    shared = {key: given[key] for key in _SHARED if key in given} | {"strategies": list(strategies)}
    engines = _labelled(given, "engine", "engines", make_engine) or {"llamacpp": "llamacpp"}
    verifiers = _labelled(given, "verifier", "verifiers", make_verifier)
    runs = {}
    for engine, writes in engines.items():
        if not verifiers:
            runs[engine] = parse_recipe(shared | {"engine": writes}, where)
        for verifier, judges in verifiers.items():
            recipe = shared | {"engine": writes, "verifier": judges}
            runs[f"{engine}+{verifier}"] = parse_recipe(recipe, where)
    return runs


def _labelled(
    given: Mapping[str, Any], one: str, many: Literal["engines", "verifiers"], check: Callable[[Any, str], object]
) -> dict[str, Any]:
    """Specs by label; the label of one that has none is its kind."""
    labelled = given.get(many)
    if given.get(one) is not None:
        if labelled is not None:
            raise RecipeError(f"{one} and {many}: give one of them")
        return {read_spec(many, given[one], one)[0]: given[one]}
    if labelled is None:
        return {}
    if not isinstance(labelled, Mapping) or not labelled:
        raise RecipeError(f"{many}: expected {many} by label, got {labelled!r}")
    for label, spec in labelled.items():
        # It names a folder, beside others.
        if not re.fullmatch(r"\w[\w.-]*", str(label)):
            raise RecipeError(f"{many}: {label!r} is no label; use letters, digits, '_', '-' and '.'")
        check(spec, f"{many}.{label}")
    return {str(label): spec for label, spec in labelled.items()}
