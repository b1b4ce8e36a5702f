r"""The answer in a solution, and the key under which its spellings are counted as one.

Both functions are pure, take time linear in a solution and bounded in an answer, and never evaluate anything:
an answer that says `9**9**9**9` is a string like any other. Whether two differently written expressions are
equal is a question for algebra, answered in `outthink.grade`.
"""

import re
from fractions import Fraction

__all__ = ["canonical", "extract_answer", "is_number", "is_words"]

MAX_LENGTH = 2000
"""Longer answers, in characters, are keyed as they stand: no two agree, and they must cost nothing."""

_MAX_DIGITS = 1000
_MAX_ROUNDS = 20  # an answer wrapped more often than this is no answer

# Words behind a number that change its value or make it part of something else: other words are units.
_NOT_UNITS = frozenset(
    """and or to than more less times by plus minus over out of from if mod am pm a.m p.m half halves third
    thirds quarter quarters tenths hundredths dozen hundred thousand million billion trillion pi sin cos tan
    sec csc cot log ln exp sqrt""".split()  # noqa: SIM905
)

_DIGITS = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
_UNIT_WORD = r"[A-Za-z]+(?:\^?[0-9])?"
_NUMBER = re.compile(
    rf"""(?P<sign>[+-]?)\ ?
    (?: (?:(?P<whole>[0-9]+)\ )? (?P<over>[+-]?{_DIGITS})\ ?/\ ?(?P<under>[+-]?{_DIGITS})
      | (?P<decimal>{_DIGITS}(?:[eE][+-]?[0-9]{{1,3}})?) )
    \ ?%?
    (?P<unit> \ ?\^?\\circ\ ?[CF]?
      | (?:\\?[ ~]|\\[,;:])?\\(?:text|textrm|mathrm|mbox)\ ?\{{[^{{}}]*\}}\ ?(?:\^\{{?[0-9]\}}?)?
      | \ (?=[A-Za-z]{{2}}){_UNIT_WORD}(?:[ /.-]{_UNIT_WORD}){{0,5}} )?""",
    re.VERBOSE,
)
_NUMBER_KEY = re.compile(r"-?[0-9]+(?:/[0-9]+)?")
_INTEGER = re.compile(r"-?[1-9][0-9]{0,17}|0")
_WORDS_KEY = re.compile(r"(?=.*[A-Za-z]{4})[A-Za-z][A-Za-z,'-]*")
_WORDS = re.compile(r"[A-Za-z][A-Za-z ,'-]*[A-Za-z]")

_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)")
_SPELLINGS = {
    **{rf"\{name}": r"\frac" for name in ("dfrac", "tfrac", "cfrac")},
    **{rf"\{name}": "" for name in ("$", "displaystyle", "left", "right", "big", "Big", "bigl", "bigr")},
    **{rf"\{name}": " " for name in ("!", ",", ";", ":", " ", "(", ")", "[", "]", "quad", "qquad")},
    r"\%": "%",
    r"\leq": r"\le",
    r"\geq": r"\ge",
    r"\neq": r"\ne",
    r"\degree": r"^\circ",
    r"\times": r"\cdot",
}
_CHARACTERS = str.maketrans(
    {
        "\N{MINUS SIGN}": "-",
        "\N{EN DASH}": "-",
        "\N{DIVISION SIGN}": "/",
        "\N{MULTIPLICATION SIGN}": r"\cdot ",
        "\N{MIDDLE DOT}": r"\cdot ",
        "\N{DEGREE SIGN}": r"^\circ ",
        "≤": r"\le ",
        "≥": r"\ge ",
        "≠": r"\ne ",
        "π": r"\pi ",
        "∞": r"\infty ",
        "²": "^2",
        "³": "^3",
        "~": " ",
    }
    | dict.fromkeys("$€£¥", "")
)
_THOUSANDS = re.compile(r"(?<=[0-9])(?:\\[,!;: ]|\{,\})(?=[0-9]{3}(?![0-9]))")
_WRAPPED = re.compile(r"\\(?:text(?:bf|it|rm)?|math(?:rm|bf|it)|mbox|boxed|fbox|emph) ?\{([^{}]*)\}")
_BARE_FRACTION = re.compile(r"\\frac ?(?:([0-9A-Za-z])|(\{[^{}]*\})) ?(?:([0-9A-Za-z])|(\{[^{}]*\}))")
_BARE_ROOT = re.compile(r"\\sqrt ?([0-9A-Za-z])")
_BRACED_SCRIPT = re.compile(r"([\^_])\{ ?([0-9A-Za-z]|\\[A-Za-z]+) ?\}")
_NUMERIC_FRACTION = re.compile(rf"\\frac ?\{{ ?([+-]? ?{_DIGITS}) ?\}} ?\{{ ?([+-]? ?{_DIGITS}) ?\}}")
_CONJUNCTION = re.compile(r",? (?:and|or) ")
_ARITHMETIC = re.compile(r"[0-9+*/(). =-]+")
_NAME = re.compile(r"\\?[A-Za-z]+(?:\([A-Za-z]\))? ?")
_MEMBER = re.compile(r"[A-Za-z] ?\\in(?![A-Za-z])")
_LONE = re.compile(r"\(([A-Za-z]|-?[0-9.]+)\)")
# A space says nothing in LaTeX, except between digits and between a command and a letter.
_SPACE = re.compile(r"(\\[A-Za-z]+ (?=[A-Za-z])|[0-9] (?=[0-9]))| ")


def canonical(answer: str) -> str:
    r"""The key under which an answer is counted: one spelling for all plain spellings of the same answer.

    A number becomes an exact integer or fraction: `1,234.0`, `$1234`, `1234 apples` are `1234`; `0.5`,
    `\dfrac12`, `1/2` and `\frac{1}{2}` are `1/2`; a percent sign is a unit like any other, so `50\%` is `50`.
    Numbers of more than a thousand digits stay strings, and nothing is evaluated. Everything else becomes
    LaTeX without its typography: no sizes, idle spaces, `\text{}`, closing full stop or leading `x =`; words
    become lower case. `canonical(canonical(answer)) == canonical(answer)`.
    """
    if _INTEGER.fullmatch(answer):
        return answer
    written = text = " ".join(answer.split())
    for _ in range(_MAX_ROUNDS):
        if len(text) > MAX_LENGTH:
            break
        number = _number(text)
        if number is not None:
            return str(number)
        # Spaces tell a unit from a factor ("5 cm", "5c"), so they go only when nothing else is left to do.
        simpler = _simplify(text)
        if simpler == text:
            simpler = _SPACE.sub(lambda match: match[1] or "", text)
        if simpler == text:
            return text
        text = simpler
    return written


def is_number(key: str) -> bool:
    """Whether a canonical key is a plain number; two of them are equal only if they are the same string."""
    return _NUMBER_KEY.fullmatch(key) is not None


def is_words(key: str) -> bool:
    """Whether a canonical key is prose. Algebra would read "listen" and "silent" as the same product."""
    return _WORDS_KEY.fullmatch(key) is not None


def _number(text: str) -> Fraction | None:
    """The value of a plainly written number, with or without a unit."""
    match = _NUMBER.fullmatch(_NUMERIC_FRACTION.sub(r" \1/\2", text).strip())
    if match is None or len(text) > _MAX_DIGITS or not _is_unit(match["unit"] or ""):
        return None
    if match["decimal"]:
        value = Fraction(_digits(match["decimal"]))
    else:
        under = Fraction(_digits(match["under"]))
        if not under:
            return None
        value = Fraction(match["whole"] or 0) + Fraction(_digits(match["over"])) / under
    return -value if match["sign"] == "-" else value


def _digits(text: str) -> str:
    return text.replace(",", "").replace(" ", "").rstrip(".")


def _is_unit(text: str) -> bool:
    return _NOT_UNITS.isdisjoint(re.findall(r"[a-z]\.m|[a-z]+", text.lower()))


def _simplify(text: str) -> str:
    """One round of rewriting; `canonical` repeats it until nothing changes. No rule undoes another."""
    text = _COMMAND.sub(lambda match: _SPELLINGS.get(match[0], match[0]), _THOUSANDS.sub("", text))
    text = text.translate(_CHARACTERS)
    text = _WRAPPED.sub(r" \1 ", text)
    text = _BARE_FRACTION.sub(_braced_fraction, text)
    text = _BARE_ROOT.sub(r"\\sqrt{\1}", text)
    text = _BRACED_SCRIPT.sub(r"\1\2", text)
    text = _CONJUNCTION.sub(", ", text)
    text = _unwrapped(" ".join(text.split()).strip(" *`").lstrip(",;: ").rstrip(",;: "))
    if text.endswith(".") and not text.endswith(".."):
        text = text[:-1]
    text = _right_side(text)
    return text.lower() if _WORDS.fullmatch(text) else text


def _braced_fraction(match: re.Match[str]) -> str:
    over, under = match[1], match[3]
    return rf"\frac{f'{{{over}}}' if over else match[2]}{f'{{{under}}}' if under else match[4]}"


def _unwrapped(text: str) -> str:
    """`text` without braces around the whole of it, or parentheses around a lone letter or number."""
    if lone := _LONE.fullmatch(text):
        return lone[1]
    if not (text.startswith("{") and text.endswith("}")):
        return text
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return text[1:-1] if match.end() == len(text) else text
    return text


def _right_side(text: str) -> str:
    """What follows `x =`, `f(x) =`, `x \\in` or arithmetic spelled out before its result."""
    left, equals, right = text.rpartition("=")
    if equals and right.strip() and (_NAME.fullmatch(left) or _ARITHMETIC.fullmatch(left)):
        return right.strip()
    member = _MEMBER.match(text)
    return text[member.end() :].strip() or text if member else text


_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])")
_BOX_TOKEN = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*|\\.|[{}]", re.DOTALL)
_BARE_BOX = re.compile(r"[^\s{}$\\]+|\\[A-Za-z]+")
# What models trained on Math-Shepherd's data (arXiv 2312.08935) write at the end of each step.
_STEP_MARK = "ки"
_PHRASE = re.compile(r"\banswers?\b[*_ ]*(?:is|was|are|:|=)[ \t:=*_]*", re.IGNORECASE)
_HASHES = re.compile(r"####[ \t]*([-+$]{0,2}[0-9.,/]*[0-9]%?)[ \t.]*$", re.MULTILINE)
_RUNNING_NUMBER = re.compile(
    r"(?<![\w.])(?:-(?=[$.\\]?[0-9f]))?(?:\\frac\{[0-9]+\}\{[0-9]+\}"
    r"|\$?(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?:/[0-9]+)?)"
)
_PROSE = re.compile(r"[A-Za-z]{2,}(?=[ ,])")
_WORD_AFTER = re.compile(r"%?(?:[,;]?\s+([A-Za-z.]{2,})|[.,;!]*\s*$)")


def extract_answer(text: str) -> str | None:
    r"""The final answer of a solution, as written, or None when it states none.

    The first of these that the text holds, and of several the last: a closed, non-empty `\boxed{...}` or
    `\fbox{...}` (also `\boxed 5`); what follows "answer is" or "answer:", up to the end of the sentence; a
    number alone on its line behind GSM8K's `####`; any number. A box is the convention models are asked for and
    the most explicit; a bare number is what remains when a model forgets every convention.
    """
    return _boxed(text) or _phrased(text) or _last(_HASHES, text, 1) or _last(_RUNNING_NUMBER, text, 0)


def _last(pattern: re.Pattern[str], text: str, group: int) -> str | None:
    found = None
    for match in pattern.finditer(text):
        found = match[group]
    return found


def _boxed(text: str) -> str | None:
    """The content of the box that opens last among those that close."""
    best: tuple[int, str] | None = None
    opened: list[int | None] = []  # for every open brace, where its box's content starts, if a box opened it
    box_at: int | None = None
    first = _BOX.search(text)
    for token in _BOX_TOKEN.finditer(text, first.start()) if first else ():
        if token[0] == "{":
            opened.append(token.end() if token.start() == box_at else None)
        elif token[0] == "}" and opened:
            start = opened.pop()
            if start is not None and (best is None or start > best[0]):
                content = text[start : token.start()].strip()
                best = (start, content) if content else best
        elif token[0].startswith((r"\boxed", r"\fbox")):
            box_at = token.end()
            if bare := _BARE_BOX.match(text, box_at):
                best = box_at, bare[0].rstrip(".,;")
    return best[1] if best else None


def _phrased(text: str) -> str | None:
    """What the last "answer is" or "answer:" states: a formula, a number without its unit, or words."""
    for phrase in reversed([match.end() for match in _PHRASE.finditer(text)]):
        rest = text[phrase : phrase + MAX_LENGTH].lstrip(" \t\n*_:").partition("\n")[0]
        if answer := _stated(rest.rstrip().removesuffix(_STEP_MARK).rstrip()):
            return answer
    return None


def _stated(line: str) -> str:
    for opening, closing in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
        formula, closed, _ = line.removeprefix(opening).partition(closing)
        # "$12, which is $3 more" opens with a price, not with a formula.
        if line.startswith(opening) and closed and formula.strip() and not formula.endswith(" "):
            return formula.strip()
    number = _RUNNING_NUMBER.match(line)
    after = _WORD_AFTER.match(line, number.end()) if number else None
    if number and after and (after[1] or "").lower().rstrip(".") not in _NOT_UNITS:
        return number[0]
    sentence = re.split(r"\.(?:\s|$)", line, maxsplit=1)[0].strip(" *_$`")
    opening_word = _PROSE.match(sentence)
    prose = opening_word is not None and opening_word[0].lower() not in _NOT_UNITS and "\\" not in sentence
    return (_last(_RUNNING_NUMBER, sentence, 0) if prose else None) or sentence
