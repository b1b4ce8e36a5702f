"""What a verifier is worth, as tables and a small reliability curve."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from outthink.learn.evaluation.best_of import Point
from outthink.learn.evaluation.evaluate import Evaluation
from outthink.learn.evaluation.processbench import FirstErrors
from outthink.learn.evaluation.steps import Bin, LengthBias, StepQuality
from outthink.study.intervals import Estimate
from outthink.terminal.consoles import clean
from outthink.terminal.estimates import estimate
from outthink.terminal.numbers import NOTHING, count, percent, teraflop

__all__ = ["evaluation_view"]

_CURVE = 40
"""Columns from a score of 0 to one of 1."""


def evaluation_view(evaluation: Evaluation) -> RenderableType:
    """All there is to tell, for 100 columns."""
    findings = evaluation.findings
    parts: list[RenderableType] = []
    if findings.first_errors:
        parts += [_first_errors(findings.first_errors, evaluation.threshold)]
    if findings.steps is not None:
        parts += [_steps(findings.steps), _reliability(findings.steps.bins), _positions(findings.steps)]
    if any(each.solutions for each in findings.lengths):
        parts.append(_lengths(findings.lengths, evaluation.aggregate))
    if findings.best_of:
        parts.append(_best_of(findings.best_of, evaluation.aggregate))
    parts.append(Text(_cost(evaluation), "dim"))
    if evaluation.failure is not None:
        failed = f"{count(evaluation.failed, 'solution')} could not be scored. The first: {clean(evaluation.failure)}"
        parts.append(Text(failed, "yellow"))
    return Group(*parts)


def _first_errors(rows: Sequence[FirstErrors], threshold: float) -> RenderableType:
    table = _table("split", "wrong", "right", "found\n% [95 %]", "passed\n% [95 %]", "F1\n% [95 %]")
    for row in rows:
        figures = (estimate(each) for each in (row.found, row.passed, row.f1))
        table.add_row(Text(clean(row.split)), f"{row.wrong:,}", f"{row.right:,}", *figures)
    return _titled(f"First errors: steps scored below {threshold:g} are taken to be wrong", table)


def _steps(quality: StepQuality) -> RenderableType:
    what = [count(quality.steps, "step"), count(quality.solutions, "solution"), count(quality.problems, "problem")]
    table = _table("", "[95 %]")
    table.add_row("AUC", _number(quality.auc))
    table.add_row("Brier score", _number(quality.brier))
    table.add_row("calibration error", _number(quality.ece))
    return _titled(f"Steps: {' of '.join(what)}; {percent(quality.good)} % are good", table)


def _reliability(bins: Sequence[Bin]) -> RenderableType:
    table = _table("score", "worth", "steps")
    table.add_column("0" + " " * (_CURVE - 1) + "1")
    for each in bins:
        line = [" "] * (_CURVE + 1)
        line[round(_CURVE * each.score)] = "○"
        line[round(_CURVE * each.target)] = "●"
        table.add_row(f"{each.score:.2f}", f"{each.target:.2f}", f"{each.count:,}", Text("".join(line)))
    return _titled("Reliability: what steps with such scores are worth (● worth, ○ score)", table)


def _positions(quality: StepQuality) -> RenderableType:
    table = _table("step", "steps", "too high by\n[95 %]", "AUC\n[95 %]")
    for each in quality.positions:
        table.add_row(each.name, f"{each.steps:,}", _number(each.bias, sign=True), _number(each.auc))
    return _titled("By position: how much too high the scores are, and how well they rank", table)


def _lengths(rows: Sequence[LengthBias], how: str) -> RenderableType:
    table = _table("solutions", "", "characters\n[95 %]", "steps\n[95 %]")
    for each in rows:
        figures = (_number(each.characters, sign=True), _number(each.steps, sign=True))
        table.add_row("right" if each.correct else "wrong", f"{each.solutions:,}", *figures)
    return _titled(f"By length: rank correlation with the solution's score ({how}); 0 is best", table)


def _best_of(points: Sequence[Point], how: str) -> RenderableType:
    table = _table("k", "prob-\nlems", "pass\n@k", "majority\n", "best\n", "weighted\n", "best\ngain", "weighted\ngain")
    for each in points:
        # The ceiling's own interval is in the file: here it would push the gains out of sight.
        ceiling = estimate(Estimate(each.passed.value, None))
        figures = [estimate(share) for share in (each.majority, each.best, each.weighted)]
        gains = [estimate(gain, sign=True) for gain in (each.best_gain, each.weighted_gain)]
        table.add_row(str(each.k), f"{each.problems:,}", ceiling, *figures, *gains)
    title = f"Answers chosen among k samples, scores by {how}: % right [95 %]; gains over majority, paired"
    return _titled(title, table)


def _table(first: str, *heads: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right")
    return table


def _titled(title: str, table: Table) -> RenderableType:
    # Not the table's own title, which would be wrapped to the table's width.
    return Group(Text(title, "bold"), table)


def _number(given: Estimate, *, sign: bool = False) -> str:
    form = "+.3f" if sign else ".3f"
    if given.value is None:
        return NOTHING
    if given.interval is None:
        return f"{given.value:{form}}"
    low, high = given.interval
    return f"{given.value:{form}} [{low:{form}}, {high:{form}}]"


def _cost(evaluation: Evaluation) -> str:
    cost = evaluation.cost
    parts = [
        f"{count(evaluation.solutions, 'solution')} scored in {count(cost.calls, 'call')}",
        f"{count(cost.scored_tokens + cost.prompt_tokens, 'token')} computed",
    ]
    if cost.flops:
        parts.append(f"{teraflop(cost.flops)} TFLOP")
    return f"{', '.join(parts)}. Intervals are over problems."
