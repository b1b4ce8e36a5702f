"""Whether a verifier's scores tell right solutions from wrong ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

from outthink.learn.evaluation.ranks import auc
from outthink.learn.evaluation.steps import step_quality
from outthink.learn.labels import Labelled
from outthink.report.statistics import told
from outthink.select import Aggregate
from outthink.study.cells import score_of
from outthink.study.intervals import Estimate, estimates
from outthink.study.outcomes import Outcome, Solved
from outthink.study.study import Study

__all__ = ["HISTOGRAM_BINS", "diagnostics"]

HISTOGRAM_BINS = 20


def diagnostics(study: Study, run: str) -> dict[str, Any] | None:
    """A run's verifier as judge of whole solutions, by every aggregate; None if there is nothing to judge it by.

    Independent samples are judged where there are any: what a search has kept is what the verifier likes.
    """
    outcomes = [each for each in study.outcomes if each.run == run]
    pooled = [each for each in outcomes if each.pooled and _scored(each)]
    judged = [(outcome.problem, each) for outcome in pooled or outcomes for each in _scored(outcome)]
    if not judged:
        return None
    return {
        "run": run,
        "pooled": bool(pooled),
        "problems": len({problem for problem, _ in judged}),
        "right": sum(each.correct is True for _, each in judged),
        "wrong": sum(each.correct is False for _, each in judged),
        "aggregates": [_figures(judged, how) for how in get_args(Aggregate)],
    }


def _scored(outcome: Outcome) -> list[Solved]:
    return [each for each in outcome.solved if each.scores and each.correct is not None]


def _figures(judged: Sequence[tuple[str, Solved]], how: Aggregate) -> dict[str, Any]:
    scores = [score_of(each, how) or 0.0 for _, each in judged]
    # A solution is judged as one step that is good if the answer is right.
    whole = [
        Labelled(problem=problem, question="", steps=("solution",), labels=(int(bool(each.correct)),))
        for problem, each in judged
    ]
    quality = step_quality(whole, [(score,) for score in scores])
    return {
        "aggregate": how,
        "auc": told(quality.auc),
        "within": told(_within([problem for problem, _ in judged], scores, [bool(s.correct) for _, s in judged])),
        "ece": told(quality.ece),
        "brier": told(quality.brier),
        "bins": [{"score": each.score, "right": each.target, "count": each.count} for each in quality.bins],
        "histogram": _histogram(scores, [bool(each.correct) for _, each in judged]),
    }


def _within(problems: Sequence[str], scores: Sequence[float], right: Sequence[bool]) -> Estimate:
    """The mean over problems of the AUC among a problem's own solutions, which is what selection lives by."""
    places: dict[str, list[int]] = {}
    for place, problem in enumerate(problems):
        places.setdefault(problem, []).append(place)
    found = [auc([scores[i] for i in mine], [right[i] for i in mine]) for mine in places.values()]
    known = [value for value in found if not math.isnan(value)]
    if not known:
        return Estimate(None, None)
    return estimates(len(known), lambda drawn: [math.fsum(known[i] for i in drawn) / len(drawn)])[0]


def _histogram(scores: Sequence[float], right: Sequence[bool]) -> dict[str, list[int]]:
    counts = {True: [0] * HISTOGRAM_BINS, False: [0] * HISTOGRAM_BINS}
    for score, kind in zip(scores, right, strict=True):
        counts[kind][min(int(score * HISTOGRAM_BINS), HISTOGRAM_BINS - 1)] += 1
    return {"right": counts[True], "wrong": counts[False]}
