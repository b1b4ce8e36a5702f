"""Compute-optimal policies: how easy a problem looks after a few solutions, and what each budget's rest then goes to.

A policy is a YAML file. `outthink.study.policy` learns policies, the strategy `auto` follows them:

    format: 1
    predictor: score            # the pilots' mean score; agreement: the share of their most frequent answer
    aggregate: last             # how a pilot's step scores become one
    pilots: 4
    select: weighted            # the selection it was learned for
    axis: samples               # what its budgets count
    edges: [0.31, 0.55]         # from 0.55 on a problem is of the first level, the easiest; below 0.31 of the last
    budgets:
      - budget: 16
        after: [stop, {kind: sample, n: 12}, {kind: beam, n: 12}]     # level by level, easiest first
    provenance: {...}           # what it was learned from, and what it is worth
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from outthink.checks import at_least
from outthink.errors import RecipeError, UsageError
from outthink.options import make
from outthink.registry import Spec, make_strategy
from outthink.select import Aggregate, Select
from outthink.strategies import Strategy

__all__ = ["STOP", "Policy", "Predictor", "Row", "ease", "level", "load_policy", "save_policy"]

Predictor = Literal["score", "agreement"]
STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One budget.

    Args:
        budget: on the policy's axis.
        after: what follows the pilots, level by level, easiest first; None stops.
    """

    budget: float
    after: tuple[Strategy | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What to do with problems of each difficulty.

    Args:
        predictor, aggregate: how easy a problem looks, told from its pilots; see `ease`.
        pilots: solutions written first.
        edges: between levels, in terms of the predictor, ascending.
        rows: budgets, ascending.
    """

    predictor: Predictor
    aggregate: Aggregate
    pilots: int
    edges: tuple[float, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        at_least(1, pilots=self.pilots)
        if any(low >= high for low, high in pairwise(self.edges)) or not all(map(math.isfinite, self.edges)):
            raise UsageError(f"edges are {list(self.edges)}; they must ascend")
        budgets = [row.budget for row in self.rows]
        if not budgets or any(low >= high for low, high in pairwise([0.0, *budgets])):
            raise UsageError(f"budgets are {budgets}; there must be some, above 0, and they must ascend")
        for row in self.rows:
            if len(row.after) != len(self.edges) + 1:
                raise UsageError(
                    f"budget {row.budget:g} has {len(row.after)} levels and the edges make {len(self.edges) + 1}"
                )

    @property
    def ranks(self) -> bool:
        """Whether anything it may do reads scores."""
        every = (strategy for row in self.rows for strategy in row.after)
        return self.predictor == "score" or any(strategy is not None and strategy.ranks for strategy in every)

    def samples(self, row: Row) -> int:
        """The most finished solutions that a budget leaves behind."""
        return self.pilots + max(0 if strategy is None else strategy.samples for strategy in row.after)

    def row(self, n: int) -> Row:
        """The largest budget that leaves no more than `n` finished solutions behind.

        Raises:
            UsageError: none does.
        """
        fitting = [row for row in self.rows if self.samples(row) <= n]
        if not fitting:
            least = min(map(self.samples, self.rows))
            raise UsageError(f"n is {n}; the policy's smallest budget takes {least}")
        return fitting[-1]


def ease(by: Predictor, answers: Sequence[str | None], scores: Sequence[float | None]) -> float:
    """How easy a problem looks, in [0, 1], told from some solutions of it; what was not finished counts as 0.

    Args:
        by: "score" is their mean score, "agreement" the share of their most frequent answer.
        answers: a key for each solution; None where there is none.
        scores: a number for each; None where there is none.
    """
    if by == "score":
        return math.fsum(score for score in scores if score is not None) / len(scores)
    return max(Counter(answer for answer in answers if answer is not None).values(), default=0) / len(answers)


def level(ease: float, edges: Sequence[float]) -> int:
    """The level of a problem that looks so easy: 0 from the last edge on, and one more below each."""
    return sum(ease < edge for edge in edges)


def load_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        RecipeError: the file is missing, no YAML, or no policy; the field is named.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such file; a study writes policies") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: cannot be read as YAML: {error}") from None
    where = str(path)
    stored = make(_Stored, data, where)
    try:
        return Policy(
            predictor=stored.predictor,
            aggregate=stored.aggregate,
            pilots=stored.pilots,
            edges=tuple(stored.edges),
            rows=tuple(_row(row, f"{where}: budgets.{place}") for place, row in enumerate(stored.budgets)),
        )
    except RecipeError:
        raise
    except UsageError as error:
        raise RecipeError(f"{where}: {error}") from None


def save_policy(
    path: Path,
    *,
    predictor: Predictor,
    aggregate: Aggregate,
    pilots: int,
    select: Select,
    axis: str,
    edges: Sequence[float],
    budgets: Mapping[float, Sequence[Spec]],
    provenance: Mapping[str, Any],
) -> Policy:
    """Write a policy, and return it as it is read back.

    Args:
        path: the file.
        predictor, aggregate, pilots, edges: see `Policy`.
        select: the selection it was learned for.
        axis: what budgets count.
        budgets: for each, what follows the pilots, level by level, easiest first; "stop" for nothing.
        provenance: what it was learned from and what it is worth, for people to read.
    """
    import yaml

    document = {
        "format": 1,
        "predictor": predictor,
        "aggregate": aggregate,
        "pilots": pilots,
        "select": select,
        "axis": axis,
        "edges": list(edges),
        # YAML knows lists, but no tuples, which options may be.
        "budgets": json.loads(json.dumps([{"budget": each, "after": list(budgets[each])} for each in budgets])),
        "provenance": dict(provenance),
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """The file's keys."""

    format: Literal[1]
    predictor: Predictor
    aggregate: Aggregate
    pilots: int
    select: Select
    axis: str
    edges: list[float]
    budgets: list[Any]
    provenance: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredRow:
    """The keys of a budget."""

    budget: float
    after: list[Any]


def _row(given: object, where: str) -> Row:
    stored = make(_StoredRow, given, where)
    strategies = tuple(
        None if spec == STOP else make_strategy(spec, f"{where}.after.{place}")
        for place, spec in enumerate(stored.after)
    )
    return Row(budget=stored.budget, after=strategies)
