# ruff: noqa: RUF001  (signs of mathematics that look like others are what this module tells apart)
r"""Arithmetic in prose as tokens: plain text, Markdown and LaTeX in one linear pass.

What cannot be part of plain arithmetic is kept as a token too (`OPAQUE`, `BREAK`, `WORD`), because what stands beside
an expression decides whether it may be judged at all.
"""

import re
import unicodedata
from enum import Enum, auto
from typing import NamedTuple

from outthink.verifiers.units import ARTICLES, SHORT_UNITS, STOPS

__all__ = ["Kind", "Token", "is_mixed_number", "is_proper_fraction", "is_variable", "tokenize"]


class Kind(Enum):
    """What a token can be in an expression."""

    NUMBER = auto()
    PERCENT = auto()
    FRACTION = auto()  # \frac
    OPEN = auto()
    CLOSE = auto()
    OPERATOR = auto()  # one of + - * / ^, or the "of" in 20% of 50
    CONTEXTUAL = auto()  # `x`, `of`, `times`, `**`: an operator only between operands; never leaves this module
    EQUAL = auto()
    WORD = auto()
    UNIT = auto()  # a unit for certain, never a variable: \text{...}, degrees
    BREAK = auto()  # the end of a clause
    OPAQUE = auto()  # mathematics that is not understood here


class Token(NamedTuple):
    """A piece of the text between two character offsets; `spaced` says that white space stands before it."""

    kind: Kind
    text: str
    start: int
    end: int
    spaced: bool

    @property
    def starts_operand(self) -> bool:
        """Whether an operand can begin here."""
        return self.kind in _STARTS

    @property
    def ends_operand(self) -> bool:
        """Whether an operand, with its unit, can end here."""
        return self.kind in _ENDS


_STARTS = frozenset({Kind.NUMBER, Kind.OPEN, Kind.FRACTION})
_ENDS = frozenset({Kind.NUMBER, Kind.CLOSE, Kind.PERCENT, Kind.WORD, Kind.UNIT})

_TOKEN = re.compile(
    r"""
    (?P<break>      ^[ \t]*(?:[0-9]{1,3}[.)]|[-*+•–])(?=[ \t])                 # a bullet or a number of a list
                  | =>|<=|>=|!=|--?> | [<>≠≤≥→⇒—]
                  | \\(?:neq?|leq?|geq?|lt|gt|to|implies|therefore|Rightarrow|rightarrow)(?![a-zA-Z]) )
  | (?P<newline>    \n | \\\\ | \\(?:begin|end)\{(?:align|aligned|equation|gather|gathered|split)\*?\} )
  | (?P<space>      [^\S\n]+ | \\[,;:!>\ ] | \\q?quad(?![a-zA-Z]) | & | (?<=[0-9])-(?=[^\W\d_]{2}) )  # 3-page
  | (?P<skip>       \\?[$] | [€£¥₹] | \\[()\[\]]
                  | \\(?:left|right|[bB]igg?[lr]?|boxed|displaystyle|mathbf)(?![a-zA-Z]) )
  | (?P<unit>       \\(?:text|textbf|textrm|mathrm|mbox)\s*\{[^{}\n0-9=]*\} | \^\s*(?:\\circ|\{\s*\\circ\s*\}) | [°¢] )
  | (?P<fraction>   \\[dt]?frac(?![a-zA-Z]) )
  | (?P<percent>    \\?% | per\ ?cent\b )
  | (?P<equal>      ==? | ≈ | \\approx(?![a-zA-Z]) | equals\b )
  | (?P<ellipsis>   \.{3} | … | \\[lc]?dots(?![a-zA-Z]) )
  | (?P<number>     (?:[0-9]{1,3}(?:(?:,|\{,\}|,\\!)[0-9]{3})+(?![0-9]) | [0-9]+)(?:\.[0-9]+)? | \.[0-9]+ )
  | (?P<opaque>     (?<=[0-9)])! | (?<=[0-9])[,:](?=[0-9]) | (?<=\s):(?=\s) | \.(?=[0-9a-z\\]) )  # 5! 3,5 3:30 3 : 4
  | (?P<contextual> \*\* | [xX](?:\b|(?=[0-9])) | of(?:\ the)?\b
                  | (?:times|plus|minus|(?:divided|multiplied)\ by)\b )
  | (?P<operator>   [-+*/^×÷−–·⋅∕⁄] | \\(?:cdot|times|div)(?![a-zA-Z]) )
  | (?P<open>       [(\[{] )
  | (?P<close>      [)\]}] )
  | (?P<word>       [^\W\d_]\w*(?:['’-][^\W\d_]\w*)* )
  | (?P<other>      \\[a-zA-Z]+ | \\. | . )
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_OPERATORS = {
    "×": "*", "·": "*", "⋅": "*", r"\cdot": "*", r"\times": "*", "÷": "/", "∕": "/", "⁄": "/", r"\div": "/",
    "−": "-", "–": "-", "x": "*", "X": "*", "times": "*", "multiplied by": "*",
    "divided by": "/", "plus": "+", "minus": "-", "**": "^",
}  # fmt: skip
_KINDS = {kind.name.lower(): kind for kind in Kind} | {"ellipsis": Kind.OPAQUE, "newline": Kind.BREAK}


def tokenize(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """Split `text[start:end]` into tokens; white space, currency signs and LaTeX's delimiters are left out.

    A line break beside an equals sign is left out as well, so that a chain may go on in the next line.
    """
    tokens: list[Token] = []
    spaced = contextual = False
    for match in _TOKEN.finditer(text, start, len(text) if end is None else end):
        group = match.lastgroup
        if group == "skip":
            continue
        if group == "space" or (group == "newline" and tokens and tokens[-1].kind is Kind.EQUAL):
            spaced = True
            continue
        if group == "equal":
            while tokens and tokens[-1].text == "\n":
                tokens.pop()
        contextual = contextual or group == "contextual"
        tokens.append(_token(group or "other", match, spaced))
        spaced = group in ("newline", "break")
    return _settle(tokens) if contextual else tokens


def is_mixed_number(tokens: list[Token], index: int) -> bool:
    r"""Whether a whole number and a proper fraction stand at `index`: `3 1/2`, `3\frac{1}{2}`."""
    if tokens[index].kind is not Kind.NUMBER or not tokens[index].text.isdecimal() or index + 1 == len(tokens):
        return False
    if tokens[index + 1].kind is Kind.FRACTION:
        return True
    return tokens[index + 1].spaced and is_proper_fraction(tokens, index + 1)


def is_proper_fraction(tokens: list[Token], index: int) -> bool:
    """Whether a fraction below one stands at `index`, as in `1/2`."""
    upper, stroke, lower = ([token.text for token in tokens[index : index + 3]] + [""] * 3)[:3]
    if stroke != "/" or not upper.isdecimal() or not lower.isdecimal():
        return False
    return len(lower) < 4 and 0 < int(upper[:4]) < int(lower)


def is_variable(token: Token) -> bool:
    """Whether a word is more likely an unknown than a unit: `x`, `ab`, and `apples` in `2apples`."""
    word = token.text.lower()
    if token.kind is not Kind.WORD or word in SHORT_UNITS:
        return False
    short = len(word) < 3 and word not in STOPS and word not in ARTICLES
    return short or not token.spaced


def _token(group: str, match: re.Match[str], spaced: bool) -> Token:
    text = match.group()
    if group == "operator":
        text = _OPERATORS.get(text, text)
    elif group == "newline":
        text = "\n"
    elif group == "contextual":
        text = text.removesuffix(" the")
    elif group == "unit":
        text = text.partition("{")[2].rstrip("}").strip() if "{" in text and text[0] == "\\" else "degree"
    elif group == "other":
        # Symbols of mathematics may change the value of what they stand beside; punctuation and pictures do not.
        symbol = text[0] in "\\@_" or unicodedata.category(text[0]) == "Sm"
        group = "opaque" if symbol and text != "|" else "break"
    return Token(_KINDS[group], text, match.start(), match.end(), spaced)


def _settle(tokens: list[Token]) -> list[Token]:
    """Decide each contextual token: an operator between operands, a word elsewhere; `**` elsewhere is Markdown."""
    settled: list[Token] = []
    for index, token in enumerate(tokens):
        if token.kind is not Kind.CONTEXTUAL:
            settled.append(token)
        elif _operates(tokens, index, settled):
            settled.append(token._replace(kind=Kind.OPERATOR, text=_OPERATORS.get(token.text, token.text)))
        elif token.text != "**":
            settled.append(token._replace(kind=Kind.WORD))
    return settled


def _operates(tokens: list[Token], index: int, before: list[Token]) -> bool:
    if not before or index + 1 == len(tokens):
        return False
    token, left, right = tokens[index], before[-1], tokens[index + 1]
    negative = right.kind is Kind.OPERATOR and right.text == "-"
    if not left.ends_operand or not (right.starts_operand or negative):
        return False
    if token.text in ("x", "X"):  # 2 x 3 and 2x3; but 2x (3) and 2x(3) are a variable
        return right.spaced if token.spaced else not right.spaced and right.kind is Kind.NUMBER
    if token.text == "of":  # 20% of 50, 1/2 of 50, 0.2 of 50; but 3 of 50 is no product
        if left.kind is Kind.NUMBER:
            return "." in left.text or (len(before) > 1 and before[-2].text == "/")
        return left.kind in (Kind.PERCENT, Kind.CLOSE)
    return True
