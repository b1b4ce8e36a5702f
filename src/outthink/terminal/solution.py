"""One solution: its steps, the answer and what stands behind it, and what it cost."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.text import Text

from outthink.solver import Solution
from outthink.terminal.consoles import clean
from outthink.terminal.numbers import count, percent, teraflop
from outthink.terminal.steps import step_grid, step_row
from outthink.tree import Node

__all__ = ["solution_json", "solution_view"]


def solution_view(solution: Solution) -> RenderableType:
    """The solution for a terminal."""
    grid = step_grid()
    for step in _steps(solution):
        grid.add_row(*step_row(step))
    return Group(grid, Text(), _answer(solution), Text(_cost(solution), "dim"))


def solution_json(solution: Solution) -> str:
    """The solution as JSON, without its tree."""
    return json.dumps(
        {
            "question": solution.problem.question,
            "answer": solution.answer,
            "correct": solution.correct,
            "votes": solution.choice.votes,
            "candidates": solution.choice.candidates,
            "weight": solution.choice.weight,
            "steps": [{"text": step.text, "score": step.score} for step in _steps(solution)],
            "stopped": solution.tree.stopped,
            "cost": asdict(solution.cost),
            "seconds": solution.seconds,
        },
        indent=2,
        ensure_ascii=False,
    )


def _steps(solution: Solution) -> list[Node]:
    tree = solution.tree
    paths = (tree.path(leaf) for leaf in tree.leaves)
    return next((path.steps for path in paths if path.text == solution.text), [])


def _answer(solution: Solution) -> Text:
    choice = solution.choice
    finished = count(choice.candidates, "finished solution")
    stopped = f"; the search stopped when its {solution.tree.stopped} were spent" if solution.tree.stopped else ""
    if solution.answer is None:
        return Text(f"No answer: none of {finished} gives one{stopped}.", "bold yellow")
    text = Text.assemble("Answer: ", (clean(solution.answer), "bold"))
    if solution.correct is not None:
        verdict = (
            ("right", "bold green") if solution.correct else (f"wrong, it is {solution.problem.answer}", "bold red")
        )
        text.append("  ").append(*verdict)
    return text.append(f"\n{choice.votes} of {finished}, {percent(choice.weight, digits=0)} % of the weight{stopped}")


def _cost(solution: Solution) -> str:
    engine, verifier = solution.cost.engine, solution.cost.verifier
    parts = [
        f"engine: {count(engine.generated_tokens, 'token')} written, {engine.prompt_tokens:,} of prompt computed, "
        f"{engine.cached_tokens:,} cached",
        f"verifier: {count(verifier.scored_tokens, 'token')} in {count(verifier.calls, 'call')}",
        f"{solution.seconds:.1f} s",
    ]
    if solution.cost.flops:
        parts.append(f"{teraflop(solution.cost.flops)} TFLOP")
    return "; ".join(parts)
