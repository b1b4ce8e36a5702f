"""The problem: one question, with what is known about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A question, with its reference answer and metadata where the source has them.

    Args:
        question: What the engine is asked.
        id: Names the problem within its source.
        answer: The reference answer, as the source writes it; it is only ever used for grading.
        solution: A worked solution.
        subject: The field the question belongs to.
        level: How difficult it is, in the source's own scale.
        tests: Where a program is asked for: Python source each, that raises nothing if the program is right. They
            decide, and are only ever used for grading.
        example_tests: Tests that may be used on the way to a program; a verifier sees these and no others.
    """

    question: str
    id: str = ""
    answer: str | None = None
    solution: str | None = None
    subject: str | None = None
    level: str | None = None
    tests: tuple[str, ...] = ()
    example_tests: tuple[str, ...] = ()
