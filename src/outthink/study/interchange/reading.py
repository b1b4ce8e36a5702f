"""Files of completions that others wrote: read row by row, checked, and refused by line.

A row holds a problem and a list of completions, as the data sets of huggingface/search-and-learn do, or one completion;
docs/interchange.md lists the columns. What a row lacks is not made up: a completion without a count of its tokens has
none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from outthink.errors import ProblemError, UsageError
from outthink.options import nearest
from outthink.problems import Problem
from outthink.problems.columns import find_column, problem_columns, read_problem
from outthink.problems.load import name_of, open_rows
from outthink.problems.rows import Broken, refuse
from outthink.study.interchange.completions import Completion

__all__ = ["Layout", "Pool", "cut", "read_pools"]

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "completions": ("completions",),
    "completion": ("completion",),
    "scores": ("scores", "score"),
    "tokens": ("completion_tokens", "tokens"),
    "finished": ("finished",),
    "weights": ("weights", "weight"),
}
# What a completion that is an object may hold, beside `text`.
_PARTS = {field: names for field, names in _COLUMNS.items() if not field.startswith("completion")}

_UNCOUNTED = (0, -1)  # what search-and-learn writes for the tokens of its searches

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file is to be read.

    Args:
        columns: other names of columns, by field.
        step: text that ends a step.
        scores: "steps" expects one for each step, or one for the whole; "last" keeps each completion's last one alone.
        searched: a search wrote the completions: one that ends in `step` did not come to its end.
    """

    columns: Mapping[str, str]
    step: str
    scores: Literal["steps", "last"]
    searched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A problem and its completions, in the file's order."""

    problem: Problem
    completions: tuple[Completion, ...]


def cut(text: str, separator: str) -> list[str]:
    """The steps of a text, each with the separator that ends it."""
    *closed, rest = text.split(separator)
    return [piece + separator for piece in closed] + [rest] * bool(rest or not closed)


def read_pools(
    source: str,
    layout: Layout,
    *,
    split: str | None = None,
    broken: Broken = refuse,
    watch: Callable[[int], None] = lambda rows: None,
) -> list[Pool]:
    """The problems of a file or a data set on the Hub, with their completions.

    Args:
        source: a path that ends as those of problem sets do, or the id of a data set.
        layout: how to read it.
        split: of a data set; by default `test`.
        broken: told of each row that cannot be used, which is passed over if this returns; raises by default.
        watch: told how many rows have been read.

    Raises:
        ProblemError: it is missing, unreadable or holds nothing to import; the row is named.
        UsageError: a field or the source is none there is.
    """
    reader = _Reader(layout)
    for number, (where, row) in enumerate(open_rows(source, split, broken), start=1):
        try:
            reader.read(where, row)
        except ProblemError as error:
            broken(error)
        watch(number)
    if not reader.pools:
        raise ProblemError(f"{source} holds no completion that can be imported; check that it is the right file")
    return list(reader.pools.values())


class _Reader:
    """Gathers pools, row by row; a row that raises has left nothing behind."""

    def __init__(self, layout: Layout) -> None:
        self.pools: dict[str, Pool] = {}
        self._layout = layout
        self._problem, self._columns = _columns(layout.columns)
        self._given = frozenset(layout.columns)
        self._places: dict[str, str] = {}
        self._scored: str | None = None
        self._unscored: str | None = None

    def read(self, where: str, row: Row) -> None:
        """One row.

        Raises:
            ProblemError: it cannot be used.
        """
        problem = read_problem(row, where, self._problem)
        problem = replace(problem, id=problem.id or name_of(problem.question))
        before = self.pools.get(problem.id)
        single = self._find(row, where, "completion")
        listed = self._find(row, where, "completions", needed=single is None)
        if before is not None:
            self._check_same(where, problem, before.problem, whole=listed is not None)
        found = self._many(where, row, row[listed]) if listed is not None else [self._single(where, row, single or "")]
        self._check_scored(where, found)
        if before is not None:
            problem, found = before.problem, [*before.completions, *found]
        self.pools[problem.id] = Pool(problem=problem, completions=tuple(found))
        self._places.setdefault(problem.id, where)

    def _check_same(self, where: str, problem: Problem, known: Problem, *, whole: bool) -> None:
        place = self._places[problem.id]
        if whole:
            raise ProblemError(
                f"{where}: the problem {problem.id!r} was given before, at {place}; give all its completions in one row"
            )
        if (known.question, known.answer) != (problem.question, problem.answer):
            raise ProblemError(
                f"{where}: the problem {problem.id!r} has another question or answer than at {place}; give each "
                "problem an id of its own"
            )

    def _single(self, where: str, row: Row, column: str) -> Completion:
        """The one completion of a row."""
        names = {field: self._find(row, where, field) for field in _PARTS}
        return self._one(where, row[column], {field: row[name] for field, name in names.items() if name is not None})

    def _many(self, where: str, row: Row, listed: object) -> list[Completion]:
        """The completions that a row lists, as texts or as objects."""
        if not isinstance(listed, list):
            raise ProblemError(f"{where}: completions: expected a list, got {_shown(listed)}")
        if not listed:
            raise ProblemError(f"{where}: completions: the list is empty; remove the problem, or let it be skipped")
        places = [f"{where}, completion {number}" for number in range(1, len(listed) + 1)]
        if isinstance(listed[0], Mapping):
            return [self._object(place, given) for place, given in zip(places, listed, strict=True)]
        columns = {field: self._column(where, row, field, len(listed)) for field in _PARTS}
        return [
            self._one(place, text, {field: values[number] for field, values in columns.items()})
            for number, (place, text) in enumerate(zip(places, listed, strict=True))
        ]

    def _column(self, where: str, row: Row, field: str, length: int) -> Sequence[object]:
        """What a row says of each of its completions under a field."""
        name = self._find(row, where, field)
        values = None if name is None else row[name]
        if values is None or (field == "tokens" and values in _UNCOUNTED):
            return [None] * length
        if not isinstance(values, list):
            raise ProblemError(f"{where}: {name}: expected a list with one for each completion, got {_shown(values)}")
        if len(values) != length:
            raise ProblemError(f"{where}: {name}: {len(values)} for {length} completions; there must be one for each")
        return values

    def _object(self, where: str, given: object) -> Completion:
        if not isinstance(given, Mapping) or "text" not in given:
            raise ProblemError(f"{where}: expected an object with `text`, as the first is, got {_shown(given)}")
        told = {field: given[name] for field, names in _PARTS.items() for name in names if name in given}
        return self._one(where, given["text"], told)

    def _one(self, where: str, text: object, told: Row) -> Completion:
        """One completion, of its text and of what is told of it by field."""
        if not isinstance(text, str):
            raise ProblemError(f"{where}: expected the text of a completion, got {_shown(text)}")
        finished = told.get("finished")
        if finished is None:
            finished = not (self._layout.searched and text.endswith(self._layout.step))
        if not isinstance(finished, bool):
            raise ProblemError(f"{where}: finished: expected true or false, got {_shown(finished)}")
        weight = 1.0 if told.get("weights") is None else _number(where, "weight", told["weights"])
        if not (math.isfinite(weight) and weight > 0):
            raise ProblemError(f"{where}: weight: it is {weight}; a vote counts for more than 0")
        return Completion(
            text=text,
            scores=self._scores(where, text, told.get("scores")),
            tokens=_tokens(where, text, told.get("tokens")),
            finished=finished,
            weight=weight,
        )

    def _scores(self, where: str, text: str, given: object) -> tuple[float, ...]:
        """One for each step that says something, or one for the whole."""
        if given is None:
            return ()
        listed = given if isinstance(given, list) else [given]
        scores = tuple(_score(where, each) for each in listed)
        pieces = text.split(self._layout.step)
        said = [piece for piece in pieces if piece.strip()]
        if not said:
            return ()
        if self._layout.scores == "last":
            return scores[-1:]
        if len(scores) in (1, len(said)):
            return scores
        if len(scores) == len(pieces):
            # Some score the empty text behind a separator too: what says nothing has no score here.
            return tuple(score for score, piece in zip(scores, pieces, strict=True) if piece.strip())
        raise ProblemError(
            f"{where}: {len(scores)} scores for {len(said)} steps; name the text that ends a step (it is taken to be "
            f"{self._layout.step!r}), or keep each completion's last score alone"
        )

    def _check_scored(self, where: str, found: Sequence[Completion]) -> None:
        """All completions have scores, or none has; empty ones have nothing to score."""
        judged = {bool(each.scores) for each in found if each.text.strip()}
        if True in judged and self._unscored is not None:
            raise ProblemError(f"{where}: there are scores, and none at {self._unscored}; give all, or none")
        if False in judged and (self._scored is not None or True in judged):
            raise ProblemError(f"{where}: scores are missing, which {self._scored or 'others'} has; give all, or none")
        if True in judged:
            self._scored = self._scored or where
        elif judged:
            self._unscored = self._unscored or where

    def _find(self, row: Row, where: str, field: str, *, needed: bool = False) -> str | None:
        return find_column(row, where, field, self._columns[field], needed=needed or field in self._given)


def _columns(given: Mapping[str, str]) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """The columns to look for: those of the problem, those of its completions."""
    known = problem_columns({})
    for field in given:
        if field not in known and field not in _COLUMNS:
            raise UsageError(f"columns: there is no field {field!r}{nearest(field, [*known, *_COLUMNS])}")
    mine = {field: (name,) for field, name in given.items() if field in _COLUMNS}
    return problem_columns({field: name for field, name in given.items() if field in known}), {**_COLUMNS, **mine}


def _score(where: str, given: object) -> float:
    score = _number(where, "scores", given)
    if not (math.isfinite(score) and 0.0 <= score <= 1.0):
        raise ProblemError(f"{where}: scores: {score} is none; scores lie in [0, 1]")
    return score


def _tokens(where: str, text: str, given: object) -> int | None:
    if given is None:
        return None
    tokens = _number(where, "tokens", given)
    if tokens in _UNCOUNTED and text:
        return None
    if not tokens.is_integer() or tokens < 0:
        raise ProblemError(f"{where}: tokens: {given} is no count")
    return int(tokens)


def _number(where: str, field: str, given: object) -> float:
    # CSV has text only.
    if isinstance(given, int | float | Decimal | str) and not isinstance(given, bool):
        try:
            return float(given)
        except ValueError:
            pass
    raise ProblemError(f"{where}: {field}: expected a number, got {_shown(given)}")


def _shown(given: object) -> str:
    return repr(given)[:80]
