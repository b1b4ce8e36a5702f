"""A memory for what a reward model said: rows by the exact tokens up to and with the position they were read at."""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Sequence

__all__ = ["RowMemory"]


class RowMemory:
    """Rows by prefix. A causal model's row depends on nothing else, so it is right wherever the prefix comes up again.

    Args:
        limit: rows kept; those not asked for the longest are forgotten first.
    """

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._rows: OrderedDict[bytes, Sequence[float]] = OrderedDict()

    @staticmethod
    def keys(ids: Sequence[int], positions: Sequence[int]) -> list[bytes]:
        """The keys of some positions, ascending, in one pass over the ids."""
        found, start = [], 0
        hasher = hashlib.blake2b(digest_size=16)
        for position in positions:
            hasher.update(array("i", ids[start : position + 1]).tobytes())
            found.append(hasher.digest())
            start = position + 1
        return found

    def missing(self, keys: Sequence[bytes]) -> bool:
        """Whether any of the rows is not known."""
        return any(key not in self._rows for key in keys)

    def get(self, keys: Sequence[bytes]) -> list[Sequence[float]]:
        """The rows, all of them known."""
        for key in keys:
            self._rows.move_to_end(key)
        return [self._rows[key] for key in keys]

    def put(self, key: bytes, row: Sequence[float]) -> None:
        """Remember a row."""
        self._rows[key] = row
        if len(self._rows) > self._limit:
            self._rows.popitem(last=False)
