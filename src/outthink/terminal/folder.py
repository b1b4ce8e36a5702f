"""A run's folder, looked at: its table in the format asked for, its answers, its failures, one problem's trees."""

from __future__ import annotations

import json

from outthink.errors import UsageError
from outthink.options import nearest
from outthink.problems import Problem
from outthink.runs import Store
from outthink.runs.recipe import parse_recipe
from outthink.study.summary import summarise
from outthink.terminal.consoles import stdout
from outthink.terminal.formats import Format
from outthink.terminal.results import answers_view, failures_view, problem_view
from outthink.terminal.table import table_json, table_markdown, table_view

__all__ = ["Folder"]


class Folder:
    """A run to look at, all of it or a part.

    Args:
        store: open for reading.
        strategy: only this one.
        seed: only this one.

    Raises:
        UsageError: the run has no such strategy or seed.
    """

    def __init__(self, store: Store, *, strategy: str | None = None, seed: int | None = None) -> None:
        recipe = parse_recipe(json.loads(store.recipe()), str(store.folder))
        known = [entry.name for entry in recipe.strategies]
        if strategy is not None and strategy not in known:
            raise UsageError(f"{store.folder}: has no strategy {strategy!r}{nearest(strategy, known)}")
        if seed is not None and seed not in recipe.seeds:
            raise UsageError(f"{store.folder}: has no seed {seed}; it has {', '.join(map(str, recipe.seeds))}")
        seeds = recipe.seeds if seed is None else (seed,)
        entries = [entry for entry in recipe.strategies if strategy in (None, entry.name)]
        self._store = store
        self._names = [(entry.name, selection) for entry in entries for selection in entry.select]
        self._ranking = {entry.name for entry in entries if entry.strategy.ranks}
        self._seeds = seeds
        chosen = {entry.name for entry in entries}
        self._results = [r for r in store.results() if r.unit.strategy in chosen and r.unit.seed in seeds]
        # Of the strategies and seeds that were left out of the last command, what there is is all there will be.
        plan = {(name, seed) for name, seed in store.plan() if name in chosen and seed in seeds}
        self._total = len(plan) * len(store.problems())
        self._done = sum((result.unit.strategy, result.unit.seed) in plan for result in self._results)

    def print_table(self, form: Format) -> None:
        """The table, with a word on what is missing and what failed."""
        rows = summarise(self._results, self._names, self._ranking)
        if form == "table":
            stdout().print(table_view(rows, self.notes()))
            return
        # Not through rich, which would wrap long lines.
        stdout().file.write((table_json(rows) if form == "json" else table_markdown(rows, self.notes())) + "\n")

    def print_answers(self) -> None:
        """Every problem's answers, with the first seed where there are several."""
        results = [result for result in self._results if result.unit.seed == self._seeds[0]]
        stdout().print(answers_view(self._store.problems(), results, self._names))

    def print_failures(self) -> None:
        """Every failed search."""
        stdout().print(failures_view(self._store.problems(), self._results))

    def print_problem(self, name: str) -> None:
        """One problem's trees, strategy by strategy.

        Raises:
            UsageError: the run has no such problem.
        """
        problem = self._problem(name)
        mine = [result for result in self._results if result.unit.problem == problem.id]
        order = [strategy for strategy, _ in self._names]
        mine.sort(key=lambda result: (order.index(result.unit.strategy), result.unit.seed))
        stdout().print(problem_view(self._store, problem, mine))

    def _problem(self, name: str) -> Problem:
        problems = self._store.problems()
        for problem in problems:
            if problem.id == name:
                return problem
        if name.isdecimal() and 1 <= int(name) <= len(problems):
            return problems[int(name) - 1]
        raise UsageError(
            f"{self._store.folder}: has no problem {name!r}; give an id, or a number from 1 to {len(problems)}"
        )

    def notes(self) -> list[str]:
        """What is missing and what failed."""
        notes = []
        if self._done < self._total:
            notes.append(f"{self._done} of {self._total} searches are done; the run's own command goes on.")
        failed = [result.error for result in self._results if result.error is not None]
        if failed:
            notes.append(f"First failure: {failed[0]}")
        ungraded = sum(verdict.ungraded is not None for result in self._results for verdict in result.verdicts)
        if ungraded:
            notes.append(f"{ungraded} verdicts count as wrong because the comparison with the reference was given up.")
        if failed or ungraded:
            notes.append(f"All of them: outthink show {self._store.folder} --failed")
        return notes
