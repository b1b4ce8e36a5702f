"""A run's completions under the column names of huggingface/search-and-learn, so that others' scripts read them.

One row a problem: `problem`, `answer`, `solution`, `subject`, `level`, `unique_id`, `completions`, `completion_tokens`,
with scores also `scores` (a list of steps' scores for each completion), `agg_scores` (one for each) and `pred` (the
completion with the highest); then what is chosen among the first n completions: `pred_naive@n`, `pred_weighted@n` and
`pred_maj@n`, for n = 1, 2, 4, ..., as `\\boxed{answer}`. Two columns are our own: `finished`, since unfinished samples
are told too and have no vote, and `weights`, what each vote counts for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from outthink.grade import Grader
from outthink.problems import Problem
from outthink.runs.store import Store
from outthink.select import Aggregate
from outthink.study.interchange.completions import Completion
from outthink.study.interchange.files import Columns, chosen_columns, writing
from outthink.study.interchange.rules import PREDICTIONS, Prediction, RulesOf, rules_for
from outthink.study.interchange.series import Series

__all__ = ["export_completions"]


async def export_completions(
    store: Store,
    series: Series,
    path: Path,
    *,
    rules: RulesOf = "outthink",
    names: Sequence[str] | None = None,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write one series of a run, a row for each problem it has a result on; a search that failed has no completions.

    Args:
        store: of the run.
        series: which of its series.
        path: .parquet or .jsonl; written whole or not at all.
        rules: by whose rules completions are told and answers chosen.
        names: of the columns to write; all if None.
        watch: told how many problems are done, and of how many.

    Returns:
        The number of rows.

    Raises:
        UsageError: the file is of another type, there is no such column, or it is Parquet and pyarrow is not installed.
    """
    found = list(series.results(store))
    # What comes of scores is told only where there are any.
    predictions: Sequence[Prediction] = tuple(PREDICTIONS) if series.entry.scored else ("maj",)
    async with Grader() as grader:
        by = rules_for(series, rules, grader)
        columns = _columns(by.sizes(), predictions, scored=series.entry.scored)
        with writing(path, chosen_columns(columns, names)) as write:
            for done, (problem, result) in enumerate(found, start=1):
                told = await by.told(problem, store.tree(result.unit)) if result.error is None else []
                row = _row(problem, [each for each, *_ in told], by.worth)
                for n in by.sizes():
                    for each in predictions:
                        answer = await by.chosen(problem, told[:n], each, stopped=result.stopped is not None)
                        row[f"pred_{each}@{n}"] = f"\\boxed{{{answer}}}"
                write(row)
                watch(done, len(found))
    return len(found)


def _row(problem: Problem, told: Sequence[Completion], how: Aggregate) -> dict[str, object]:
    worth = [each.worth(how) for each in told]
    best = max(range(len(told)), key=lambda place: worth[place] or 0.0, default=None)
    return {
        "problem": problem.question,
        "answer": problem.answer,
        "solution": problem.solution,
        "subject": problem.subject,
        "level": problem.level,
        "unique_id": problem.id,
        "completions": [each.text for each in told],
        "completion_tokens": [each.tokens for each in told],
        "finished": [each.finished for each in told],
        "weights": [each.weight for each in told],
        "scores": [list(each.scores) for each in told],
        "agg_scores": worth,
        "pred": None if best is None else told[best].text,
    }


def _columns(sizes: Sequence[int], predictions: Sequence[Prediction], *, scored: bool) -> Columns:
    columns: dict[str, Any] = dict.fromkeys(("problem", "answer", "solution", "subject", "level", "unique_id"), str)
    columns |= {"completions": [str], "completion_tokens": [int]}
    columns |= {"finished": [bool], "weights": [float]}
    if scored:
        columns |= {"scores": [[float]], "agg_scores": [float], "pred": str}
    return columns | {f"pred_{each}@{n}": str for n in sizes for each in predictions}
