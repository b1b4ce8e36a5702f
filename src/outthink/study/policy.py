"""The compute-optimal policy: for each level of difficulty and each budget the method that is best there.

Snell et al. (2024, arXiv 2408.03314), section 3. What is best is chosen on some problems and counted on others, by
cross-validation, so that no problem has a part in choosing its own method; the best single method, which the policy has
to beat, is chosen on the same problems. So where all methods are alike, the policy gains nothing on average, however
many methods there are to choose from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outthink.errors import UsageError
from outthink.study.axes import Axis
from outthink.study.bootstrap import over_seeds
from outthink.study.cells import Cell
from outthink.study.difficulty import Difficulty
from outthink.study.folds import folds
from outthink.study.intervals import Estimate, accuracy_estimates, difference_estimates

__all__ = ["Choice", "Decision", "cross_validate"]

# Means of the same numbers, taken another way, are equal but for rounding.
_ROUNDING = 1 + 1e-9
_DIGITS = 12


class Choice(NamedTuple):
    """What is best at one level, and how sure that is.

    Args:
        level: its name.
        cell: the method and its n, chosen on all problems.
        share: of problems and seeds that are of this level.
        steady: the share of folds in which the same was chosen.
    """

    level: str
    cell: Cell
    share: float
    steady: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The policy at one budget, and what it is worth.

    Args:
        budget: mean cost per search that is allowed, on the axis.
        edges: between levels, fitted to all problems.
        choices: level by level, easiest first.
        accuracy, cost: of the policy, on problems it was not chosen on.
        single: the best single method, chosen on all problems.
        single_accuracy, single_cost: of the best single method, chosen and counted as the policy was.
        gain: policy less single, problem by problem.
        ceiling: accuracy if the best method were known for each problem; luck makes it look better than it is.
    """

    budget: float
    edges: tuple[float, ...]
    choices: tuple[Choice, ...]
    accuracy: Estimate
    cost: float
    single: Cell
    single_accuracy: Estimate
    single_cost: float
    gain: Estimate
    ceiling: float


def cross_validate(
    options: Sequence[Cell],
    singles: Sequence[Cell],
    difficulty: Difficulty,
    budgets: Sequence[float],
    *,
    axis: Axis = "samples",
    count: int = 5,
    repeats: int = 10,
) -> list[Decision]:
    """Choose, for each budget, a method for each level, and find out what that is worth.

    At each level a method may be chosen if it costs no more than the level's budget, on average over the problems it is
    chosen on; if none does, the cheapest is. Of equally good ones the cheapest is chosen. The levels' budgets make up
    the whole one, and stand to each other as what the best single method takes there: in samples they are alike, in
    tokens hard problems get more.

    Args:
        options: what the policy may choose from; what comes after pilots, where it needs pilots.
        singles: what may be done without a policy.
        difficulty: of the problems.
        budgets: mean cost per search.
        axis: what budgets count.
        count: folds.
        repeats: of the cross-validation, with other folds; what a problem is worth is the mean over them.

    Raises:
        UsageError: there is no problem that all methods were tried on, or a budget pays for none.
    """
    policy, single = _Table(options, axis), _Table(singles, axis)
    known = policy.known & single.known & ~np.isnan(difficulty.ease)
    if not known.any():
        raise UsageError("there is no problem that every method was tried on with the same seed, and graded")
    deals = list(folds(len(difficulty.ease), count, repeats))
    if not all((known & ~left_out[:, None]).any() for left_out in deals):
        raise UsageError("there are too few problems that every method was tried on with the same seed")
    for budget in budgets:
        if (least := max(policy.costs(known).min(), single.costs(known).min())) > budget * _ROUNDING:
            raise UsageError(f"a budget of {budget:g} {axis} is too small; the cheapest thing to do takes {least:g}")
    trials = [_Trial(policy, single, budget, known) for budget in budgets]
    for left_out in deals:
        edges = difficulty.fit(~left_out)
        levels = difficulty.levels(edges)
        for trial in trials:
            trial.add(levels, len(edges) + 1, known & ~left_out[:, None], known & left_out[:, None])
    edges = difficulty.fit()
    return [trial.decision(difficulty, edges, repeats) for trial in trials]


class _Table:
    """Methods' results in one array, (methods, problems, seeds)."""

    def __init__(self, cells: Sequence[Cell], axis: Axis) -> None:
        # A method whose cost is nowhere known cannot be said to keep a budget.
        self.cells = [cell for cell in cells if not np.isnan(cell.costs[axis]).all()]
        if not self.cells:
            raise UsageError(f"no method's cost in {axis} is known")
        self.accuracy = np.stack([cell.accuracy for cell in self.cells])
        self.cost = np.stack([cell.costs[axis] for cell in self.cells])
        missing: NDArray[np.bool_] = np.isnan(self.accuracy + self.cost)
        self.known = missing.sum(axis=0) == 0

    def costs(self, cases: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Each method's mean cost over some problems and seeds."""
        means: NDArray[np.float64] = self.cost[:, cases].mean(axis=1)
        return means

    def best(self, cases: NDArray[np.bool_], budget: float) -> int:
        """The number of the method that is best over some problems and seeds among those that keep the budget there."""
        cost, accuracy = self.costs(cases), self.accuracy[:, cases].mean(axis=1).round(_DIGITS)
        if cost.min() > budget * _ROUNDING:
            return int(cost.argmin())
        accuracy[cost > budget * _ROUNDING] = -1.0
        return int(np.lexsort((cost.round(_DIGITS), -accuracy))[0])


class _Trial:
    """A cross-validation at one budget."""

    def __init__(self, policy: _Table, single: _Table, budget: float, known: NDArray[np.bool_]) -> None:
        self._policy, self._single, self._budget, self._known = policy, single, budget, known
        # Sums over the repeats: accuracy and cost of the policy, then those of the best single method.
        self._sums = np.zeros((4, *known.shape))
        self._chosen: list[list[int]] = []

    def choose(self, levels: NDArray[np.int64], count: int, cases: NDArray[np.bool_]) -> tuple[list[int], int]:
        """The best method at each level, at one that has no problems the best over all; and the best single method."""
        alone = self._single.best(cases, self._budget)
        taken = self._single.cost[alone]
        whole = float(taken[cases].mean())
        inside = [found if (found := cases & (levels == level)).any() else cases for level in range(count)]
        # What the single method could do at a level, the policy must be able to pay for there.
        shares = [float(taken[each].mean()) / whole if whole else 1.0 for each in inside]
        budgets = [self._budget * share for share in shares]
        return [self._policy.best(each, budget) for each, budget in zip(inside, budgets, strict=True)], alone

    def add(self, levels: NDArray[np.int64], count: int, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> None:
        """Choose on some problems, count on others."""
        chosen, alone = self.choose(levels, count, train)
        rows, columns = np.nonzero(test)
        place = (np.array(chosen)[levels[test]], rows, columns)
        self._sums[:, rows, columns] += [
            self._policy.accuracy[place],
            self._policy.cost[place],
            self._single.accuracy[alone, rows, columns],
            self._single.cost[alone, rows, columns],
        ]
        self._chosen.append(chosen)

    def decision(self, difficulty: Difficulty, edges: tuple[float, ...], repeats: int) -> Decision:
        """What came of it, beside what all problems together choose."""
        means = [over_seeds(np.where(self._known, sums / repeats, np.nan)) for sums in self._sums]
        accuracy, cost, single_accuracy, single_cost = means
        (gain,) = difference_estimates((accuracy - single_accuracy)[:, None])
        worth, single_worth = accuracy_estimates(np.stack([accuracy, single_accuracy], axis=1))
        levels = difficulty.levels(edges)
        chosen, alone = self.choose(levels, len(edges) + 1, self._known)
        return Decision(
            budget=self._budget,
            edges=edges,
            choices=tuple(self._choices(difficulty, levels, chosen)),
            accuracy=worth,
            cost=float(np.nanmean(cost)),
            single=self._single.cells[alone],
            single_accuracy=single_worth,
            single_cost=float(np.nanmean(single_cost)),
            gain=gain,
            ceiling=self._ceiling(),
        )

    def _choices(self, difficulty: Difficulty, levels: NDArray[np.int64], chosen: Sequence[int]) -> list[Choice]:
        return [
            Choice(
                level=difficulty.names[level],
                cell=self._policy.cells[option],
                share=float((levels[self._known] == level).mean()),
                steady=float(np.mean([level < len(each) and each[level] == option for each in self._chosen])),
            )
            for level, option in enumerate(chosen)
        ]

    def _ceiling(self) -> float:
        paid = self._policy.costs(self._known) <= self._budget * _ROUNDING
        if not paid.any():
            paid[:] = self._policy.costs(self._known) == self._policy.costs(self._known).min()
        results = [np.where(self._known, each, np.nan) for each in self._policy.accuracy[paid]]
        return float(np.nanmean(np.max([over_seeds(each) for each in results], axis=0)))
