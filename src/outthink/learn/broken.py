"""Broken solutions: worked ones into which a mistake is put, so that it is known from which step on they are wrong.

A sampled mistake has to be found by rollouts, which take a model's time; one that is made on purpose costs nothing.
What follows on it is calculated on from the wrong number, as a model would. A reward model that has learnt on these
what a wrong calculation looks like needs fewer rollouts to learn which mistakes its policy makes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from outthink.checks import at_least
from outthink.learn.labels import Labelled

__all__ = ["broken"]

# A calculation with whole numbers, as worked solutions write it: "24 + 31 = 55", "5*10=50".
_EQUATION = re.compile(r"(?<![\d.])(\d+)( ?)([-+*/])( ?)(\d+)( ?= ?)(\d+)(?![\d.]*\d)")
_NUMBER = re.compile(r"\d+")
_OPERATIONS: Mapping[str, Callable[[int, int], int | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b if a >= b else None,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b if b and a % b == 0 else None,
}
# How a model is off: by some, in a digit, by a factor. A quarter of the mistakes are right sums of wrong numbers.
_NEAR = (1, 2, 5, 9, 10, 11, 20, 100)
_WRONG_OPERAND = 0.25


def broken(problem: str, question: str, steps: Sequence[str], *, times: int, seed: int) -> Iterator[Labelled]:
    """A worked solution, and as many broken ones, each with one mistake; none if nothing is calculated in it.

    Args:
        problem: the problem's id.
        question: as asked; wrong numbers are taken from it.
        steps: of the worked solution, all right.
        times: broken solutions.
        seed: another seed makes other mistakes.

    Raises:
        UsageError: `times` is negative.
    """
    at_least(0, times=times)
    yield _labelled(problem, question, steps, len(steps))
    places = [place for place, step in enumerate(steps) if _EQUATION.search(step)]
    rng = Random(f"{seed} {problem}")
    for _ in range(times if places else 0):
        place = rng.choice(places)
        yield _labelled(problem, question, _break(question, steps, place, rng), place)


def _labelled(problem: str, question: str, steps: Sequence[str], right: int) -> Labelled:
    labels = tuple(int(place < right) for place in range(len(steps)))
    return Labelled(problem=problem, question=question, steps=tuple(steps), labels=labels, correct=right == len(steps))


def _break(question: str, steps: Sequence[str], place: int, rng: Random) -> list[str]:
    """The steps with a mistake in one, and what follows calculated on from it."""
    found = list(_EQUATION.finditer(steps[place]))[-1]
    left, operator, right, result = int(found[1]), found[3], int(found[5]), int(found[7])
    said = [int(number) for text in (question, *steps[:place]) for number in _NUMBER.findall(text)]
    wrong = None
    if rng.random() < _WRONG_OPERAND:
        left = rng.choice([number for number in said if number != left] or [left])
        wrong = _OPERATIONS[operator](left, right)
    if wrong is None or wrong == result:
        left, wrong = int(found[1]), _off(result, rng)
    mistake = steps[place][: found.start()] + _written(found, left, right, wrong) + steps[place][found.end() :]
    return [*steps[:place], mistake, *_followed(steps[place + 1 :], {result: wrong}, rng)]


def _off(result: int, rng: Random) -> int:
    """A number that is not the result, but might be taken for it."""
    while True:
        kind = rng.random()
        digits = list(str(result))
        if kind < 0.4:
            number = result + rng.choice((-1, 1)) * rng.choice(_NEAR)
        elif kind < 0.8:
            digits[rng.randrange(len(digits))] = str(rng.randrange(10))
            number = int("".join(digits))
        else:
            number = rng.randrange(max(1, result // 2), 2 * result + 3)
        if number > 0 and number != result:
            return number


def _followed(steps: Sequence[str], known: Mapping[int, int], rng: Random) -> Iterator[str]:
    """Steps in which numbers that came out wrong stand as they came out, and are calculated with."""
    now = dict(known)
    for step in steps:
        text, end = "", 0
        for found in _EQUATION.finditer(step):
            left, right, result = (now.get(int(found[group]), int(found[group])) for group in (1, 5, 7))
            result = _OPERATIONS[found[3]](left, right) or _off(int(found[7]), rng)
            text += _replaced(step[end : found.start()], now) + _written(found, left, right, result)
            end = found.end()
            if result != int(found[7]):
                now[int(found[7])] = result
        yield text + _replaced(step[end:], now)


def _replaced(text: str, now: Mapping[int, int]) -> str:
    return _NUMBER.sub(lambda number: str(now.get(int(number[0]), number[0])), text)


def _written(found: re.Match[str], left: int, right: int, result: int) -> str:
    return f"{left}{found[2]}{found[3]}{found[4]}{right}{found[6]}{result}"
