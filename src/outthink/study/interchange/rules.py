"""By whose rules the solutions of a tree are told, and an answer is chosen among them: ours, or search-and-learn's.

Those of huggingface/search-and-learn are there so that its figures and ours can be told apart:

- A solution's score is that of its last step, whatever the search itself went by.
- What has no answer votes for the empty answer; what is unfinished votes for whatever number it holds.
- Equal answers are those that are written alike once they are simplified. Algebra is not asked.
- Of answers with equal votes or scores the first in order wins.
- A figure at n is of the first n solutions, also of a search for more.

Its parser of answers and its simplification (latex2sympy2) are not copied: its rules are applied to the answers and
keys that outthink finds. So what differs, differs by the rules alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from outthink.candidates import answer_of
from outthink.grade import Grader
from outthink.problems import Problem
from outthink.select import Aggregate, Candidate, Select
from outthink.solver import choose
from outthink.strategies import Pool, Strategy
from outthink.strategies.search_and_learn import SearchAndLearn, returned
from outthink.study.interchange.completions import Completion, completion, completions_of
from outthink.study.interchange.series import Series
from outthink.study.pools import powers
from outthink.tree import Tree

__all__ = ["PREDICTIONS", "Ours", "Prediction", "Rules", "RulesOf", "Theirs", "Told", "rules_for"]

RulesOf = Literal["outthink", "search-and-learn"]
"""Whose rules."""

Prediction = Literal["naive", "weighted", "maj"]
"""How an answer is chosen, as the toolkit calls it: by the best score, by the largest sum of scores, by most votes."""

PREDICTIONS: Mapping[Prediction, Select] = {"naive": "best", "weighted": "weighted", "maj": "majority"}
"""What we call them."""


class Told(NamedTuple):
    """A solution, the answer it gives and the key that is counted under; None twice if it gives none."""

    completion: Completion
    answer: str | None
    key: str | None


class Rules(Protocol):
    """Rules for one series of a run; `worth` is how a solution's step scores become one number."""

    worth: Aggregate

    def sizes(self) -> list[int]:
        """The numbers of solutions at which answers are chosen."""

    async def told(self, problem: Problem, tree: Tree) -> list[Told]:
        """The solutions in a tree, in order."""

    async def chosen(self, problem: Problem, told: Sequence[Told], how: Prediction, *, stopped: bool) -> str:
        """The answer chosen among solutions; empty if there is none.

        Args:
            problem: they are solutions of.
            told: the solutions.
            how: the way to choose.
            stopped: whether a budget ended the search, so that scores may be missing.
        """


class Ours:
    """Our own rules: what is unfinished or superseded has no vote.

    Args:
        strategy: of the series.
        how: how step scores become one number.
        grader: tells which answers are equal.
    """

    def __init__(self, strategy: Strategy, how: Aggregate, grader: Grader) -> None:
        self.worth = how
        self._strategy = strategy
        self._grader = grader

    def sizes(self) -> list[int]:
        """Of a search all solutions at once: what fewer would have given, only a smaller search can tell."""
        most = self._strategy.samples
        return powers(most) if isinstance(self._strategy, Pool) else [most]

    async def told(self, problem: Problem, tree: Tree) -> list[Told]:
        """All samples, or what votes of a search."""
        return _read(problem, completions_of(tree, self._strategy))

    async def chosen(self, problem: Problem, told: Sequence[Told], how: Prediction, *, stopped: bool) -> str:
        """As a run's own selections choose."""
        voting = [
            Candidate(answer=answer, key=key, score=each.worth(self.worth), weight=each.weight)
            for each, answer, key in told
            if each.finished
        ]
        return (await choose(problem, voting, PREDICTIONS[how], self._grader, stopped=stopped)).answer or ""


class Theirs:
    """The toolkit's rules.

    Args:
        strategy: of the series.
        how: how the search made step scores one number.
    """

    worth: Aggregate = "last"

    def __init__(self, strategy: Strategy, how: Aggregate) -> None:
        self._strategy = strategy
        self._how = how

    def sizes(self) -> list[int]:
        """Powers of two."""
        return powers(self._strategy.samples)

    async def told(self, problem: Problem, tree: Tree) -> list[Told]:
        """What the toolkit returns of its own searches, also what is unfinished; of others what we would tell."""
        if not isinstance(self._strategy, SearchAndLearn):
            return _read(problem, completions_of(tree, self._strategy))
        found = await returned(self._strategy, tree, self._how)
        return _read(problem, (completion(tree, each.node, each.judged) for each in found))

    async def chosen(self, problem: Problem, told: Sequence[Told], how: Prediction, *, stopped: bool) -> str:
        """The first of those with the most."""
        votes = [_Vote(answer or "", key or "", each.worth(self.worth) or 0.0) for each, answer, key in told]
        return _CHOOSERS[how](votes) if votes else ""


def rules_for(series: Series, of: RulesOf, grader: Grader) -> Rules:
    """Somebody's rules for a series; ours ask the grader which answers are equal."""
    strategy, how = series.entry.strategy, series.how
    return Ours(strategy, how, grader) if of == "outthink" else Theirs(strategy, how)


class _Vote(NamedTuple):
    answer: str
    key: str
    score: float


def _read(problem: Problem, completions: Iterable[Completion]) -> list[Told]:
    return [Told(each, *answer_of(each.text, program=bool(problem.tests))) for each in completions]


def _naive(votes: Sequence[_Vote]) -> str:
    return max(votes, key=lambda vote: vote.score).answer


def _weighted(votes: Sequence[_Vote]) -> str:
    return _first_of_most(votes, lambda vote: vote.score)


def _majority(votes: Sequence[_Vote]) -> str:
    return _first_of_most(votes, lambda vote: 1.0)


def _first_of_most(votes: Sequence[_Vote], worth: Callable[[_Vote], float]) -> str:
    """The first spelling of the key with the largest sum; of equal sums that of the first."""
    sums: dict[str, float] = {}
    spellings: dict[str, str] = {}
    for vote in votes:
        sums[vote.key] = sums.get(vote.key, 0.0) + worth(vote)
        spellings.setdefault(vote.key, vote.answer)
    return spellings[max(sums, key=lambda key: sums[key])]


_CHOOSERS: Mapping[Prediction, Callable[[Sequence[_Vote]], str]] = {
    "naive": _naive,
    "weighted": _weighted,
    "maj": _majority,
}
