"""Labelled solutions in which "14" is good and "96" is bad: something that a model can learn."""

from outthink.learn.labels import Labelled

__all__ = ["labelled"]


def labelled(number: int) -> Labelled:
    """The solution of this number; a third of them are bad. Two follow each other in one problem."""
    good = number % 3 != 0
    return Labelled(
        problem=f"p{number // 2}",
        question=f"Mia has {number} apples.",
        steps=("She buys 14 more." if good else "She buys 96 more.", "The answer is 37."),
        values=(0.9 if good else 0.1, 1.0 if good else 0.0),
        labels=(int(good), int(good)),
        counts=(8, 1),
        correct=good,
    )
