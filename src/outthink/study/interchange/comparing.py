"""What a run comes to by the rules of search-and-learn, and by ours: the same trees, read twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from outthink.grade import Grader
from outthink.problems import Problem
from outthink.runs.results import Result
from outthink.runs.store import Store
from outthink.study.interchange.rules import PREDICTIONS, Prediction, RulesOf, rules_for
from outthink.study.interchange.series import Series

__all__ = ["Compared", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A strategy with one way to choose among n solutions.

    Args:
        strategy: by its name in the run.
        how: the way to choose, as the toolkit calls it.
        n: solutions.
        theirs: mean accuracy by the toolkit's rules, in [0, 1]; a search that failed is wrong.
        ours: by our rules; None where they do not choose among so many.
        unfinished: the share of the toolkit's n solutions that did not come to an end.
    """

    strategy: str
    how: Prediction
    n: int
    theirs: float
    ours: float | None
    unfinished: float


class _Place(NamedTuple):
    strategy: str
    how: Prediction
    n: int


async def compare(
    store: Store, series: Sequence[Series], watch: Callable[[int, int], None] = lambda done, total: None
) -> list[Compared]:
    """Choose by both rules, in every series that has scores, on the problems that have an answer.

    Args:
        store: of the run.
        series: of the run; seeds of one strategy are taken together.
        watch: told how many searches are done, and of how many.
    """
    found = [
        (each, problem, result)
        for each in series
        if each.entry.scored
        for problem, result in each.results(store)
        if problem.answer is not None
    ]
    async with Grader() as grader:
        reader = _Reader(store, grader)
        for done, (each, problem, result) in enumerate(found, start=1):
            await reader.read(each, problem, result)
            watch(done, len(found))
    theirs, ours = reader.right["search-and-learn"], reader.right["outthink"]
    return [
        Compared(
            strategy=place.strategy,
            how=place.how,
            n=place.n,
            theirs=fmean(right),
            ours=fmean(ours[place]) if place in ours else None,
            unfinished=fmean(reader.unfinished[place]),
        )
        for place, right in theirs.items()
    ]


class _Reader:
    """Reads trees by rules, and gathers what came of it."""

    def __init__(self, store: Store, grader: Grader) -> None:
        self._store = store
        self._grader = grader
        self.right: dict[RulesOf, dict[_Place, list[bool]]] = {
            "search-and-learn": defaultdict(list),
            "outthink": defaultdict(list),
        }
        self.unfinished: dict[_Place, list[float]] = defaultdict(list)

    async def read(self, series: Series, problem: Problem, result: Result) -> None:
        """One tree, by both rules."""
        tree = None if result.error is not None else self._store.tree(result.unit)
        stopped = result.stopped is not None
        for of, right in self.right.items():
            rules = rules_for(series, of, self._grader)
            told = [] if tree is None else await rules.told(problem, tree)
            for how in PREDICTIONS:
                for n in rules.sizes():
                    place = _Place(series.entry.name, how, n)
                    answer = await rules.chosen(problem, told[:n], how, stopped=stopped)
                    right[place].append(await self._grader.equivalent(problem.answer or "", answer))
                    if of == "search-and-learn":
                        cut = [not each.completion.finished for each in told[:n]]
                        self.unfinished[place].append(fmean(cut) if cut else 0.0)
