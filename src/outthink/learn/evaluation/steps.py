"""How well a verifier judges steps whose worth is known: ranking, calibration, and what misleads it.

All intervals are over problems: the steps of all solutions of a problem are drawn together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from outthink.learn.evaluation.ranks import midranks, placements
from outthink.learn.labels import Labelled
from outthink.select import Aggregate, aggregate
from outthink.study.intervals import Estimate, Interval, estimates

__all__ = ["Bin", "LengthBias", "Position", "StepQuality", "length_bias", "step_quality"]

_BINS = 10
_POSITIONS = 8
"""Steps from the first that are looked at one by one; there are few solutions that have more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Steps with similar scores: their mean score, what it should have been, and how many they are."""

    score: float
    target: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The steps at one place of their solutions.

    Args:
        name: "1" for the first, ..., "9+" for the ninth and all later ones; "last" for the last ones, which are also
            counted under their number.
        steps: how many.
        bias: mean score less mean target; above 0 the verifier is too kind here.
        auc: among these steps alone.
    """

    name: str
    steps: int
    bias: Estimate
    auc: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class StepQuality:
    """How well steps are judged.

    Args:
        problems, solutions, steps: how many were judged.
        good: share of steps with a target of at least 1/2.
        auc: P(a good step has a higher score than a bad one), over all pairs of steps.
        brier: mean squared difference of score and target (Brier 1950, Monthly Weather Review 78).
        ece: expected calibration error, the mean over bins of equal mass of |mean score - mean target| (Naeini et al.
            2015, AAAI). Noise within bins adds to it, and more so in small samples, where its interval lies too high.
        bins: the reliability curve, lowest scores first; equal scores are in one bin.
        positions: where in a solution it errs.
    """

    problems: int
    solutions: int
    steps: int
    good: float
    auc: Estimate
    brier: Estimate
    ece: Estimate
    bins: tuple[Bin, ...]
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthBias:
    """Whether long solutions are scored differently from short ones that are just as right.

    Args:
        correct: of the right solutions, or of the wrong ones.
        solutions: how many.
        characters, steps: Spearman's correlation of a solution's score with its length in these; 0 is best.
    """

    correct: bool
    solutions: int
    characters: Estimate
    steps: Estimate


@dataclass(frozen=True, slots=True)
class _Step:
    """One step: its problem's number, its place from 0 on, and how it was and should have been scored."""

    problem: int
    place: int
    last: bool
    score: float
    target: float

    @property
    def good(self) -> bool:
        return self.target >= 0.5


_Figure = Callable[[Sequence[int]], float]


def step_quality(labelled: Sequence[Labelled], scores: Sequence[Sequence[float]]) -> StepQuality:
    """Compare scores with `Labelled.targets`: a step's value, or its label where there is none.

    For the AUC a step is good if its target is at least 1/2. The AUC's interval draws the problems' contributions to
    it (Obuchowski 1997, Biometrics 53) rather than ranking all steps anew; bins and edges are those of the whole data.

    Args:
        labelled: the solutions, one at least.
        scores: of each solution's steps.
    """
    numbers = _numbers(labelled)
    steps = [
        _Step(numbers[each.problem], place, place == len(each.steps) - 1, score, target)
        for each, given in zip(labelled, scores, strict=True)
        for place, (score, target) in enumerate(zip(given, each.targets, strict=True))
    ]
    bins, places = _bins(steps), _places(steps)
    problems = len(numbers)
    figures = [_auc(steps, problems), _brier(steps, problems), _ece(bins, problems)]
    for mine in places.values():
        figures += [_bias(mine, problems), _auc(mine, problems)]
    auc, brier, ece, *rest = _estimates(problems, figures)
    return StepQuality(
        problems=problems,
        solutions=len(labelled),
        steps=len(steps),
        good=sum(step.good for step in steps) / len(steps),
        auc=_clipped(auc),
        brier=brier,
        ece=ece,
        bins=tuple(
            Bin(score=_mean(step.score for step in mine), target=_mean(step.target for step in mine), count=len(mine))
            for mine in bins
        ),
        positions=tuple(
            Position(name=name, steps=len(mine), bias=bias, auc=_clipped(ranked))
            for (name, mine), bias, ranked in zip(places.items(), rest[::2], rest[1::2], strict=True)
        ),
    )


def length_bias(
    labelled: Sequence[Labelled], scores: Sequence[Sequence[float]], how: Aggregate
) -> tuple[LengthBias, ...]:
    """Correlations of score and length, apart for right and wrong solutions; those not known to be either are left out.

    Apart, since wrong solutions may well be longer, and a verifier should see that they are wrong. Ranks in the
    intervals are those of the whole data.
    """
    found = []
    for correct in (True, False):
        mine = [place for place, each in enumerate(labelled) if each.correct is correct]
        chosen = [labelled[place] for place in mine]
        numbers = _numbers(chosen)
        problems = [numbers[each.problem] for each in chosen]
        values = [aggregate(scores[place], how) for place in mine]
        lengths = ([sum(map(len, each.steps)) for each in chosen], [len(each.steps) for each in chosen])
        characters, steps = _estimates(len(numbers), [_correlation(problems, values, length) for length in lengths])
        found.append(LengthBias(correct=correct, solutions=len(mine), characters=characters, steps=steps))
    return tuple(found)


def _numbers(labelled: Iterable[Labelled]) -> dict[str, int]:
    """The problems, numbered in an order that does not depend on that of the solutions."""
    return {problem: number for number, problem in enumerate(sorted({each.problem for each in labelled}))}


def _bins(steps: Sequence[_Step]) -> list[list[_Step]]:
    """Steps in bins of equal mass. Where the middle of a run of equal scores falls, all of them go."""
    found: dict[int, list[_Step]] = {}
    for step, rank in zip(steps, midranks([step.score for step in steps]), strict=True):
        found.setdefault(int(_BINS * (rank - 0.5) / len(steps)), []).append(step)
    return [found[number] for number in sorted(found)]


def _places(steps: Sequence[_Step]) -> dict[str, list[_Step]]:
    names = [*map(str, range(1, _POSITIONS + 1)), f"{_POSITIONS + 1}+"]
    found: dict[str, list[_Step]] = {name: [] for name in [*names, "last"]}
    for step in steps:
        found[names[min(step.place, _POSITIONS)]].append(step)
        if step.last:
            found["last"].append(step)
    return {name: mine for name, mine in found.items() if mine}


def _estimates(problems: int, figures: Sequence[_Figure]) -> list[Estimate]:
    return estimates(problems, lambda drawn: [figure(drawn) for figure in figures])


def _auc(steps: Sequence[_Step], problems: int) -> _Figure:
    placed = placements([step.score for step in steps], [step.good for step in steps])
    found, influence = math.nan, [0.0] * problems
    for good in (True, False):
        mine = [(step.problem, value) for step, value in zip(steps, placed, strict=True) if step.good is good]
        found = _mean(value for _, value in mine)
        for problem, value in mine:
            influence[problem] += (value - found) / len(mine)
    return lambda drawn: found + _sum(influence, drawn)


def _brier(steps: Sequence[_Step], problems: int) -> _Figure:
    return _ratio(_sums(steps, problems, lambda step: (step.score - step.target) ** 2), _counts(steps, problems))


def _bias(steps: Sequence[_Step], problems: int) -> _Figure:
    return _ratio(_sums(steps, problems, _excess), _counts(steps, problems))


def _ece(bins: Sequence[Sequence[_Step]], problems: int) -> _Figure:
    excesses = [_sums(mine, problems, _excess) for mine in bins]
    counts = _counts([step for mine in bins for step in mine], problems)
    # A bin's share of the steps times its mean excess is its summed excess over the number of all steps.
    return lambda drawn: sum(abs(_sum(excess, drawn)) for excess in excesses) / _sum(counts, drawn)


def _excess(step: _Step) -> float:
    return step.score - step.target


def _correlation(problems: Sequence[int], first: Sequence[float], second: Sequence[float]) -> _Figure:
    """Pearson's correlation of ranks, from sums that are kept by problem."""
    middle = (len(problems) + 1) / 2
    pairs = [(x - middle, y - middle) for x, y in zip(midranks(first), midranks(second), strict=True)]
    columns = [[0.0] * (max(problems, default=-1) + 1) for _ in range(6)]
    for problem, (x, y) in zip(problems, pairs, strict=True):
        for column, value in zip(columns, (1.0, x, y, x * x, y * y, x * y), strict=True):
            column[problem] += value

    def figure(drawn: Sequence[int]) -> float:
        n, x, y, xx, yy, xy = (_sum(column, drawn) for column in columns)
        spread = (xx - x * x / n) * (yy - y * y / n) if n else 0.0
        return (xy - x * y / n) / math.sqrt(spread) if spread > 1e-9 else math.nan

    return figure


def _ratio(above: Sequence[float], below: Sequence[float]) -> _Figure:
    def figure(drawn: Sequence[int]) -> float:
        n = _sum(below, drawn)
        return _sum(above, drawn) / n if n else math.nan

    return figure


def _sums(steps: Sequence[_Step], problems: int, value: Callable[[_Step], float]) -> list[float]:
    """The sum of something over each problem's steps."""
    found: list[list[float]] = [[] for _ in range(problems)]
    for step in steps:
        found[step.problem].append(value(step))
    return [math.fsum(values) for values in found]


def _counts(steps: Sequence[_Step], problems: int) -> list[float]:
    return _sums(steps, problems, lambda step: 1.0)


def _sum(column: Sequence[float], drawn: Sequence[int]) -> float:
    return sum(map(column.__getitem__, drawn))


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found) if found else math.nan


def _clipped(estimate: Estimate) -> Estimate:
    """Sums of contributions may lead out of [0, 1], where no AUC is."""
    if estimate.interval is None:
        return estimate
    low, high = estimate.interval
    return Estimate(estimate.value, Interval(max(0.0, low), min(1.0, high)))
