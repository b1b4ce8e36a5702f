"""Keys and values of what was read, by token prefix, so that only what is new on a path is computed.

A radix tree: every edge holds the ids and the tensors of a stretch of tokens, every token once however many paths go
through it. It knows nothing of models: whatever tensors it is given, their tokens lie along the last dimension but one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from outthink.prefix import shared

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Prefixes"]


class _Stretch:
    """Tokens that follow one another on every path known, and the stretches that come after."""

    __slots__ = ("after", "before", "ids", "tensors", "used")

    def __init__(self, ids: Sequence[int], tensors: Sequence[Tensor], before: _Stretch | None) -> None:
        self.ids = ids
        self.tensors = tensors
        self.before = before
        self.after: dict[int, _Stretch] = {}
        self.used = 0

    def cut(self, length: int) -> None:
        """Make what comes after the first `length` tokens a stretch of its own."""
        rest = _Stretch(self.ids[length:], [t[..., length:, :] for t in self.tensors], self)
        rest.after, rest.used = self.after, self.used
        for stretch in rest.after.values():
            stretch.before = rest
        self.ids, self.tensors = self.ids[:length], [t[..., :length, :] for t in self.tensors]
        self.after = {rest.ids[0]: rest}


class Prefixes:
    """Tensors by token prefix; those not used the longest are forgotten first.

    Args:
        room: how many tokens are kept at most.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._root = _Stretch((), (), None)
        self._clock = count(1)
        self.tokens = 0

    def known(self, ids: Sequence[int]) -> int:
        """How many of the first ids are known."""
        return sum(length for _, length in self._walk(ids))

    def find(self, ids: Sequence[int]) -> list[Tensor]:
        """The tensors of the longest known prefix; none at all if not even the first id is known."""
        import torch

        found = [[t[..., :length, :] for t in stretch.tensors] for stretch, length in self._walk(ids)]
        return [torch.cat(parts, dim=-2) for parts in zip(*found, strict=True)]

    def add(self, ids: Sequence[int], start: int, tensors: Sequence[Tensor]) -> None:
        """Keep the tensors of the ids from `start` on; what comes before must be known, or they are dropped."""
        last, known = self._root, 0
        for stretch, length in self._walk(ids):
            if length < len(stretch.ids):
                stretch.cut(length)
            last, known = stretch, known + length
        if not start <= known < len(ids):
            return
        # Copied, so that keeping a little does not keep a whole batch's memory.
        added = _Stretch(ids[known:], [t[..., known - start :, :].clone() for t in tensors], last)
        added.used = next(self._clock)
        last.after[added.ids[0]] = added
        self.tokens += len(added.ids)
        while self.tokens > self._room:
            self._forget()

    def _walk(self, ids: Sequence[int]) -> Iterator[tuple[_Stretch, int]]:
        """The stretches along the ids, each with how many of its tokens agree; only the last may agree in part."""
        now, at, stretch = next(self._clock), 0, self._root
        while at < len(ids) and (following := stretch.after.get(ids[at])) is not None:
            stretch, stretch.used = following, now
            length = shared(stretch.ids, ids[at : at + len(stretch.ids)])
            yield stretch, length
            at += length
            if length < len(stretch.ids):
                return

    def _forget(self) -> None:
        ends = [stretch for stretch in self._stretches() if not stretch.after]
        oldest = min(ends, key=lambda stretch: stretch.used)
        assert oldest.before is not None
        del oldest.before.after[oldest.ids[0]]
        self.tokens -= len(oldest.ids)

    def _stretches(self) -> Iterator[_Stretch]:
        waiting = list(self._root.after.values())
        while waiting:
            stretch = waiting.pop()
            waiting.extend(stretch.after.values())
            yield stretch
