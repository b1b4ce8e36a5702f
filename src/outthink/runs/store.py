"""The store: a run's folder with one SQLite file, one transaction per solved problem.

A result is either wholly in the store or not at all, whenever the process is killed. One process at a time may write to
a folder; others may read it meanwhile. What may be added to a folder, `extension.py` says.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from outthink.cost import Cost, Usage
from outthink.errors import StoreError
from outthink.packing import pack, unpack
from outthink.problems import Problem
from outthink.runs.results import Result, Unit, Verdict
from outthink.runs.schema import MODELS, lay_out, migrate, version
from outthink.shape import Shape
from outthink.tree import Tree

__all__ = ["Store"]


class Store:
    """A run's folder. `create` opens it for one run to write to, `read` for looking at it."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: object) -> None:
        self.folder = folder
        self._connection = connection
        self._lock = lock

    @classmethod
    def create(cls, folder: Path, recipe: str, problems: Sequence[Problem]) -> Store:
        """Open a folder for writing; make it if there is none. One that holds no result is made anew.

        Args:
            folder: the run's own.
            recipe: its canonical text; a folder that has one keeps it.
            problems: in order, with unique ids.

        Raises:
            StoreError: another process is writing to it, it has results on other problems, or it cannot be written.
        """
        from filelock import FileLock, Timeout

        with _storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / "run.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                raise StoreError(
                    f"{folder}: another process is carrying out this run; wait for it, or choose another --out"
                ) from None
            connection = sqlite3.connect(folder / "run.db", timeout=30)
            store = cls(folder, connection, lock)
            try:
                # Readers do not block the writer, and a commit is one append.
                connection.execute("PRAGMA journal_mode = WAL")
                store._prepare(recipe, problems)
            except BaseException:
                store.close()
                raise
        return store

    @classmethod
    def read(cls, folder: Path) -> Store:
        """Open a run's folder for reading.

        Raises:
            StoreError: there is no run in it.
        """
        if not (folder / "run.db").is_file():
            raise StoreError(f"{folder}: no run here; give the folder that `outthink run` printed")
        with _storing(folder):
            store = cls(folder, sqlite3.connect(folder / "run.db", timeout=30), None)
            if not version(store._connection):
                store.close()
                raise StoreError(f"{folder}: this run was stopped before it began; start it again with `outthink run`")
            migrate(store._connection)
            return store

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let others write."""
        from filelock import FileLock

        self._connection.close()
        if isinstance(self._lock, FileLock):
            self._lock.release()

    def add(self, result: Result, tree: Tree) -> None:
        """Store one unit's result and tree, wholly or not at all.

        Raises:
            StoreError: the disk is full or the file cannot be written; what was stored before stays.
        """
        unit = result.unit
        key = (unit.strategy, unit.seed, unit.problem)
        outcome = (result.error, result.stopped, result.leaves, json.dumps(asdict(result.cost)))
        row = (*key, *outcome, result.began, result.ended, result.digest, pack(tree))
        with _storing(self.folder), self._connection:
            self._connection.execute(f"INSERT INTO results VALUES ({_marks(row)})", row)
            self._judge(unit, result.verdicts)

    def judge(self, unit: Unit, verdicts: Iterable[Verdict]) -> None:
        """Store further verdicts on a unit that has a result."""
        with _storing(self.folder), self._connection:
            self._judge(unit, verdicts)

    def _judge(self, unit: Unit, verdicts: Iterable[Verdict]) -> None:
        for verdict in verdicts:
            graded = (verdict.answer, verdict.correct, verdict.ungraded)
            place = (unit.strategy, unit.seed, unit.problem, verdict.selection)
            values = (*place, *graded, verdict.votes, verdict.weight)
            self._connection.execute(f"INSERT INTO verdicts VALUES ({_marks(values)})", values)

    def forget_failed(self) -> None:
        """Drop the planned searches that failed, with their trees and their cost, so that they are tried again."""
        with _storing(self.folder), self._connection:
            self._connection.execute(
                "DELETE FROM results WHERE error IS NOT NULL AND (strategy, seed) IN (SELECT strategy, seed FROM plan)"
            )

    def record(self, recipe: str, plan: Iterable[tuple[str, int]], outdated: Iterable[tuple[str, str]] = ()) -> None:
        """Say what the folder is for.

        Args:
            recipe: the canonical text of all that it holds and will hold.
            plan: the (strategy, seed) pairs that are now asked for.
            outdated: (strategy, selection) pairs whose verdicts no longer hold.
        """
        with _storing(self.folder), self._connection:
            self._connection.execute("UPDATE run SET recipe = ?", (recipe,))
            self._connection.execute("DELETE FROM plan")
            self._connection.executemany("INSERT INTO plan VALUES (?, ?)", plan)
            self._connection.executemany("DELETE FROM verdicts WHERE strategy = ? AND selection = ?", outdated)

    def done(self) -> set[Unit]:
        """The units that have a result."""
        with _storing(self.folder):
            return {Unit(*row) for row in self._connection.execute("SELECT strategy, seed, problem FROM results")}

    def plan(self) -> set[tuple[str, int]]:
        """The (strategy, seed) pairs that were last asked for, each on all problems."""
        with _storing(self.folder):
            return set(self._connection.execute("SELECT strategy, seed FROM plan"))

    def problems(self) -> list[Problem]:
        """The run's problems, in order."""
        names = "id, question, answer, solution, subject, level"
        query = f"SELECT {names}, tests, example_tests FROM problems ORDER BY position"
        with _storing(self.folder):
            rows = self._connection.execute(query).fetchall()
        return [
            Problem(
                **dict(zip(names.split(", "), row, strict=True)),
                tests=tuple(json.loads(tests)),
                example_tests=tuple(json.loads(examples)),
            )
            for *row, tests, examples in rows
        ]

    def recipe(self) -> str:
        """The canonical text of all that the folder holds and was last asked for, as one recipe."""
        with _storing(self.folder):
            return str(self._connection.execute("SELECT recipe FROM run").fetchone()[0])

    def results(self) -> list[Result]:
        """All results, without their trees, in the order they were stored."""
        with _storing(self.folder):
            rows = self._connection.execute(
                "SELECT strategy, seed, problem, error, stopped, leaves, cost, began, ended, digest"
                " FROM results ORDER BY rowid"
            ).fetchall()
            verdicts: dict[Unit, list[Verdict]] = {}
            for row in self._connection.execute("SELECT * FROM verdicts ORDER BY rowid"):
                verdicts.setdefault(Unit(*row[:3]), []).append(_verdict(row[3:]))
        return [
            Result(
                unit=(unit := Unit(*row[:3])),
                error=row[3],
                stopped=row[4],
                leaves=row[5],
                cost=_cost(row[6]),
                began=row[7],
                ended=row[8],
                digest=row[9],
                verdicts=tuple(verdicts.get(unit, ())),
            )
            for row in rows
        ]

    def tree(self, unit: Unit) -> Tree:
        """The tree of one unit.

        Raises:
            StoreError: there is none.
        """
        with _storing(self.folder):
            row = self._connection.execute(
                "SELECT tree FROM results WHERE strategy = ? AND seed = ? AND problem = ?",
                (unit.strategy, unit.seed, unit.problem),
            ).fetchone()
        if row is None:
            raise StoreError(f"{self.folder}: no result for {unit.strategy}, seed {unit.seed}, problem {unit.problem}")
        return unpack(row[0])

    def note_models(self, shapes: Mapping[str, Shape | None]) -> None:
        """Keep the shapes of the models at work, so that analyses need no model.

        Args:
            shapes: by role: "engine", "verifier", "partners.NAME"; None where it is unknown.
        """
        rows = [(role, json.dumps(shape and asdict(shape))) for role, shape in shapes.items()]
        with _storing(self.folder), self._connection:
            self._connection.execute(MODELS)
            self._connection.executemany("INSERT OR REPLACE INTO models VALUES (?, ?)", rows)

    def models(self) -> dict[str, Shape | None]:
        """The shapes of the models by role, as `note_models` was told them; none of a run that never noted any."""
        known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'models'"
        with _storing(self.folder):
            if self._connection.execute(known).fetchone() is None:
                return {}
            rows = self._connection.execute("SELECT role, shape FROM models").fetchall()
        told = {role: json.loads(shape) for role, shape in rows}
        return {role: None if shape is None else Shape(**shape) for role, shape in told.items()}

    def _prepare(self, recipe: str, problems: Sequence[Problem]) -> None:
        migrate(self._connection)
        begun = version(self._connection) > 0
        if begun and self.problems() == list(problems):
            return
        if begun and self.done():
            raise StoreError(
                f"{self.folder}: holds results on other problems; choose another --out, "
                "or remove the folder if its results are no longer wanted"
            )
        with self._connection:
            # In one transaction, so that a kill leaves a whole store or an empty file.
            self._connection.execute("BEGIN")
            if not begun:
                lay_out(self._connection)
            for table in ("run", "problems"):
                self._connection.execute(f"DELETE FROM {table}")
            self._connection.execute("INSERT INTO run VALUES (?)", (recipe,))
            self._connection.executemany(
                "INSERT INTO problems VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(i, *_row(problem)) for i, problem in enumerate(problems)],
            )


@contextmanager
def _storing(folder: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"{folder}: {error}. What was stored before is safe; make room or repair the folder, "
            "then give the same command again"
        ) from error


def _row(problem: Problem) -> tuple[str | None, ...]:
    tests = json.dumps(problem.tests), json.dumps(problem.example_tests)
    return (problem.id, problem.question, problem.answer, problem.solution, problem.subject, problem.level, *tests)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _verdict(row: tuple[str, str | None, int | None, str | None, int, float]) -> Verdict:
    selection, answer, correct, ungraded, votes, weight = row
    known = None if correct is None else bool(correct)
    return Verdict(selection=selection, answer=answer, correct=known, ungraded=ungraded, votes=votes, weight=weight)


def _cost(text: str) -> Cost:
    data = json.loads(text)
    return Cost(engine=Usage(**data["engine"]), verifier=Usage(**data["verifier"]))
