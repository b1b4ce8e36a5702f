"""The runner: a recipe's strategies over its problems, many in flight, no barrier between them, each stored at once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from outthink.concurrency import task_group
from outthink.options import make
from outthink.problems import Problem, load_problems
from outthink.registry import make_engine, make_verifier
from outthink.runs.admission import Admission
from outthink.runs.extension import extend
from outthink.runs.recipe import Recipe, StrategyEntry
from outthink.runs.results import Result, Unit, Verdict
from outthink.runs.store import Store
from outthink.runs.verdicts import add_verdicts, missing_verdicts, verdicts_on
from outthink.sandbox import Sandbox
from outthink.seeding import for_problem
from outthink.shape import Shape, shape_of
from outthink.solver import Attempt, Solver

__all__ = ["Progress", "Work", "planned", "result_of", "run", "searched"]

Work = Callable[[Solver, StrategyEntry, int, Problem, int], Awaitable[tuple[Result, Attempt]]]
"""What is done for a strategy, a seed and a problem, at a priority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Args:
        done: units that have a result, those of earlier sittings included.
        total: units there are.
        strategy: the strategy of the unit done last.
        ended: units of that strategy that have a result.
        correct: units of that strategy whose first selection was right.
        graded: units of that strategy that were right or wrong; a failed one is wrong, one without a reference neither.
        failed: units that ended in an error.
        generated_tokens: written in this sitting.
        seconds: this sitting so far, without loading models.
    """

    done: int
    total: int
    strategy: str
    ended: int
    correct: int
    graded: int
    failed: int
    generated_tokens: int
    seconds: float


async def searched(
    solver: Solver, entry: StrategyEntry, seed: int, problem: Problem, priority: int
) -> tuple[Result, Attempt]:
    """A search, its answers chosen and graded."""
    began = time.time()
    attempt = await solver.search(
        problem,
        entry.strategy,
        aggregate=entry.aggregate,
        budget=entry.budget,
        seed=for_problem(seed, problem.id),
        scored=entry.scored,
        priority=priority,
    )
    verdicts = await verdicts_on(solver, entry, problem, attempt)
    return result_of(Unit(entry.name, seed, problem.id), attempt, began, verdicts), attempt


def result_of(unit: Unit, attempt: Attempt, began: float, verdicts: tuple[Verdict, ...] = ()) -> Result:
    """What is stored of a search that has just ended.

    Args:
        unit: which.
        attempt: what came of it.
        began: when, in seconds since the epoch.
        verdicts: what its selections chose.
    """
    return Result(
        unit=unit,
        error=None if attempt.error is None else f"{type(attempt.error).__name__}: {attempt.error}",
        stopped=attempt.tree.stopped,
        leaves=len(attempt.tree.leaves),
        cost=attempt.tree.cost,
        began=began,
        ended=time.time(),
        digest=attempt.tree.digest(),
        verdicts=verdicts,
    )


async def run(
    recipe: Recipe,
    folder: Path,
    watch: Callable[[Progress], None] = lambda progress: None,
    *,
    retry_failed: bool = False,
    unit: Work = searched,
) -> None:
    """Carry out what the folder does not hold yet.

    Earlier problems are served first and a strategy's problems come before the next strategy's, but nothing waits for
    the slowest: as soon as there is room, the next unit starts (`admission.py`). Cancelling loses only what was under
    way.

    Args:
        recipe: what to do.
        folder: where results go. The same recipe resumes there; further strategies and seeds add to it.
        watch: told of every result.
        retry_failed: searches that failed in an earlier sitting are forgotten and tried again.
        unit: what is done for each strategy, seed and problem.

    Raises:
        ProblemError, StoreError, ModelNotFound, EngineDown: the run cannot start, or cannot go on. What fails for one
            problem alone is that problem's result.
    """
    with planned(recipe, folder) as (store, recipe, problems):
        if retry_failed:
            store.forget_failed()
        tally = _Tally(recipe, store, len(problems))
        lacking = missing_verdicts(store, recipe.strategies)
        pending = list(_pending(recipe, problems, store.done()))
        if not lacking and not pending:
            return
        solver = Solver(
            engine=(engine := make_engine(recipe.engine)),
            verifier=None if recipe.verifier is None else make_verifier(recipe.verifier),
            partners={name: make_engine(spec, f"partners.{name}") for name, spec in recipe.partners.items()},
            prompt=recipe.prompt,
            sampling=recipe.sampling,
            sandbox=make(Sandbox, recipe.sandbox, "sandbox"),
        )
        await add_verdicts(solver, store, problems, lacking)
        if not pending:
            return
        async with solver:
            store.note_models(_shapes(solver))
            tally.start()
            admission = Admission(engine, recipe.sampling, recipe.in_flight)

            async def serve(priority: int, entry: StrategyEntry, seed: int, problem: Problem) -> None:
                finished = None
                try:
                    result, attempt = await unit(solver, entry, seed, problem, priority)
                    store.add(result, attempt.tree)
                    finished = attempt.tree if attempt.error is None else None
                    watch(tally.add(result, solver))
                finally:
                    admission.leave(entry, finished)

            async with task_group() as group:
                for priority, (entry, seed, problem) in enumerate(pending):
                    await admission.enter(entry)
                    group.create_task(serve(priority, entry, seed, problem))


@contextmanager
def planned(recipe: Recipe, folder: Path) -> Iterator[tuple[Store, Recipe, list[Problem]]]:
    """A folder that is ready for a recipe to be carried out in; nothing is loaded but problems.

    Yields:
        The store, open for writing; the recipe as it is to be carried out there (`extension.py`); the problems.

    Raises:
        ProblemError, StoreError: it cannot be carried out there.
    """
    problems = load_problems(**asdict(recipe.problems))
    with Store.create(folder, recipe.text, problems) as store:
        yield store, extend(store, recipe), problems


def _shapes(solver: Solver) -> dict[str, Shape | None]:
    """The shapes of a solver's models, by role."""
    partners = {f"partners.{name}": engine for name, engine in solver.partners.items()}
    models: dict[str, object] = {"engine": solver.engine, "verifier": solver.verifier, **partners}
    return {role: shape_of(model) for role, model in models.items() if model is not None}


def _pending(recipe: Recipe, problems: list[Problem], done: set[Unit]) -> Iterator[tuple[StrategyEntry, int, Problem]]:
    for entry in recipe.strategies:
        for seed in recipe.seeds:
            for problem in problems:
                if Unit(entry.name, seed, problem.id) not in done:
                    yield entry, seed, problem


class _Tally:
    """Counts results as they come in, those of earlier sittings included."""

    def __init__(self, recipe: Recipe, store: Store, problems: int) -> None:
        self._selecting = {entry.name for entry in recipe.strategies if entry.select}
        self._total = len(recipe.strategies) * len(recipe.seeds) * problems
        self._began = time.perf_counter()
        self._done = self._failed = 0
        self._ended: dict[str, int] = {}
        self._correct: dict[str, int] = {}
        self._graded: dict[str, int] = {}
        plan = store.plan()
        for result in store.results():
            if (result.unit.strategy, result.unit.seed) in plan:
                self._count(result)

    def start(self) -> None:
        """From now on there is something to do."""
        self._began = time.perf_counter()

    def _count(self, result: Result) -> None:
        self._done += 1
        self._failed += result.error is not None
        name = result.unit.strategy
        self._ended[name] = self._ended.get(name, 0) + 1
        first = result.verdicts[0].correct if result.verdicts else None
        self._correct[name] = self._correct.get(name, 0) + (first is True)
        failed = result.error is not None and name in self._selecting
        self._graded[name] = self._graded.get(name, 0) + (first is not None or failed)

    def add(self, result: Result, solver: Solver) -> Progress:
        """Count one more."""
        self._count(result)
        name = result.unit.strategy
        return Progress(
            done=self._done,
            total=self._total,
            strategy=name,
            ended=self._ended[name],
            correct=self._correct[name],
            graded=self._graded[name],
            failed=self._failed,
            generated_tokens=solver.engine.usage.generated_tokens,
            seconds=time.perf_counter() - self._began,
        )
