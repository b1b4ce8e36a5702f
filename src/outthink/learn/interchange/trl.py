"""TRL's stepwise supervision, what its PRMTrainer learns from: a prompt, steps, and whether each is right.

{"prompt": "Ann has 3 ...", "completions": ["3 + 4 = 7", "The answer is 7."], "labels": [true, true]}
"""

from __future__ import annotations

from dataclasses import dataclass

from outthink.errors import ProblemError
from outthink.learn.interchange.rows import Format, solution
from outthink.learn.labels import Labelled

__all__ = ["TRL"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepwise:
    """A row."""

    prompt: str
    completions: tuple[str, ...]
    labels: tuple[bool, ...]


def load(row: Stepwise) -> Labelled:
    """The solution in a row.

    Raises:
        ProblemError: steps and labels differ in number.
    """
    if len(row.labels) != len(row.completions):
        raise ProblemError(f"labels: there are {len(row.labels)} for {len(row.completions)} completions")
    return solution(row.prompt, zip(row.completions, map(int, row.labels), strict=True))


def dump(labelled: Labelled) -> Stepwise:
    """The row of a solution."""
    return Stepwise(prompt=labelled.question, completions=labelled.steps, labels=tuple(map(bool, labelled.labels)))


TRL = Format(shape=Stepwise, load=load, dump=dump)
