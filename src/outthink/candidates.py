"""Finished paths as selection sees them: what each answers, the key it is counted under, its score and its weight."""

from __future__ import annotations

from outthink.answer import canonical, extract_answer
from outthink.programs import canonical_program, extract_program
from outthink.select import Aggregate, Candidate, aggregate
from outthink.tree import Path

__all__ = ["answer_of", "candidate", "path_score"]


def candidate(path: Path, score: float | None = None, *, program: bool = False) -> Candidate:
    """A finished path as a candidate.

    Args:
        path: the solution.
        score: of the path, where there is one.
        program: whether the answer is a program, which is counted as it is written.
    """
    answer, key = answer_of(path.text, program=program)
    return Candidate(answer=answer, key=key, score=score, weight=path.node.weight)


def answer_of(text: str, *, program: bool = False) -> tuple[str | None, str | None]:
    """A solution's answer and the key it is counted under; None twice if it states none.

    Args:
        text: the solution.
        program: whether the answer is a program.
    """
    extract, key_of = (extract_program, canonical_program) if program else (extract_answer, canonical)
    answer = extract(text)
    return answer, None if answer is None else key_of(answer)


def path_score(path: Path, how: Aggregate) -> float | None:
    """The scores of a path's steps as one number; None where there are none."""
    return aggregate(path.scores, how) if path.scores else None
