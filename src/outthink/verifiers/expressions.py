"""Numeric expressions read exactly: numbers, fractions, mixed numbers, percentages, powers, parentheses and units.

`read` is a recursive-descent parser over the lexer's tokens. It gives up on everything it does not know for certain
(a variable, a function, a value too large) and evaluates nothing as code; depth, digits and the size of every value
are bounded.
"""

from dataclasses import dataclass
from fractions import Fraction

from outthink.verifiers.lexer import Kind, Token, is_mixed_number, is_variable
from outthink.verifiers.units import ARTICLES, MEASURES, RATES, SCALES, STOPS, singular

__all__ = ["Expression", "read"]

MAX_DEPTH = 32  # of parentheses, signs and exponents
MAX_DIGITS = 40  # of one written number
MAX_BITS = 1024  # of any value on the way
MAX_EXPONENT = 64
MAX_TOKENS = 512  # of one expression
MAX_UNIT_WORDS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Expression:
    """A written expression and its exact value.

    Args:
        value: What it comes to.
        plain: The same with percent signs as mere units: 80 for `80%`.
        place: The unit of the last digit of a single written number (1/100 for `3.33`), None for anything else.
        percent: It has a percent sign.
        unit: It has a unit in words.
        doubtful: It may mean something else (`3 dozen`, `50 + 20%`): agreement tells, disagreement does not.
        measures: The units in it that convert into others, in the singular.
    """

    value: Fraction
    plain: Fraction
    place: Fraction | None
    percent: bool
    unit: bool
    doubtful: bool
    measures: frozenset[str]


def read(tokens: list[Token], start: int, stop: int) -> tuple[Expression, int] | None:
    """Read the longest expression that begins at token `start`, and the index of the token after it.

    Returns:
        None where no expression with a value begins, division by zero and values too large included.
    """
    if any(token.kind is Kind.PERCENT for token in tokens[start : min(stop, start + MAX_TOKENS)]):
        plain = _Parser(tokens, start, stop, percent=Fraction(1)).parse()
    else:
        plain = None
    exact = _Parser(tokens, start, stop, percent=Fraction(1, 100))
    value = exact.parse()
    if value is None:
        return None
    expression = Expression(
        value=value,
        plain=value if plain is None else plain,
        place=exact.place(start),
        percent=exact.percents > 0,
        unit=exact.unit,
        doubtful=exact.doubtful,
        measures=exact.measures,
    )
    return expression, exact.index


class _Unreadable(Exception):
    """What stands here is no expression with a known value."""


class _Parser:
    """One descent over `tokens[start:stop]`; what it meets on the way is kept in its attributes."""

    def __init__(self, tokens: list[Token], start: int, stop: int, *, percent: Fraction) -> None:
        self.tokens = tokens
        self.index = start
        self.stop = min(stop, start + MAX_TOKENS)
        self.percent = percent
        self.depth = 0
        self.percents = 0
        self.unit = False
        self.doubtful = False
        self.measures: frozenset[str] = frozenset()
        self.numbers: list[Token] = []
        self.joined = False  # a number is joined to another one

    def parse(self) -> Fraction | None:
        try:
            return self._sum()
        except (_Unreadable, ZeroDivisionError):
            return None

    def place(self, start: int) -> Fraction | None:
        """The unit of the last digit, if all that was read is one number."""
        if self.joined or len(self.numbers) != 1 or self.tokens[start].kind is Kind.OPEN:
            return None
        decimals = len(self.numbers[0].text.partition(".")[2])
        return (self.percent if self.percents else 1) / Fraction(10) ** decimals

    def _next(self, *kinds: Kind) -> Token | None:
        """The token at hand, if it is of one of these kinds."""
        if self.index < self.stop and self.tokens[self.index].kind in kinds:
            return self.tokens[self.index]
        return None

    def _take(self, *operators: str) -> str | None:
        """Read one of these operators."""
        token = self._next(Kind.OPERATOR)
        if token is None or token.text not in operators:
            return None
        self.index += 1
        return token.text

    def _expect(self, kind: Kind) -> Token:
        token = self._next(kind)
        if token is None:
            raise _Unreadable
        self.index += 1
        return token

    def _sum(self) -> Fraction:
        outer, self.measures = self.measures, frozenset()
        total, percent = self._product()
        while operator := self._take("+", "-"):
            self.joined = True
            seen, self.measures = self.measures, frozenset()
            term, is_percent = self._product()
            # 50 + 20% may mean 50.2 or 60, and 4 weeks - 3 days are 25 days.
            converts = seen and self.measures and seen != self.measures
            self.doubtful = self.doubtful or percent != is_percent or bool(converts)
            self.measures |= seen
            total = _bounded(total + term if operator == "+" else total - term)
        self.measures |= outer
        return total

    def _product(self) -> tuple[Fraction, bool]:
        """A product, and whether it is nothing but a percentage."""
        percents = self.percents
        value = self._factor()
        percent = self.percents > percents
        operator: str | None = None
        loose = False
        while True:
            previous, operator = operator, self._take("*", "/", "of")
            if operator is None and not self._multiplies():
                return value, percent
            if operator is None and previous == "/":
                raise _Unreadable  # 6/2(1 + 2) is read in two ways
            if operator == previous == "/" and loose and not self.tokens[self.index - 1].spaced:
                self.doubtful = True  # 25 / 1/3 is meant as 75
            loose = self.index < self.stop and self.tokens[self.index].spaced
            self.joined, percent = True, False
            factor = self._factor()
            value = _bounded(value / factor if operator == "/" else value * factor)

    def _multiplies(self) -> bool:
        """Whether a factor follows without a sign, as in 2(3 + 4) and (2)(3)."""
        token = self._next(Kind.OPEN, Kind.FRACTION)
        before = self.tokens[self.index - 1].kind
        return token is not None and not token.spaced and before in (Kind.NUMBER, Kind.CLOSE)

    def _factor(self) -> Fraction:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Unreadable
        value = -self._factor() if self._take("-") else self._power()
        self.depth -= 1
        return value

    def _power(self) -> Fraction:
        base = self._primary()
        if self._take("^") is None:
            return base
        self.joined = True
        exponent = self._factor()
        if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
            raise _Unreadable
        if _bits(base) * abs(exponent.numerator) > MAX_BITS:
            raise _Unreadable
        return base**exponent.numerator

    def _primary(self) -> Fraction:
        if self._next(Kind.FRACTION):
            value = self._fraction()
        elif self._next(Kind.OPEN):
            value = self._group()
        else:
            value = self._number()
        if self._next(Kind.PERCENT):
            self.index += 1
            self.percents += 1
            value *= self.percent
        self._unit()
        return value

    def _number(self) -> Fraction:
        value = self._literal()
        if not is_mixed_number(self.tokens, self.index - 1):
            return value
        if self._next(Kind.FRACTION):
            part = self._fraction()
            if not 0 < part < 1:
                raise _Unreadable  # 2\frac{3}{2} is read in two ways
            return value + part
        self.joined = True
        upper = self._literal()
        self._expect(Kind.OPERATOR)
        return value + upper / self._literal()

    def _literal(self) -> Fraction:
        token = self._expect(Kind.NUMBER)
        self.numbers.append(token)
        digits = "".join(character for character in token.text if character in "0123456789.")
        if len(digits) > MAX_DIGITS:
            raise _Unreadable
        whole, _, decimals = digits.partition(".")
        return Fraction(int(whole + decimals), 10 ** len(decimals))

    def _fraction(self) -> Fraction:
        self._expect(Kind.FRACTION)
        self.joined = True
        token = self._next(Kind.NUMBER)
        if token is None:
            upper = self._group()
            return _bounded(upper / self._group())
        self.index += 1
        if len(token.text) != 2 or not token.text.isdecimal():
            raise _Unreadable
        return Fraction(int(token.text[0]), int(token.text[1]))

    def _group(self) -> Fraction:
        self._expect(Kind.OPEN)
        value = self._sum()
        self._expect(Kind.CLOSE)
        return value

    def _unit(self) -> None:
        """Pass over the unit of what was just read: `km`, `cups of flour`, `slices per pizza`, `m^2`, `/hour`."""
        rate = False  # the hour in "pages an hour" converts nothing
        for count in range(MAX_UNIT_WORDS):
            stroke = self._stroke()
            token = self._next(Kind.WORD, Kind.UNIT)
            word = token.text.lower() if token else ""
            if token is None or (word in STOPS and not (word == "of" and count > 0)):
                return
            known = stroke and count > 0  # the h in km/h, but not the y in 24/y
            if not known and is_variable(token._replace(spaced=token.spaced or stroke)):
                raise _Unreadable
            self.index += 1
            if word in ARTICLES and self._next(Kind.WORD) is None:
                raise _Unreadable  # a variable that looks like an article
            rate = rate or stroke or (word in RATES and count > 0)
            self._note(singular(word), rate=rate)
            if count == 0:
                self._unit_power()

    def _stroke(self) -> bool:
        """Pass over the stroke in `12/hour`."""
        pair = self.tokens[self.index : min(self.index + 2, self.stop)]
        if [token.kind for token in pair] != [Kind.OPERATOR, Kind.WORD]:
            return False
        stroke, word = pair
        if stroke.text != "/" or stroke.spaced or word.spaced:
            return False
        self.index += 1
        return True

    def _unit_power(self) -> None:
        ahead = self.tokens[self.index : min(self.index + 2, self.stop)]
        if [token.text for token in ahead] in (["^", "2"], ["^", "3"]):
            self.index += 2

    def _note(self, word: str, *, rate: bool) -> None:
        self.unit = True
        self.doubtful = self.doubtful or word in SCALES
        if word in MEASURES and not rate:
            self.measures |= {word}


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > MAX_BITS:
        raise _Unreadable
    return value
