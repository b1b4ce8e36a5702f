"""The solver: engine, verifier and grader opened together, and the way from one problem to one solution."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import NamedTuple

from outthink.budget import Budget
from outthink.candidates import candidate, path_score
from outthink.cost import Cost
from outthink.engines import Engine, Sampling
from outthink.errors import EngineDown, OutthinkError, UsageError
from outthink.grade import Failure, Grader
from outthink.problems import Problem
from outthink.prompt import Prompt
from outthink.sandbox import Sandbox
from outthink.search import Search
from outthink.select import NEEDS_SCORES, SELECTIONS, Aggregate, Candidate, Choice, Select, with_scores
from outthink.strategies import Strategy
from outthink.tree import Tree
from outthink.verifiers import Learner, Verifier

__all__ = ["Attempt", "Conclusion", "Solution", "Solver", "choose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One search, finished or failed: a failure is a result like any other.

    Args:
        tree: everything that was written until then.
        error: why it failed; None if it did not.
        seconds: wall-clock.
    """

    tree: Tree
    error: OutthinkError | None
    seconds: float


class Conclusion(NamedTuple):
    """The choice made from a tree, whether it is right (None without a reference), and why it could not be graded."""

    choice: Choice
    correct: bool | None
    ungraded: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What came of one problem.

    Args:
        problem: the problem.
        answer: the answer chosen, a program where the problem has tests; None if no finished solution gave one.
        text: the best finished solution that gave it.
        choice: the selection's own account: votes, weight, candidates.
        correct: whether the answer equals the problem's, or passes its tests; None if it has neither.
        ungraded: why comparing the two was given up, if it was; the answer then counts as wrong.
        tree: how it came about.
        cost: what it cost.
        seconds: wall-clock.
    """

    problem: Problem
    answer: str | None
    text: str
    choice: Choice
    correct: bool | None
    ungraded: Failure | None
    tree: Tree
    cost: Cost
    seconds: float


class Solver:
    """Engine, verifier and grader, open for as many problems as there are.

    async with Solver(engine=engine, verifier=verifier) as solver:
        solution = await solver.solve(Problem(question="..."), Beam(n=16))

    Args:
        engine: writes; opened and closed here.
        verifier: judges; opened and closed here. None if nothing is to be scored.
        prompt: how questions are put and where steps end.
        sampling: how steps are sampled.
        partners: further engines, by the names that strategies call them; opened and closed here.
        sandbox: where programs are run to grade them, if problems ask for any; an isolated one if None.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        verifier: Verifier | None = None,
        partners: Mapping[str, Engine] | None = None,
        prompt: Prompt | None = None,
        sampling: Sampling | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self.engine = engine
        self.verifier = verifier
        self.partners = dict(partners or {})
        self._prompt = prompt or Prompt()
        self._sampling = sampling or Sampling()
        self.grader = Grader()
        self._sandbox = sandbox or Sandbox()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Solver:
        async with AsyncExitStack() as stack:
            for engine in (self.engine, *self.partners.values()):
                stack.push_async_callback(engine.close)
                await engine.open()
            if self.verifier is not None:
                stack.push_async_callback(self.verifier.close)
                await self.verifier.open(self.engine)
            await stack.enter_async_context(self.grader)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def solve(
        self,
        problem: Problem,
        strategy: Strategy,
        *,
        select: Select = "weighted",
        aggregate: Aggregate | None = None,
        budget: Budget | None = None,
        seed: int = 0,
    ) -> Solution:
        """Search for a problem's answer.

        Args:
            problem: the problem.
            strategy: how the budget is spent.
            select: how finished paths become one answer.
            aggregate: how step scores become one number; the verifier's own way if None.
            budget: on top of the strategy's own.
            seed: the same seed gives the same search where the engine is deterministic.

        Raises:
            EngineError, VerifierError, UsageError: the search failed.
        """
        scored = strategy.ranks or select in NEEDS_SCORES
        attempt = await self.search(
            problem, strategy, aggregate=aggregate, budget=budget, seed=seed, scored=scored, priority=0
        )
        if attempt.error is not None:
            raise attempt.error
        choice, correct, ungraded = await self.conclude(problem, attempt.tree, select, aggregate)
        return Solution(
            problem=problem,
            answer=choice.answer,
            text=self._text(problem, attempt.tree, choice, aggregate),
            choice=choice,
            correct=correct,
            ungraded=ungraded,
            tree=attempt.tree,
            cost=attempt.tree.cost,
            seconds=attempt.seconds,
        )

    async def search(
        self,
        problem: Problem,
        strategy: Strategy,
        *,
        aggregate: Aggregate | None,
        budget: Budget | None,
        seed: int,
        scored: bool,
        priority: int,
    ) -> Attempt:
        """Grow a problem's tree; see `solve`.

        Args:
            scored: whether to ask the verifier at all.
            priority: lower goes first where the engine has more requests than room.

        Raises:
            EngineDown: there is no engine any more; all else that fails is in the attempt.
        """
        messages = self._prompt.messages(problem.question)
        tree = Tree.plant(problem.question, messages, [], seed)

        async def grow(search: Search) -> None:
            tree.root.ids.extend(await self.engine.encode(messages))
            await search.run(strategy)

        limit = Budget(samples=strategy.samples) & (budget or Budget())
        return await self._attempt(problem, tree, grow, limit, aggregate, scored=scored, priority=priority)

    async def resume(self, problem: Problem, tree: Tree, n: int, *, scored: bool, priority: int) -> Attempt:
        """Go on with a pool of solutions: those that are there are scored, those that it lacks are written.

        Args:
            problem: the problem.
            tree: of a search that wrote whole solutions and read no scores; it grows. Scores that it has stay.
            n: how many solutions there are to be.
            scored: whether to ask the verifier at all.
            priority: as for `search`.

        Raises:
            EngineDown: as for `search`.
        """

        async def go_on(search: Search) -> None:
            if scored:
                await search.score([node for node in tree.nodes if not node.open and node.weight > 0])
            await search.complete([search.root], n - search.root.children)

        return await self._attempt(problem, tree, go_on, Budget(), None, scored=scored, priority=priority)

    async def _attempt(
        self,
        problem: Problem,
        tree: Tree,
        work: Callable[[Search], Awaitable[None]],
        budget: Budget,
        aggregate: Aggregate | None,
        *,
        scored: bool,
        priority: int,
    ) -> Attempt:
        """Have something done to a tree; what fails is told with what there is of it."""
        began, error = time.perf_counter(), None
        try:
            if scored and self.verifier is None:
                raise UsageError("this strategy or selection reads scores: name a verifier")
            if problem.tests:
                await self._sandbox.open()
            if scored and isinstance(self.verifier, Learner):
                self.verifier.learn(problem)
            search = Search(
                tree,
                engine=self.engine,
                verifier=self.verifier if scored else None,
                sampling=self._sampling,
                separator=self._prompt.step,
                budget=budget,
                aggregate=self._how(aggregate),
                priority=priority,
                partners=self.partners,
            )
            await work(search)
        except EngineDown:
            # Not this problem's failure: no other would fare better.
            raise
        except OutthinkError as failure:
            error = failure
        return Attempt(tree=tree, error=error, seconds=time.perf_counter() - began)

    async def conclude(self, problem: Problem, tree: Tree, select: Select, aggregate: Aggregate | None) -> Conclusion:
        """Choose an answer from a tree's finished solutions, and grade it if the problem has an answer or tests."""
        candidates = _candidates(problem, tree, self._how(aggregate))
        choice = await choose(problem, candidates, select, self.grader, stopped=tree.stopped is not None)
        if problem.tests:
            passed = [] if choice.answer is None else await self._sandbox.run(choice.answer, problem.tests)
            return Conclusion(choice, bool(passed) and all(passed), None)
        if problem.answer is None:
            return Conclusion(choice, None, None)
        correct = await self.grader.equivalent(problem.answer, choice.answer)
        ungraded = None if choice.answer is None else self.grader.failure(problem.answer, choice.answer)
        return Conclusion(choice, correct, ungraded)

    def _how(self, how: Aggregate | None) -> Aggregate:
        if how is not None:
            return how
        return self.verifier.aggregate if self.verifier is not None else "last"

    def _text(self, problem: Problem, tree: Tree, choice: Choice, how: Aggregate | None) -> str:
        voted = zip(tree.leaves, _candidates(problem, tree, self._how(how)), strict=True)
        mine = [(leaf, each.score or 0.0) for leaf, each in voted if each.answer == choice.answer]
        return tree.path(max(mine, key=lambda pair: pair[1])[0]).text if mine else ""


async def choose(
    problem: Problem, candidates: Sequence[Candidate], select: Select, grader: Grader, *, stopped: bool
) -> Choice:
    """A selection among solutions of a problem, equal answers counted as one.

    Args:
        problem: the problem.
        candidates: its solutions.
        select: how they become one answer.
        grader: tells which answers are equal.
        stopped: whether a budget ended the search. It may have been spent before all that was written had a score.
    """
    if stopped and select in NEEDS_SCORES:
        kept = with_scores(candidates)
        select, candidates = (select, kept) if kept else ("majority", candidates)
    # Programs are not algebra: they are counted as they are written.
    merged = {} if problem.tests else await grader.merge([c.key for c in candidates if c.key is not None])
    return SELECTIONS[select]([c if c.key is None else replace(c, key=merged.get(c.key, c.key)) for c in candidates])


def _candidates(problem: Problem, tree: Tree, how: Aggregate) -> list[Candidate]:
    """One for each leaf."""
    paths = map(tree.path, tree.leaves)
    return [candidate(path, path_score(path, how), program=bool(problem.tests)) for path in paths]
