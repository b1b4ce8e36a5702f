"""The recipe: one YAML file that says everything about a run.

    problems: {source: builtin, split: test, limit: 60}
    prompt: {step: "\\n\\n"}
    engine: llamacpp
    verifier: rules
    sampling: {temperature: 0.8, max_step_tokens: 64, max_tokens: 256}
    budget: {tokens: 4000}
    strategies:
      - {kind: greedy, select: majority}
      - {kind: sample, n: 16, select: [majority, best, weighted]}
      - {kind: beam, n: 16, width: 4, aggregate: min}
    seeds: [0]

Only `problems` and `strategies` are required. What is unknown is refused with the nearest valid name. `in_flight: 4`
keeps so many searches under way; without it the engine's room decides. `sandbox` limits programs that are run to grade
them, where problems ask for any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.errors import RecipeError
from outthink.options import check_keys, make, yaml_value
from outthink.prompt import Prompt
from outthink.registry import Spec, make_engine, make_strategy, make_verifier
from outthink.sandbox import Sandbox
from outthink.select import NEEDS_SCORES, SELECTIONS, Aggregate, Select
from outthink.strategies import Strategy

__all__ = [
    "ProblemSource",
    "Recipe",
    "StrategyEntry",
    "compose",
    "load_recipe",
    "parse_entry",
    "parse_recipe",
    "read_recipe",
]

_KEYS = (
    "problems",
    "prompt",
    "engine",
    "partners",
    "verifier",
    "sandbox",
    "sampling",
    "budget",
    "strategies",
    "seeds",
    "in_flight",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemSource:
    """Where the problems come from; the arguments of `load_problems`."""

    source: str
    split: str | None = None
    limit: int | None = None
    offset: int = 0
    columns: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyEntry:
    """One strategy of a run, and how its finished paths become answers.

    Args:
        name: what the run calls it; unique.
        strategy: the strategy itself.
        select: the selections to draw from the one search.
        aggregate: how step scores become one number; the verifier's own way if None.
        budget: on top of the run's.
    """

    name: str
    strategy: Strategy
    select: tuple[Select, ...]
    aggregate: Aggregate | None
    budget: Budget

    @property
    def scored(self) -> bool:
        """Whether anything reads scores; if not, no verifier is asked and none is paid."""
        return self.strategy.ranks or any(name in NEEDS_SCORES for name in self.select)

    def searches_as(self, other: StrategyEntry) -> bool:
        """Whether it spends what the other spends, in the same way; what is read off the searches may differ."""
        return self.strategy == other.strategy and self.budget == other.budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A checked recipe.

    Args:
        problems: where the problems come from.
        prompt: how a question is put.
        engine: what writes.
        partners: further engines, by the names that strategies call them.
        verifier: what judges; None for none.
        sandbox: where programs are run to grade them; the arguments of `Sandbox`.
        sampling: how steps are sampled.
        strategies: how budgets are spent, each over all problems.
        seeds: each strategy is run once with each.
        in_flight: searches under way at the same time; None lets the engine's room decide (`admission.py`).
        text: the recipe as canonical JSON, without what cannot change a result.
    """

    problems: ProblemSource
    prompt: Prompt
    engine: Spec
    partners: Mapping[str, Spec]
    verifier: Spec | None
    sandbox: Mapping[str, Any]
    sampling: Sampling
    strategies: tuple[StrategyEntry, ...]
    seeds: tuple[int, ...]
    in_flight: int | None
    text: str


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a file.

    Args:
        path: a YAML file.
        overrides: `a.b=value` each; numbers index lists, values are YAML.

    Raises:
        RecipeError: the file is missing, no YAML, or no valid recipe; the field or line is named.
    """
    return parse_recipe(read_recipe(path, overrides, _KEYS), str(path))


def read_recipe(path: Path, overrides: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    """The mapping in a file, with overrides; raises like `load_recipe`, also for any key but those valid."""
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        reason = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
        raise RecipeError(f"{where}: not valid YAML: {reason}") from None
    given = check_keys(data, keys, str(path))
    for override in overrides:
        _override(given, override)
    return check_keys(given, keys, str(path))


def parse_recipe(data: object, where: str) -> Recipe:
    """The recipe in a plain mapping; raises RecipeError naming the field."""
    given = check_keys(data, _KEYS, where)
    if not given.get("strategies"):
        raise RecipeError(f"{where}: strategies is missing")
    entries = _entries(given["strategies"], make(Budget, given.get("budget", {}), "budget"))
    for entry in entries:
        if entry.scored and given.get("verifier") is None:
            raise RecipeError(f"{where}: strategy {entry.name!r} reads scores; name a verifier, or select: majority")
    return compose(given, entries, where)


def compose(given: Mapping[str, Any], entries: tuple[StrategyEntry, ...], where: str) -> Recipe:
    """A recipe of what was given and of checked strategies; raises RecipeError naming the field."""
    if not given.get("problems"):
        raise RecipeError(f"{where}: problems is missing")
    engine, verifier = given.get("engine", "llamacpp"), given.get("verifier")
    # Made once here so that a wrong option is found before anything is loaded; opened only by the run.
    make_engine(engine)
    partners = given.get("partners", {})
    if not isinstance(partners, Mapping):
        raise RecipeError(f"partners: expected engines by name, got {partners!r}")
    for name, partner in partners.items():
        make_engine(partner, f"partners.{name}")
    if verifier is not None:
        make_verifier(verifier)
    make(Sandbox, given.get("sandbox", {}), "sandbox")
    return Recipe(
        problems=make(ProblemSource, given["problems"], "problems"),
        prompt=make(Prompt, given.get("prompt", {}), "prompt"),
        engine=engine,
        partners=partners,
        verifier=verifier,
        sandbox=given.get("sandbox", {}),
        sampling=make(Sampling, given.get("sampling", {}), "sampling"),
        strategies=entries,
        seeds=_seeds(given.get("seeds", [0])),
        in_flight=_in_flight(given.get("in_flight")),
        text=json.dumps({key: given[key] for key in sorted(given) if key != "in_flight"}, sort_keys=True, default=str),
    )


def _entries(given: object, budget: Budget) -> tuple[StrategyEntry, ...]:
    if not isinstance(given, list):
        raise RecipeError(f"strategies: expected a list, got {given!r}")
    entries = [parse_entry(entry, f"strategies.{place}", budget) for place, entry in enumerate(given)]
    names = [entry.name for entry in entries]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise RecipeError(f"strategies.{place}: a second strategy called {name!r}; give it a `name` of its own")
    return tuple(entries)


def parse_entry(given: object, where: str, budget: Budget) -> StrategyEntry:
    """One strategy of a recipe; raises RecipeError naming the field.

    Args:
        given: a kind, or a mapping of its options and the entry's own.
        where: the field it stands in.
        budget: the run's.
    """
    options: dict[str, Any] = dict(given) if isinstance(given, dict) else {"kind": given}
    select = options.pop("select", None)
    aggregate = options.pop("aggregate", None)
    name = options.pop("name", None)
    own = make(Budget, options.pop("budget", {}), f"{where}.budget")
    strategy = make_strategy(options, where)
    if select is None:
        select = "weighted" if strategy.ranks else "majority"
    chosen = tuple(select) if isinstance(select, list) else (select,)
    for each in chosen:
        _one_of(each, SELECTIONS, f"{where}.select")
    if aggregate is not None:
        _one_of(aggregate, get_args(Aggregate), f"{where}.aggregate")
    how: Aggregate | None = aggregate
    samples = strategy.samples
    return StrategyEntry(
        name=str(name or (f"{options['kind']}-{samples}" if samples > 1 else options["kind"])),
        strategy=strategy,
        select=chosen,
        aggregate=how,
        budget=replace(budget & own, samples=min(samples, (budget & own).samples or samples)),
    )


def _one_of(value: object, valid: Any, where: str) -> None:
    if value not in valid:
        raise RecipeError(f"{where}: {value!r} is none of {', '.join(valid)}")


def _seeds(given: object) -> tuple[int, ...]:
    if not isinstance(given, list) or not given or not all(type(seed) is int and seed >= 0 for seed in given):
        raise RecipeError(f"seeds: expected a list of whole numbers from 0 on, got {given!r}")
    if len(set(given)) < len(given):
        raise RecipeError(f"seeds: {given!r} repeats a seed; the same seed gives the same run")
    return tuple(given)


def _in_flight(given: object) -> int | None:
    if given is not None and (type(given) is not int or given < 1):
        raise RecipeError(f"in_flight: expected a whole number from 1 on, got {given!r}")
    return given


def _override(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {override}: expected a.b=value")
    *parents, last = name.split(".")
    target: Any = data
    for depth, part in enumerate(parents):
        target = _inside(target, part, ".".join(parents[: depth + 1]))
    value = yaml_value(text, override)
    if isinstance(target, list):
        _inside(target, last, name)
        target[int(last)] = value
    else:
        target[last] = value


def _inside(target: Any, part: str, name: str) -> Any:
    if isinstance(target, list):
        if not part.isdigit() or int(part) >= len(target):
            raise RecipeError(f"--set {name}: the list has entries 0 to {len(target) - 1}")
        return target[int(part)]
    inner = target.setdefault(part, {})
    if isinstance(inner, str | int | float | bool):
        # A kind by its bare name takes options all the same: engine=llamacpp, then engine.parallel=4.
        if not isinstance(inner, str):
            raise RecipeError(f"--set {name}: {inner!r} has no fields")
        inner = target[part] = {"kind": inner}
    return inner
