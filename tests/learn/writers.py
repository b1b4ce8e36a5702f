"""Scripted engines with habits, and who tells whether what they write is right."""

from outthink.answer import extract_answer
from outthink.engines.scripted import Scripted, scripted_answer
from outthink.tree import Path

__all__ = ["Evasive", "Terse", "Trailing", "comes_right"]

_LETTERS = str.maketrans("0123456789", "abcdefghij")


class Terse(Scripted):
    """Says few different things, so that many of its steps are alike token by token."""

    def _text(self, question: str, draw: int, right: bool, last: bool) -> str:
        return super()._text(question, draw % 2, right, last)


class Evasive(Scripted):
    """Gives no answer in one solution of three, nor a number that could be taken for one."""

    def _text(self, question: str, draw: int, right: bool, last: bool) -> str:
        said = super()._text(question, draw, right, last)
        if not last:
            return said.translate(_LETTERS)
        return "Who knows?" if draw % 3 == 0 else said


class Trailing(Scripted):
    """Ends its turn only after the separator behind its answer, which leaves a blank step."""

    def _text(self, question: str, draw: int, right: bool, last: bool) -> str:
        return "" if last else f"{super()._text(question, draw, right, last)} The answer is {draw % 5}."


async def comes_right(path: Path) -> bool:
    """Whether a solution is finished and has the answer that the scripted engine holds to be right."""
    return path.node.finished and extract_answer(path.text) == scripted_answer(path.question)
