"""A run's results as one row for each strategy and selection: what it got right and what that cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from outthink.cost import Cost, Usage
from outthink.runs.results import Result
from outthink.select import NEEDS_SCORES
from outthink.study.intervals import Interval, accuracy_interval, paired_interval

__all__ = ["Row", "summarise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy with one selection.

    Args:
        strategy, selection: which.
        problems: problems it was tried on.
        accuracy: mean over problems; None where no problem has an answer. A failed search counts as wrong.
        interval: 95 %, of the accuracy.
        gain: mean difference to the first row, and its 95 % interval over the same problems; None for the first row.
        failed: searches that ended in an error.
        short: searches that did not fail and yet left fewer finished solutions than the most that any left.
        cost: mean per search. Where neither strategy nor selection reads scores, the verifier is not charged for.
        seconds: wall-clock per search, with others in flight beside it; None where that is not known.
    """

    strategy: str
    selection: str
    problems: int
    accuracy: float | None
    interval: Interval | None
    gain: tuple[float, Interval] | None
    failed: int
    short: int
    cost: Cost
    seconds: float | None


def summarise(results: Sequence[Result], names: Sequence[tuple[str, str]], ranking: Collection[str] = ()) -> list[Row]:
    """Rows for (strategy, selection) pairs, in the order given; those without results are left out.

    Args:
        results: of one run.
        names: the pairs.
        ranking: the strategies that read scores themselves.
    """
    rows: list[Row] = []
    first: dict[str, float] = {}
    for strategy, selection in names:
        mine = [result for result in results if result.unit.strategy == strategy]
        if not mine:
            continue
        accuracies = _accuracies(mine, selection)
        judged = strategy in ranking or selection in NEEDS_SCORES
        rows.append(_row(strategy, selection, mine, accuracies, first, judged=judged))
        first = first or accuracies
    return rows


def _row(
    strategy: str,
    selection: str,
    mine: list[Result],
    accuracies: dict[str, float],
    first: dict[str, float],
    *,
    judged: bool,
) -> Row:
    values = list(accuracies.values())
    shared = [problem for problem in accuracies if problem in first]
    gain = None
    if shared:
        ours, theirs = [accuracies[p] for p in shared], [first[p] for p in shared]
        gain = ((sum(ours) - sum(theirs)) / len(shared), paired_interval(ours, theirs))
    done = [result for result in mine if result.error is None]
    most = max((result.leaves for result in done), default=0)
    total = sum((result.cost for result in mine), Cost())
    verifier = total.verifier if judged else Usage()
    return Row(
        strategy=strategy,
        selection=selection,
        problems=len({result.unit.problem for result in mine}),
        accuracy=sum(values) / len(values) if values else None,
        interval=accuracy_interval(values) if values else None,
        gain=gain,
        failed=sum(result.error is not None for result in mine),
        short=sum(result.leaves < most for result in done),
        cost=Cost(engine=_mean(total.engine, len(mine)), verifier=_mean(verifier, len(mine))),
        seconds=None if (busy := _busy(mine)) is None else busy / len(mine),
    )


def _accuracies(results: Iterable[Result], selection: str) -> dict[str, float]:
    """Each graded problem's share of right results, in the problems' own order."""
    found: dict[str, list[bool]] = {}
    for result in results:
        verdict = next((v for v in result.verdicts if v.selection == selection), None)
        if result.error is not None:
            found.setdefault(result.unit.problem, []).append(False)
        elif verdict is not None and verdict.correct is not None:
            found.setdefault(result.unit.problem, []).append(verdict.correct)
    return {problem: sum(found[problem]) / len(found[problem]) for problem in sorted(found)}


def _mean(usage: Usage, n: int) -> Usage:
    return Usage(
        prompt_tokens=round(usage.prompt_tokens / n),
        cached_tokens=round(usage.cached_tokens / n),
        generated_tokens=round(usage.generated_tokens / n),
        scored_tokens=round(usage.scored_tokens / n),
        calls=round(usage.calls / n),
        seconds=usage.seconds / n,
        flops=usage.flops / n,
    )


def _busy(results: Sequence[Result]) -> float | None:
    """Seconds in which at least one of the searches was under way: pauses between sittings do not count.

    None if of one it is not known.
    """
    if any(result.ended == result.began for result in results):
        return None
    busy, end = 0.0, 0.0
    for began, ended in sorted((result.began, result.ended) for result in results):
        busy += max(0.0, ended - max(began, end))
        end = max(end, ended)
    return busy
