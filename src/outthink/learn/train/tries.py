"""Tries: sequences that begin alike, computed as one. What they share is read once, in training as in a search.

Solutions of one problem share its prompt and many of their first steps: most of what a reward model would read in an
epoch it would read again and again. A trie holds each distinct token once, each seeing only what leads to it, which is
what it would see in a sequence of its own: a causal model says the same in either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor

__all__ = ["Example", "Trie", "batch", "tries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One sequence to be read.

    Args:
        problem: those of one problem are put into tries together.
        ids: token ids.
        positions: where in it a score is read.
        targets: what it should be, in [0, 1].
    """

    problem: str
    ids: tuple[int, ...]
    positions: tuple[int, ...]
    targets: tuple[float, ...]


@dataclass(slots=True)
class Trie:
    """Sequences as a tree of tokens, in the order they were added: parents come before their children.

    `parents` are indices, -1 for the first token; `targets` holds what the score at a token should be, once for each
    sequence that says so.
    """

    ids: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    targets: dict[int, list[float]] = field(default_factory=dict)
    _known: dict[tuple[int, int], int] = field(default_factory=dict)

    def fresh(self, example: Example) -> int:
        """How many tokens it would add."""
        at = -1
        for place, token in enumerate(example.ids):
            if (at, token) not in self._known:
                return len(example.ids) - place
            at = self._known[at, token]
        return 0

    def add(self, example: Example) -> None:
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

    def target(self, place: int) -> float:
        """What the score at a token should be: the mean of what its sequences say."""
        said = self.targets[place]
        return sum(said) / len(said)


def tries(examples: Iterable[Example], limit: int) -> Iterator[Trie]:
    """Examples in tries, problem by problem; a problem with more than `limit` tokens gets several."""
    for _, group in groupby(sorted(examples, key=_problem), key=_problem):
        trie = Trie()
        for example in group:
            if trie.ids and len(trie) + trie.fresh(example) > limit:
                yield trie
                trie = Trie()
            trie.add(example)
        yield trie


def batch(chosen: Sequence[Trie]) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids [tries, tokens], their places in their own sequences, and who sees whom [tries, 1, tokens, tokens].

    Filling sees itself alone: a row that saw nothing would come out as NaN.
    """
    longest = max(map(len, chosen))
    ids = torch.zeros(len(chosen), longest, dtype=torch.long)
    depths = torch.zeros_like(ids)
    sees = torch.eye(longest, dtype=torch.bool).repeat(len(chosen), 1, 1)
    for row, trie in enumerate(chosen):
        ids[row, : len(trie)] = torch.tensor(trie.ids)
        for place, parent in enumerate(trie.parents):
            if parent >= 0:
                depths[row, place] = depths[row, parent] + 1
                sees[row, place] |= sees[row, parent]
    return ids, depths, sees[:, None]


def _problem(example: Example) -> str:
    return example.problem
