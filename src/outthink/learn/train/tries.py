"""Tries: sequences that begin alike, computed as one. What they share is read once, in training as in a search.

Solutions of one problem share its prompt and many of their first steps: most of what a model would read in an epoch it
would read again and again. A trie holds each distinct token once, each seeing only what leads to it, which is what it
would see in a sequence of its own: a causal model says the same in either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace
from itertools import groupby
from operator import itemgetter
from typing import Generic, TypeVar

import torch
from torch import Tensor

__all__ = ["Batch", "Example", "Trie", "batch", "tries"]

T = TypeVar("T", float, int)

# The width of a row at which attention, which grows with its square, takes as long as all else a small model computes.
_WIDE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Example(Generic[T]):
    """One sequence to be read.

    Args:
        problem: those of one problem are put into tries together.
        ids: token ids.
        positions: where in it something is to be said.
        targets: what: a score in [0, 1], or the id of the next token.
    """

    problem: str
    ids: tuple[int, ...]
    positions: tuple[int, ...]
    targets: tuple[T, ...]


@dataclass(slots=True)
class Trie(Generic[T]):
    """Sequences as a tree of tokens, in the order they were added: parents come before their children.

    `parents` are indices, -1 for the first token; `targets` holds what should be said at a token, once for each
    sequence that says so.
    """

    ids: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    targets: dict[int, list[T]] = field(default_factory=dict)
    _known: dict[tuple[int, int], int] = field(default_factory=dict)

    def fresh(self, example: Example[T]) -> int:
        """How many tokens it would add."""
        at = -1
        for place, token in enumerate(example.ids):
            if (at, token) not in self._known:
                return len(example.ids) - place
            at = self._known[at, token]
        return 0

    def add(self, example: Example[T]) -> None:
        """Put a sequence in."""
        at, wanted = -1, dict(zip(example.positions, example.targets, strict=True))
        for place, token in enumerate(example.ids):
            key = (at, token)
            if key not in self._known:
                self._known[key] = len(self.ids)
                self.ids.append(token)
                self.parents.append(at)
            at = self._known[key]
            if place in wanted:
                self.targets.setdefault(at, []).append(wanted[place])

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Tries side by side and one after another, as a model reads them.

    Args:
        ids: token ids [rows, tokens].
        depths: each token's place in its own sequence [rows, tokens].
        sees: who sees whom [rows, 1, tokens, tokens].
        rows, columns: of the tokens that have targets, trie by trie, each [targets].
    """

    ids: Tensor
    depths: Tensor
    sees: Tensor
    rows: Tensor
    columns: Tensor

    def on(self, device: torch.device) -> tuple[Tensor, ...]:
        """All of it, in the order above."""
        return tuple(each.to(device) for each in (self.ids, self.depths, self.sees, self.rows, self.columns))


def tries(examples: Iterable[Example[T]], limit: int) -> Iterator[Trie[T]]:
    """Examples in tries, problem by problem; a problem with more than `limit` tokens gets several."""
    for _, group in groupby(sorted(examples, key=_problem), key=_problem):
        trie = Trie[T]()
        for example in group:
            if trie.ids and len(trie) + trie.fresh(example) > limit:
                yield trie
                trie = Trie[T]()
            trie.add(example)
        yield trie


def batch(chosen: Sequence[Trie[T]]) -> Batch:
    """Some tries, laid into rows of much the same width, so that little is computed for nothing.

    Filling sees itself alone: a row that saw nothing would come out as NaN.
    """
    spots, widths = _laid(list(map(len, chosen)))
    ids = torch.zeros(len(widths), max(widths), dtype=torch.long)
    depths = torch.zeros_like(ids)
    sees = torch.eye(max(widths), dtype=torch.bool).repeat(len(widths), 1, 1)
    for trie, (row, start) in zip(chosen, spots, strict=True):
        ids[row, start : start + len(trie)] = torch.tensor(trie.ids)
        for place, parent in enumerate(trie.parents):
            if parent >= 0:
                depths[row, start + place] = depths[row, start + parent] + 1
                sees[row, start + place] |= sees[row, start + parent]
    marked = [(row, start + place) for trie, (row, start) in zip(chosen, spots, strict=True) for place in trie.targets]
    rows, columns = torch.tensor(marked).T
    return Batch(ids=ids, depths=depths, sees=sees[:, None], rows=rows, columns=columns)


def _laid(lengths: Sequence[int]) -> tuple[list[tuple[int, int]], list[int]]:
    """The row and the first column of each trie, and the rows' widths, in as many rows as cost least.

    Few rows are evenly filled, but wide: tokens see more that is none of theirs.
    """

    def cost(laid: tuple[list[tuple[int, int]], list[int]]) -> float:
        rows, width = len(laid[1]), max(laid[1])
        return rows * width * (1 + width / _WIDE)

    return min((_in_rows(lengths, rows) for rows in range(1, len(lengths) + 1)), key=cost)


def _in_rows(lengths: Sequence[int], rows: int) -> tuple[list[tuple[int, int]], list[int]]:
    """So many rows, the longest tries first, each into the row that is shortest by then (Graham, 1969)."""
    shortest = [(0, row) for row in range(rows)]
    spots = [(0, 0)] * len(lengths)
    for i in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        width, row = shortest[0]
        spots[i] = (row, width)
        heapreplace(shortest, (width + lengths[i], row))
    return spots, [width for width, _ in sorted(shortest, key=itemgetter(1))]


def _problem(example: Example[T]) -> str:
    return example.problem
