"""How solutions are quoted in further prompts: as turns of the chat that asked for them, or numbered in one message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from outthink.errors import UsageError
from outthink.search import Search
from outthink.tree import Message, Node

__all__ = ["answered", "asked", "check_places", "fill", "numbered", "said"]


def asked(search: Search) -> list[Message]:
    """The chat that put the problem."""
    return search.tree.path(search.root).messages


def answered(search: Search, chat: Iterable[Message], reply: Node, then: str) -> list[Message]:
    """A chat continued by the model's reply to it and by what is said next."""
    return [*chat, {"role": "assistant", "content": said(search, reply)}, {"role": "user", "content": then}]


def numbered(search: Search, solutions: Iterable[Node]) -> str:
    """Solutions one after the other, numbered from 1."""
    return "\n\n".join(f"Solution {number}:\n{said(search, each)}" for number, each in enumerate(solutions, 1))


def said(search: Search, node: Node) -> str:
    """The text of a solution, or of a reply, without the space around it."""
    return search.tree.path(node).text.strip()


def fill(template: str, parts: Mapping[str, str]) -> str:
    """A prompt with its parts put where their names stand in braces."""
    # In one pass, and not by str.format: what is quoted is full of braces of its own.
    names = "|".join(map(re.escape, parts))
    return re.sub(rf"\{{({names})\}}", lambda place: parts[place[1]], template)


def check_places(option: str, template: str, names: Iterable[str]) -> None:
    """Refuse a prompt that leaves out one of its parts.

    Raises:
        UsageError: it does; the option and the part are named.
    """
    for name in names:
        if f"{{{name}}}" not in template:
            raise UsageError(f"{option} must contain {{{name}}} where that goes: {template!r}")
