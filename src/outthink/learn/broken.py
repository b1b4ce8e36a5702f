"""Broken solutions: worked ones into which a mistake is put, so that it is known from which step on they are wrong.

A sampled mistake has to be found by rollouts, which take a model's time; one that is made on purpose costs nothing.
Most broken solutions end with their mistake: what comes after it is wrong too, and teaches less than another mistake.
Those of one problem share all that is right, and are read together.
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
_NEAR = (1, 2, 5, 9, 10, 11, 20, 100)
"""By how much results are off, where they are off by some."""

_CONTINUED = 0.25
"""Share of the wrong calculations after which it goes on, so that what follows on a mistake is known to be wrong."""

_TRIES = 20
"""As often as a mistake is looked for that can be made in a solution: not every kind can be made in every step."""


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
    if not any(_EQUATION.search(step) for step in steps):
        return
    rng = Random(f"{seed} {problem}")
    for _ in range(times):
        made = next((found for _ in range(_TRIES) if (found := _mistake(question, steps, rng)) is not None), None)
        if made is not None:
            place, written = made
            yield _labelled(problem, question, written, place)


def _labelled(problem: str, question: str, steps: Sequence[str], right: int) -> Labelled:
    labels = tuple(int(place < right) for place in range(len(steps)))
    return Labelled(problem=problem, question=question, steps=tuple(steps), labels=labels, correct=right == len(steps))


def _mistake(question: str, steps: Sequence[str], rng: Random) -> tuple[int, list[str]] | None:
    """A place and the steps with a mistake there; None if this one cannot be made."""
    kind = rng.choices(list(_KINDS), list(_KINDS.values()))[0]
    place = rng.randrange(len(steps))
    wrong = kind(question, steps, place, rng)
    return None if wrong is None or wrong[0] == steps[place] else (place, [*steps[:place], *wrong])


def _result(question: str, steps: Sequence[str], place: int, rng: Random) -> list[str] | None:
    """A calculation comes out wrong."""
    found = _last_equation(steps[place])
    if found is None:
        return None
    left, _, result = _numbers(found)
    return _calculated(steps, place, found, left, found[3], _off(result, rng), rng)


def _operand(question: str, steps: Sequence[str], place: int, rng: Random) -> list[str] | None:
    """A right calculation with a number that does not belong there."""
    found = _last_equation(steps[place])
    if found is None:
        return None
    left, right, _ = _numbers(found)
    said = [int(number) for text in (question, *steps[:place]) for number in _NUMBER.findall(text)]
    other = rng.choice([number for number in said if number != left] or [left])
    result = _OPERATIONS[found[3]](other, right)
    return None if result is None else _calculated(steps, place, found, other, found[3], result, rng)


def _operation(question: str, steps: Sequence[str], place: int, rng: Random) -> list[str] | None:
    """A right calculation that should have been another."""
    found = _last_equation(steps[place])
    if found is None:
        return None
    left, right, _ = _numbers(found)
    operator = rng.choice([each for each in _OPERATIONS if each != found[3]])
    result = _OPERATIONS[operator](left, right)
    return None if result is None else _calculated(steps, place, found, left, operator, result, rng)


def _skipped(question: str, steps: Sequence[str], place: int, rng: Random) -> list[str] | None:
    """A step is left out; the next one calculates with what there was before it."""
    left_out = _last_equation(steps[place])
    found = _last_equation(steps[place + 1]) if place + 1 < len(steps) else None
    if left_out is None or found is None:
        return None
    before, beside, missed = _numbers(left_out)
    *asked, known = _numbers(found)
    instead = rng.choice((before, beside))
    left, right = (instead if number == missed else number for number in asked)
    result = _OPERATIONS[found[3]](left, right)
    if result is None or result == known or missed not in asked:
        return None
    return [_with(steps[place + 1], found, left, found[3], right, result)]


def _ended(question: str, steps: Sequence[str], place: int, rng: Random) -> list[str] | None:
    """The solution ends too soon, or with a number that is not its answer."""
    results = [found[7] for step in steps[:place] if (found := _last_equation(step)) is not None]
    numbers = _NUMBER.findall(steps[-1])
    others = [number for number in results if number not in numbers]
    if len(numbers) != 1 or not others or _EQUATION.search(steps[-1]):
        return None
    return [_NUMBER.sub(others[-1] if place < len(steps) - 1 else rng.choice(others), steps[-1])]


_KINDS = {_result: 0.55, _operand: 0.1, _operation: 0.1, _skipped: 0.15, _ended: 0.1}
"""What mistakes there are, and how often: mostly those that policies make."""


def _numbers(found: re.Match[str]) -> tuple[int, int, int]:
    """What is calculated with, and what comes out."""
    return int(found[1]), int(found[5]), int(found[7])


def _last_equation(step: str) -> re.Match[str] | None:
    return next(reversed(list(_EQUATION.finditer(step))), None)


def _calculated(
    steps: Sequence[str], place: int, found: re.Match[str], left: int, operator: str, result: int, rng: Random
) -> list[str]:
    """A step with another calculation, and sometimes what follows from what came out."""
    _, right, known = _numbers(found)
    mistake = _with(steps[place], found, left, operator, right, result)
    if rng.random() >= _CONTINUED:
        return [mistake]
    return [mistake, *_followed(steps[place + 1 :], {known: result}, rng)]


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
            text += _replaced(step[end : found.start()], now) + _written(found, left, found[3], right, result)
            end = found.end()
            if result != int(found[7]):
                now[int(found[7])] = result
        yield text + _replaced(step[end:], now)


def _replaced(text: str, now: Mapping[int, int]) -> str:
    return _NUMBER.sub(lambda number: str(now.get(int(number[0]), number[0])), text)


def _with(step: str, found: re.Match[str], left: int, operator: str, right: int, result: int) -> str:
    """A step with another calculation in the place of one."""
    return step[: found.start()] + _written(found, left, operator, right, result) + step[found.end() :]


def _written(found: re.Match[str], left: int, operator: str, right: int, result: int) -> str:
    return f"{left}{found[2]}{operator}{found[4]}{right}{found[6]}{result}"
