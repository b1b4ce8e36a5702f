"""The joint between a reply and its continuation, on servers that continue text."""

from __future__ import annotations

from outthink.errors import EngineError

__all__ = ["Joint"]

# So much of a solution's beginning is not written twice by chance.
_ANEW = 40


class Joint:
    """Removes from a continuation what it repeats of the text it continues.

    A chat template may strip the end of the text before the model sees it, so that the model writes the separator
    again; and some servers send the text they were given along with what they add to it. Both would put text into the
    solution twice. What is not repeated word by word is let through: this is a check of the joint, no understanding.

    Args:
        text: what is continued.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tail = text[len(text.rstrip()) :]
        self._held = ""
        self._open = bool(text)

    def feed(self, text: str) -> str:
        """Take the continuation's next piece; return what of it is new. Held back while that is undecided.

        Raises:
            EngineError: the server begins the solution anew.
        """
        if not self._open:
            return text
        self._held += text
        if self._text.startswith(self._held) or self._tail.startswith(self._held):
            return ""
        return self.rest()

    def rest(self) -> str:
        """What is held back at the end, or once it is decided."""
        held, self._held, self._open = self._held, "", False
        if held.startswith(self._text):
            return held.removeprefix(self._text)
        if len(self._text) > _ANEW and held[:_ANEW] == self._text[:_ANEW]:
            raise EngineError(
                "the server begins the solution anew instead of continuing it; use a strategy that writes whole "
                "solutions (sample, greedy), or a server that continues token ids (vLLM, llama.cpp)"
            )
        repeated = len(self._tail)
        while repeated and not held.startswith(self._tail[-repeated:]):
            repeated -= 1
        return held[repeated:]
