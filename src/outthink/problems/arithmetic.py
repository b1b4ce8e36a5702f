"""The built-in problem set: generated arithmetic word problems of known difficulty."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count as count_from
from itertools import islice
from typing import Literal, TypeVar

from outthink.errors import UsageError
from outthink.problems.problem import Problem
from outthink.problems.stories import TEST, TRAIN, VALIDATION, PhraseBook

LEVELS = (1, 2, 3, 4, 5)
LARGEST = 500

_BOOKS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
_PARTS = {
    2: "half",
    3: "a third",
    4: "a quarter",
    5: "a fifth",
    6: "a sixth",
    7: "a seventh",
    8: "an eighth",
    9: "a ninth",
}

AMOUNT, FACTOR, DIVISOR = range(3, 61), range(2, 6), range(2, 10)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One turn of a story: the numbers it brings in, and what is to be calculated from them.

    Args:
        numbers: The range each of `a`, `b`, `c` is drawn from.
        calculations: Pairs of operands joined by an operator. `n` is what the hero has before the move, `p`
            the previous result; the last result is what the hero has after it.
    """

    numbers: tuple[range, ...] = ()
    calculations: tuple[str, ...] = ()


MOVES = {
    "start": Move(numbers=(AMOUNT,)),
    "start_sum": Move(numbers=(AMOUNT, AMOUNT), calculations=("a + b",)),
    "start_groups": Move(numbers=(DIVISOR, range(2, 13)), calculations=("a * b",)),
    "start_groups_loose": Move(numbers=(DIVISOR, range(2, 13), AMOUNT), calculations=("a * b", "p + c")),
    "start_more": Move(numbers=(AMOUNT, AMOUNT), calculations=("a + b",)),
    "start_fewer": Move(numbers=(AMOUNT, AMOUNT), calculations=("a - b",)),
    "start_times": Move(numbers=(AMOUNT, FACTOR), calculations=("a * b",)),
    "add": Move(numbers=(AMOUNT,), calculations=("n + a",)),
    "subtract": Move(numbers=(AMOUNT,), calculations=("n - a",)),
    "multiply": Move(numbers=(FACTOR,), calculations=("n * a",)),
    "divide": Move(numbers=(DIVISOR,), calculations=("n / a",)),
    "add_groups": Move(numbers=(DIVISOR, range(2, 13)), calculations=("a * b", "n + p")),
    "subtract_groups": Move(numbers=(DIVISOR, range(2, 13)), calculations=("a * b", "n - p")),
    "ask": Move(),
    "ask_product": Move(numbers=(DIVISOR,), calculations=("n * a",)),
    "ask_share": Move(numbers=(DIVISOR,), calculations=("n / a",)),
    "together_more": Move(numbers=(AMOUNT,), calculations=("n + a", "n + p")),
    "together_fewer": Move(numbers=(AMOUNT,), calculations=("n - a", "n + p")),
    "together_times": Move(numbers=(FACTOR,), calculations=("n * a", "n + p")),
}
_OPENINGS = tuple(kind for kind in MOVES if kind.startswith("start"))
# Kinds are repeated to be told more often: the numbers drawn rarely fit a division.
_EVENTS = (
    *["add"] * 2,
    *["subtract"] * 3,
    *["multiply"] * 2,
    *["divide"] * 6,
    "add_groups",
    *["subtract_groups"] * 2,
)
_ENDINGS = (
    *["ask"] * 3,
    *["ask_share"] * 3,
    "ask_product",
    "together_more",
    "together_fewer",
    "together_times",
)


def arithmetic(
    split: Literal["train", "validation", "test"],
    *,
    count: int,
    seed: int = 0,
    levels: Sequence[int] = LEVELS,
) -> list[Problem]:
    """Generates multi-step arithmetic word problems with worked solutions.

    The set is endless and numbered, its levels taking turns, so any stretch of it is balanced and the first
    problems are the same however many are asked for. A problem of level L needs L + 1 operations out of `+ -
    * /` on integers that stay between 2 and 500. The splits share no random stream, name, thing or sentence.

    Args:
        split: Which of the three sets.
        count: How many problems.
        seed: Another seed is another set.
        levels: Which levels to keep.

    Raises:
        UsageError: The split or a level does not exist, or the count is negative.
    """
    if split not in _BOOKS:
        raise UsageError(f"arithmetic problems have no split {split!r}: choose one of {', '.join(_BOOKS)}")
    if not levels or not set(levels) <= set(LEVELS):
        raise UsageError(f"arithmetic problems have levels 1 to 5, not {list(levels)}: name one or more")
    if count < 0:
        raise UsageError(f"the number of arithmetic problems cannot be negative: {count}")
    numbers = (number for number in count_from() if _level(number) in levels)
    return [_problem(split, seed, number) for number in islice(numbers, count)]


def _level(number: int) -> int:
    return LEVELS[number % len(LEVELS)]


def _problem(split: str, seed: int, number: int) -> Problem:
    level = _level(number)
    # A stream of its own for every problem: none depends on those before it, and no two splits can meet.
    rng = random.Random(f"outthink arithmetic {split} {seed} {number}")
    story = next(filter(None, (_Story(rng, _BOOKS[split]).told(level + 1) for _ in count_from())))
    steps = [*story.steps, f"The answer is {story.value}."]
    return Problem(
        question=" ".join(story.sentences),
        id=f"arithmetic-{split}-{seed}-{number}",
        answer=str(story.value),
        solution="\n\n".join(steps),
        subject="arithmetic",
        level=str(level),
    )


class _Story:
    """A story as it is told: what the hero has, the sentences and the calculations so far."""

    def __init__(self, rng: random.Random, book: PhraseBook) -> None:
        self.value = 0
        self.sentences: list[str] = []
        self.steps: list[str] = []
        self._rng = rng
        self._book = book
        self._told: set[str] = set()
        self._words = _cast(rng, book)

    def told(self, operations: int) -> _Story | None:
        """Tells a story of so many operations; None where a number drawn on the way does not fit."""
        return self if all(self._tell(kind) for kind in _plot(self._rng, operations)) else None

    def _tell(self, kind: str) -> bool:
        move = MOVES[kind]
        numbers = {letter: _pick(self._rng, drawn) for letter, drawn in zip("abc", move.numbers, strict=False)}
        sentence = _pick(self._rng, self._book.phrases[kind])
        if sentence in self._told or not self._calculate(move, numbers):
            return False
        self._told.add(sentence)
        # A friend takes the other pronoun, so that "he" and "she" always mean the hero.
        friend = _pick(self._rng, self._book.he if self._words["he"] == "she" else self._book.she)
        self.sentences.append(sentence.format(**self._words, friend=friend, **_in_words(numbers)))
        return True

    def _calculate(self, move: Move, numbers: dict[str, int]) -> bool:
        # A move that calculates nothing brings the first number ("start") or leaves what there is ("ask").
        known = {"n": self.value, "p": numbers.get("a", self.value), **numbers}
        for calculation in move.calculations:
            left, operator, right = calculation.split()
            result = _result(known[left], operator, known[right])
            if result is None:
                return False
            self.steps.append(f"{known[left]} {operator} {known[right]} = {result}")
            known["p"] = result
        self.value = known["p"]
        return True


def _plot(rng: random.Random, operations: int) -> Iterator[str]:
    """The kinds of the moves: an opening, as many events as fit, an ending."""
    opening = _pick(rng, [kind for kind in _OPENINGS if _operations(kind) <= operations])
    left = operations - _operations(opening)
    ending = _pick(rng, [kind for kind in _ENDINGS if _operations(kind) <= left])
    left -= _operations(ending)
    yield opening
    while left:
        event = _pick(rng, [kind for kind in _EVENTS if _operations(kind) <= left])
        left -= _operations(event)
        yield event
    yield ending


def _operations(kind: str) -> int:
    return len(MOVES[kind].calculations)


def _result(left: int, operator: str, right: int) -> int | None:
    """What the operation gives, or None where that is not an integer between 2 and the largest allowed."""
    if operator == "/":
        result, rest = divmod(left, right)
    else:
        result, rest = {"+": left + right, "-": left - right, "*": left * right}[operator], 0
    return result if rest == 0 and 2 <= result <= LARGEST else None


def _cast(rng: random.Random, book: PhraseBook) -> dict[str, str]:
    name = _pick(rng, book.she + book.he)
    he, his, him = ("she", "her", "her") if name in book.she else ("he", "his", "him")
    box, boxes = _pick(rng, book.boxes)
    return {
        "name": name,
        "he": he,
        "his": his,
        "him": him,
        "He": he.capitalize(),
        "His": his.capitalize(),
        "items": _pick(rng, book.items),
        "box": box,
        "boxes": boxes,
    }


def _in_words(numbers: dict[str, int]) -> dict[str, str]:
    last = next(reversed(numbers.values()), 0)
    spoken = {"times": "twice" if last == 2 else f"{last} times", "part": _PARTS.get(last, "")}
    return spoken | {name: str(number) for name, number in numbers.items()}


def _pick(rng: random.Random, choices: Sequence[T]) -> T:
    # random() alone is promised to give the same sequence in every version of Python; choice() is not.
    return choices[int(rng.random() * len(choices))]
