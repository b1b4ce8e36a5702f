"""Cuts one continuation into steps while it is written, for engines that stream whole solutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Piece", "StepSplitter"]


class Piece(NamedTuple):
    """One step cut from a stream: its token ids, its text, the sum of its log-probabilities, all confidences."""

    ids: list[int]
    text: str
    logprob: float
    confidences: list[float]


class StepSplitter:
    """Gathers tokens until the text holds a separator.

    The token that completes the separator ends the step and belongs to it with all its text, as it does where an engine
    stops at the separator itself: ids are the state, and a token cannot be cut.
    """

    def __init__(self, separator: str) -> None:
        self._separator = separator
        self._ids: list[int] = []
        self._text = ""
        self._logprob = 0.0
        self._confidences: list[float] = []

    def __len__(self) -> int:
        """Tokens gathered since the last step."""
        return len(self._ids)

    def feed(
        self, ids: Sequence[int], text: str, logprob: float = 0.0, confidences: Sequence[float] = ()
    ) -> Piece | None:
        """Add tokens; return the step that they complete, if they do."""
        # Only the new text and what could be the separator's beginning just before it are searched.
        start = max(0, len(self._text) - len(self._separator) + 1)
        self._ids.extend(ids)
        self._text += text
        self._logprob += logprob
        self._confidences.extend(confidences)
        return self.rest() if self._text.find(self._separator, start) >= 0 else None

    def rest(self) -> Piece:
        """What has been gathered, complete or not; gathering starts anew."""
        piece = Piece(self._ids, self._text, self._logprob, self._confidences)
        self._ids, self._text, self._logprob, self._confidences = [], "", 0.0, []
        return piece
