"""PRM800K: steps rated by people (Lightman et al. 2023, arXiv 2305.20050; github.com/openai/prm800k).

One object a line, of which these fields are read and written:

    {"question": {"problem": "...", "pre_generated_answer": "7"},
     "label": {"steps": [{"completions": [{"text": "...", "rating": 1, "flagged": null}],
                          "human_completion": null, "chosen_completion": 0}],
               "finish_reason": "solution"}}

A step has one candidate or several, of which people chose one to go on from, or wrote their own. What is read is the
path that they took: the chosen candidates, and their own steps, which are good ones. Where nothing was chosen, the
first rated candidate ends the path: it is the solution's own, and the alternatives to its error come after it. A chosen
candidate that was not rated, or was flagged as one that its rater was not sure of, ends the path before it.

A rating of -1 is label 0; both +1 and 0, neutral (right and no progress), are label 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from outthink.errors import ProblemError
from outthink.learn.interchange.rows import Dropped, Format, solution
from outthink.learn.labels import Labelled

__all__ = ["PRM800K"]

Rating = Literal[-1, 0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A candidate for a step."""

    text: str
    rating: Rating | None
    flagged: bool | None = None

    @property
    def label(self) -> int | None:
        """Whether it is good, if a rater was sure of it."""
        return None if self.rating is None or self.flagged else int(self.rating >= 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Human:
    """A step that a rater wrote where all candidates were bad."""

    text: str
    corrected_rating: Rating | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A step."""

    completions: tuple[Completion, ...]
    human_completion: Human | None = None
    chosen_completion: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A problem, and the answer of the solution that was rated."""

    problem: str
    pre_generated_answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What the raters said, and why they stopped."""

    steps: tuple[Rated, ...]
    finish_reason: Literal["solution", "found_error", "give_up", "bad_problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line."""

    question: Question
    label: Label


def load(row: Row) -> Labelled:
    """The path that the raters took.

    Raises:
        Dropped: they found the problem broken.
        ProblemError: a completion was chosen that is not there.
    """
    if row.label.finish_reason == "bad_problem":
        raise Dropped("its raters found the problem broken")
    return solution(
        row.question.problem,
        _path(row.label.steps),
        answer=row.question.pre_generated_answer,
        correct=True if row.label.finish_reason == "solution" else None,
    )


def dump(labelled: Labelled) -> Row:
    """The row of a solution, one completion a step. That its answer is right is said where no step is bad."""
    ratings: list[Rating] = [1 if label else -1 for label in labelled.labels]
    candidates = [Completion(text=text, rating=rating) for text, rating in zip(labelled.steps, ratings, strict=True)]
    ended: Literal["solution", "give_up"] = "solution" if labelled.correct else "give_up"
    return Row(
        question=Question(problem=labelled.question, pre_generated_answer=labelled.answer),
        label=Label(
            steps=tuple(Rated(completions=(each,), chosen_completion=0) for each in candidates),
            finish_reason=ended if all(labelled.labels) else "found_error",
        ),
    )


def _path(steps: tuple[Rated, ...]) -> Iterator[tuple[str, int]]:
    for place, step in enumerate(steps):
        chosen = step.chosen_completion
        if chosen is None and step.human_completion is not None:
            human = step.human_completion
            yield human.text, int(human.corrected_rating != -1)
            continue
        if chosen is not None and not 0 <= chosen < len(step.completions):
            raise ProblemError(
                f"label.steps.{place}.chosen_completion: it is {chosen} of {len(step.completions)} completions"
            )
        rated = step.completions if chosen is None else step.completions[chosen : chosen + 1]
        taken = next(((each.text, each.label) for each in rated if each.label is not None), None)
        if taken is not None:
            yield taken
        if chosen is None or taken is None:
            return


PRM800K = Format(shape=Row, load=load, dump=dump)
