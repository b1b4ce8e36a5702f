"""Problems for the scripted engine: it knows their answers, as well as its success rate lets it."""

from __future__ import annotations

from outthink.engines.scripted import scripted_answer
from outthink.problems.problem import Problem

__all__ = ["scripted"]


def scripted(split: str, *, count: int) -> list[Problem]:
    """The first `count` problems of a split; any name is a split of its own."""
    questions = [f"Scripted problem {number} of the {split} split." for number in range(count)]
    return [
        Problem(id=f"scripted-{split}-{number}", question=question, answer=scripted_answer(question))
        for number, question in enumerate(questions)
    ]
