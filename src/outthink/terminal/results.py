"""A run's results problem by problem: every answer and whether it was right, every failure, one problem's trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from outthink.problems import Problem
from outthink.runs.results import Result, Verdict
from outthink.runs.store import Store
from outthink.terminal.consoles import clean
from outthink.terminal.numbers import NOTHING, count, percent
from outthink.terminal.trees import tree_view

__all__ = ["answers_view", "failures_view", "problem_view"]

_MARKS = {True: (" ✓", "green"), False: (" ✗", "red"), None: ("", "")}


def answers_view(
    problems: Sequence[Problem], results: Sequence[Result], names: Sequence[tuple[str, str]]
) -> RenderableType:
    """Each problem with the answer of every strategy and selection.

    Args:
        problems: of the run; their place is the number to ask for them by.
        results: of one seed.
        names: the (strategy, selection) pairs to show.
    """
    found = {(result.unit.problem, result.unit.strategy): result for result in results}
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    for head in ("problem", "reference", *(f"{strategy}\n{selection}" for strategy, selection in names)):
        table.add_column(head, overflow="fold")
    for number, problem in enumerate(problems, start=1):
        cells = [_cell(found.get((problem.id, strategy)), selection) for strategy, selection in names]
        table.add_row(str(number), Text(clean(problem.id)), Text(clean(problem.answer or NOTHING)), *cells)
    return table


def failures_view(problems: Sequence[Problem], results: Sequence[Result]) -> RenderableType:
    """The searches that ended in an error and the answers that could not be graded, in full."""
    numbers = {problem.id: number for number, problem in enumerate(problems, start=1)}
    lines = []
    for result in results:
        unit = result.unit
        place = f"{numbers[unit.problem]} ({unit.problem}), {unit.strategy}, seed {unit.seed}: "
        for reason in _failures(result):
            lines.append(Text.assemble((clean(place), "bold"), (clean(reason), "red")))
    return Group(*lines) if lines else Text("No search failed.")


def _failures(result: Result) -> Iterator[str]:
    if result.error is not None:
        yield result.error
    for verdict in result.verdicts:
        if verdict.ungraded is not None:
            yield (
                f"{verdict.selection}: {verdict.answer!r} was not compared with the reference ({verdict.ungraded}) "
                "and counts as wrong; look at it yourself"
            )


def problem_view(store: Store, problem: Problem, results: Sequence[Result]) -> RenderableType:
    """One problem and the trees that its searches grew."""
    parts: list[RenderableType] = [Text(clean(problem.question), "bold")]
    if problem.answer is not None:
        parts.append(Text(f"Reference: {clean(problem.answer)}"))
    for result in results:
        chosen = [(verdict.selection, verdict.answer) for verdict in result.verdicts]
        parts += [Text(), _heading(result), *_outcomes(result), tree_view(store.tree(result.unit), chosen)]
    return Group(*parts)


def _cell(result: Result | None, selection: str) -> Text:
    if result is None:
        return Text()
    if result.error is not None:
        return Text("failed", "red")
    # A selection that was added later may not have come to this one yet.
    verdict = next((verdict for verdict in result.verdicts if verdict.selection == selection), None)
    return Text() if verdict is None else _answer(verdict)


def _answer(verdict: Verdict) -> Text:
    mark, style = _MARKS[verdict.correct]
    return Text(clean(verdict.answer or NOTHING) + mark, style)


def _heading(result: Result) -> Text:
    engine, verifier = result.cost.engine, result.cost.verifier
    spent = [count(result.leaves, "finished solution")]
    if engine.calls or engine.generated_tokens:
        spent.append(f"{count(engine.generated_tokens, 'token')} written")
    # Where no model was called, as in a run that was imported, nobody knows the rest.
    if engine.calls:
        spent += [f"{count(verifier.scored_tokens, 'token')} verified", f"{result.ended - result.began:.1f} s"]
    if result.stopped:
        spent.append(f"stopped when its {result.stopped} were spent")
    title = f"{result.unit.strategy}, seed {result.unit.seed}: "
    return Text.assemble((title, "bold cyan"), (", ".join(spent), "dim"))


def _outcomes(result: Result) -> Iterator[Text]:
    if result.error is not None:
        yield Text(clean(result.error), "red")
    for verdict in result.verdicts:
        support = f"  {count(verdict.votes, 'vote')}, {percent(verdict.weight, digits=0)} % of the weight"
        yield Text.assemble(f"{verdict.selection}: ", _answer(verdict), (support, "dim"))
