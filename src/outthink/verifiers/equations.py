"""The arithmetic equalities in a step of a solution, found in free text and checked exactly.

What is judged is what is certain: an equality between two numeric expressions. An unknown, a name, a function or a
symbol beside it makes it none of our business; silence is always preferred to a wrong verdict. The numbers decide;
whether units agree is not checked.

- `2*3 = 6 + 1 = 7` says that all three are equal, and is wrong.
- A decimal may be the exact value correctly rounded (`10 / 3 = 3.33`, not 3.34); after `≈` its last digit may be off
  by one, and trailing zeros of a whole number count as rounded away (`199 ≈ 200`).
- Where the numbers differ but a conversion, a percentage or a word may explain it (`60 minutes = 1 hour`,
  `20% = 10 apples`, `3 dozen + 1 = 37`), nothing is said.
- An expression without a value (`1/0`), or too large to be worked out, is not checked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from outthink.verifiers.expressions import Expression, read
from outthink.verifiers.lexer import Kind, Token, is_mixed_number, is_proper_fraction, is_variable, tokenize
from outthink.verifiers.units import LEADS

__all__ = ["Equality", "check_step", "equalities"]

MAX_CHARACTERS = 16_384

_MARK = re.compile(r"<<[^<>\n]*>>")  # GSM8K's calculator marks: 48/2 = <<48/2=24>>24
_APPROXIMATE = frozenset({"≈", r"\approx"})
_ELLIPSES = frozenset({"...", "…", r"\dots", r"\ldots", r"\cdots"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Equality:
    """One equality that could be checked: `text[start:end]`, and whether it holds."""

    start: int
    end: int
    holds: bool


def check_step(text: str) -> float:
    """Judge the arithmetic in a step.

    Returns:
        1.0 if every equality that can be checked holds, 0.0 if any is wrong, 0.5 if there is none.
    """
    found = equalities(text)
    return 0.5 if not found else float(all(equality.holds for equality in found))


def equalities(text: str) -> list[Equality]:
    """Find the equalities that can be checked, in reading order, one for each equals sign.

    Of a text longer than 16,384 characters, only the whole lines before that point are read.
    """
    if len(text) > MAX_CHARACTERS:
        text = text[: text.rfind("\n", 0, MAX_CHARACTERS) + 1]
    marks = list(_MARK.finditer(text))
    outside = _MARK.sub(lambda mark: " " * len(mark.group()), text)
    found = [equality for clause in _clauses(tokenize(outside)) for equality in _check(clause)]
    for mark in marks:
        for clause in _clauses(tokenize(text, mark.start() + 2, mark.end() - 2)):
            found.extend(_check(clause))
    return sorted(found, key=lambda equality: equality.start)


def _clauses(tokens: list[Token]) -> Iterator[list[Token]]:
    """The stretches between breaks that hold an equals sign."""
    clause: list[Token] = []
    for token in tokens:
        if token.kind is not Kind.BREAK:
            clause.append(token)
            continue
        if any(part.kind is Kind.EQUAL for part in clause):
            yield clause
        clause = []
    if any(part.kind is Kind.EQUAL for part in clause):
        yield clause


@dataclass(frozen=True, kw_only=True, slots=True)
class _Side:
    """An expression beside an equals sign: tokens `start` to `stop`; `endless` if dots follow its digits."""

    expression: Expression
    start: int
    stop: int
    led: bool = False
    endless: bool = False


def _check(tokens: list[Token]) -> Iterator[Equality]:
    """Check one clause: each equals sign against the sides next to it, and against the first side of its chain."""
    signs = [index for index, token in enumerate(tokens) if token.kind is Kind.EQUAL]
    bounds = [-1, *signs, len(tokens)]
    left, first = _left_side(tokens, 0, signs[0]), None
    for position, sign in enumerate(signs):
        start, stop = sign + 1, bounds[position + 2]
        right = _right_side(tokens, start, stop)
        holds = None
        if left is not None and right is not None:
            approximate = tokens[sign].text in _APPROXIMATE
            holds = _agree(left, right, approximate=approximate, chained=first is not None)
            if holds is False and first is not None:
                holds = _agree(first, right, approximate=approximate, chained=True)
        if holds is not None and left is not None and right is not None:
            yield Equality(start=tokens[left.start].start, end=tokens[right.stop - 1].end, holds=holds)
        if right is not None and right.stop == stop:
            first = first or left
            left = right
        else:
            left, first = _left_side(tokens, start, stop), None


def _right_side(tokens: list[Token], start: int, stop: int) -> _Side | None:
    """The expression right after an equals sign, if what follows it leaves its value alone."""
    result = read(tokens, start, stop)
    if result is None:
        return None
    expression, end = result
    # "= 1/3 of 150" may only name a part of the 150.
    led = any(token.kind is Kind.OPERATOR and token.text == "of" for token in tokens[start:end])
    side = _Side(expression=expression, start=start, stop=end, led=led)
    if end == stop:
        return side
    after = tokens[end]
    if after.text in _ELLIPSES:
        percent = end + 1 < stop and tokens[end + 1].kind is Kind.PERCENT
        return None if percent or after.spaced or expression.place is None else replace(side, endless=True)
    if after.text == "and" and is_proper_fraction(tokens, end + 1):
        return None  # 4 / 3 = 1 and 1/3
    follows = after.kind in (Kind.WORD, Kind.UNIT, Kind.CLOSE) or (after.kind is Kind.OPEN and after.spaced)
    return side if follows else None


def _left_side(tokens: list[Token], low: int, stop: int) -> _Side | None:
    """The expression that ends right before an equals sign, if what precedes it leaves its value alone."""
    start = _left_start(tokens, low, stop)
    result = read(tokens, start, stop)
    if result is None or result[1] != stop:
        return None
    expression = result[0]
    before = tokens[start - 1] if start > low else None
    if before is None or before.kind is Kind.OPEN:
        return _Side(expression=expression, start=start, stop=stop)
    function = tokens[start].kind is Kind.OPEN and not tokens[start].spaced
    if before.kind not in (Kind.WORD, Kind.UNIT, Kind.CLOSE) or function or expression.place is not None:
        return None
    if before.kind is Kind.WORD and is_variable(before._replace(spaced=True)):
        return None
    led = before.kind is Kind.CLOSE or _leads(tokens[low:start])
    return _Side(expression=expression, start=start, stop=stop, led=led)


def _leads(words: list[Token]) -> bool:
    """Whether a phrase lets a number be less than the whole of what is said."""
    last = words[-1]
    earlier = words[-2] if len(words) > 1 else last
    if last.text == "and":
        return earlier.kind is Kind.NUMBER  # 1 and 1/4
    return (earlier if last.text == "of" else last).text.lower() in LEADS


def _left_start(tokens: list[Token], low: int, stop: int) -> int:
    """Where the expression that ends at `stop` must begin: walk back until two tokens stand side by side unjoined."""
    depth = 0
    for index in range(stop - 1, low - 1, -1):
        if tokens[index].kind is Kind.CLOSE:
            depth += 1
        elif tokens[index].kind is Kind.OPEN:
            if depth == 0:
                return index + 1
            depth -= 1
        if depth == 0 and index > low and _apart(tokens, index):
            return index
    return low


def _apart(tokens: list[Token], index: int) -> bool:
    """Whether an operand begins at `index` that has nothing to do with the token before it."""
    token, before = tokens[index], tokens[index - 1]
    if token.kind is Kind.OPERATOR:  # the -3 in "the sum is -3 + 5"
        signed = token.text == "-" and token.spaced and not tokens[min(index + 1, len(tokens) - 1)].spaced
        return signed and before.kind in (Kind.WORD, Kind.UNIT)
    if not token.starts_operand or before.kind in (Kind.OPERATOR, Kind.OPEN):
        return False
    if before.kind is Kind.NUMBER and is_mixed_number(tokens, index - 1):
        return False
    if before.kind in (Kind.NUMBER, Kind.CLOSE) and token.kind is not Kind.NUMBER:
        return token.spaced
    # The two groups of a LaTeX fraction follow its command at once.
    return before.kind is not Kind.FRACTION


def _agree(left: _Side, right: _Side, *, approximate: bool, chained: bool) -> bool | None:
    """Whether two sides are equal; None where they differ for a reason that may be a good one."""
    one, other = left.expression, right.expression
    loose = approximate or right.endless
    if abs(one.value - other.value) <= max(_tolerance(one, loose=loose), _tolerance(other, loose=loose)):
        return True
    literal, result = (one, other) if one.percent else (other, one)
    late = literal.percent and literal.place is not None and not result.percent and result.place is None
    if late and abs(literal.plain - result.value) <= 100 * _tolerance(literal, loose=loose):
        return True  # 5 / 20 * 100 = 25%: the sign comes with the result
    excused = _excused(left, right, chained=chained) or (approximate and one.place is None and other.place is None)
    return None if excused else False


def _tolerance(side: Expression, *, loose: bool) -> Fraction:
    """How far an expression may be from the exact value, by the digits it was written with."""
    place = side.place
    if place is None:
        return Fraction(0)
    if not loose:
        return place / 2 if place < 1 else Fraction(0)
    while side.value != 0 and side.value % (10 * place) == 0:
        place *= 10
    return place


def _excused(left: _Side, right: _Side, *, chained: bool) -> bool:
    """Whether more than the arithmetic may lie between two sides that differ."""
    one, other = left.expression, right.expression
    percent = one.percent or other.percent
    if left.led or right.led or one.doubtful or other.doubtful:
        return True
    if one.place is not None and (one.unit or one.percent):  # 1 hour = 60 * 60 seconds
        return True
    single = one.place is not None and other.place is not None
    if single and (other.unit or percent or not chained):  # 20% = 10 apples, and the 0 = 12 of a contradiction
        return True
    if percent and one.plain == other.plain:  # 100% - 20 = 80%
        return True
    return _converts(one, other)


def _converts(one: Expression, other: Expression) -> bool:
    """Whether a change of unit may lie between two sides: minutes and hours, cents and dollars, percent and parts."""
    measures = one.measures | other.measures
    if len(measures) > 1 and (not other.measures or not other.measures <= one.measures):
        return True
    if not (one.percent or other.percent or "cent" in measures):
        return False
    near, far = _tolerance(one, loose=False), _tolerance(other, loose=False)
    return abs(100 * one.value - other.value) <= max(100 * near, far) or abs(one.value - 100 * other.value) <= max(
        near, 100 * far
    )
