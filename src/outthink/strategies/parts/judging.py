"""The model judges whole solutions: which of two is better, and whether one is correct."""

from __future__ import annotations

import re
from collections.abc import Sequence

from outthink.errors import ContextTooSmall
from outthink.search import Search
from outthink.strategies.parts.quoting import fill, said
from outthink.tree import Message, Node

__all__ = ["COMPARE", "VERIFY", "compared", "verified"]

COMPARE = """Problem: {question}

Solution A:
{first}

Solution B:
{second}

Which of the two solutions is correct, or closer to it? Reply with one letter, A or B."""

VERIFY = """Problem: {question}

Solution:
{solution}

Check this solution step by step for mistakes. End with "Verdict: correct" or "Verdict: incorrect"."""

_TIE = 0.5
_LETTER = re.compile(r"\b[AB]\b")
_VERDICT = re.compile(r"verdict\W+(correct|incorrect)\b", re.IGNORECASE)


async def compared(
    search: Search, pairs: Sequence[tuple[Node, Node]], *, repeats: int, prompt: str = COMPARE
) -> list[float]:
    """For each pair of solutions, the share in [0, 1] of comparisons that its first one wins.

    Each pair is shown in both orders, so that a model that prefers a place prefers nobody. What names neither solution,
    or both, is a tie; so is a pair that does not fit into the engine's context.

    Args:
        search: to be asked.
        pairs: ends of solutions.
        repeats: comparisons in each order.
        prompt: asks; `{question}`, `{first}` and `{second}` stand where they go.
    """
    orders = [order for one, other in pairs for order in ((one, other), (other, one))]
    contents = []
    for first, second in orders:
        texts = {"first": said(search, first), "second": said(search, second)}
        contents.append(fill(prompt, {"question": search.tree.question, **texts}))
    turns = await _ask(search, [first for first, _ in orders], contents)
    # A letter is asked for: one step is enough, and all that is paid for.
    replies = await search.expand([turn for turn in turns if turn is not None], repeats)
    shares = _shares(turns, replies, [_first_wins(reply.text) for reply in replies])
    return [(forward + 1 - backward) / 2 for forward, backward in zip(shares[::2], shares[1::2], strict=True)]


async def verified(search: Search, solutions: Sequence[Node], *, repeats: int, prompt: str = VERIFY) -> list[float]:
    """For each solution, the share in [0, 1] of verdicts that it is correct; no verdict counts as half of one.

    Args:
        search: to be asked.
        solutions: their ends.
        repeats: verdicts on each.
        prompt: asks; `{question}` and `{solution}` stand where they go.
    """
    contents = [
        fill(prompt, {"question": search.tree.question, "solution": said(search, solution)}) for solution in solutions
    ]
    turns = await _ask(search, solutions, contents)
    replies = await search.complete([turn for turn in turns if turn is not None], repeats)
    return _shares(turns, replies, [_found_correct(said(search, reply)) for reply in replies])


def _first_wins(reply: str) -> float:
    letters = set(_LETTER.findall(reply))
    return _TIE if len(letters) != 1 else float("A" in letters)


def _found_correct(reply: str) -> float:
    """By the verdict that stands last."""
    found = _VERDICT.findall(reply)
    return float(found[-1].lower() == "correct") if found else _TIE


async def _ask(search: Search, below: Sequence[Node], contents: Sequence[str]) -> list[Node | None]:
    """A prompt below each solution; None where it does not fit. One after the other: their seeds hang on the order."""
    turns: list[Node | None] = []
    for solution, content in zip(below, contents, strict=True):
        chat: list[Message] = [{"role": "user", "content": content}]
        try:
            turns.append(await search.ask(solution, chat, weight=0.0))
        except ContextTooSmall:
            turns.append(None)
    return turns


def _shares(turns: Sequence[Node | None], replies: Sequence[Node], verdicts: Sequence[float]) -> list[float]:
    """The mean verdict on each turn, of as many replies a turn as there are."""
    asked = sum(turn is not None for turn in turns)
    each = len(replies) // asked if asked else 0
    given = iter(verdicts)
    return [_TIE if turn is None else sum(next(given) for _ in range(each)) / each for turn in turns]
