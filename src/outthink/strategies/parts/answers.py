"""Finished solutions by their answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum

from outthink.candidates import candidate
from outthink.search import Search
from outthink.tree import Node

__all__ = ["Rival", "rivals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One answer.

    Args:
        answer: its canonical key.
        solutions: the ends of the solutions that give it.
        best: the one that speaks for all: of those with the highest score, where there are scores, the shortest.
    """

    answer: str
    solutions: list[Node]
    best: Node

    @property
    def weight(self) -> float:
        """What its votes count for."""
        return fsum(solution.weight for solution in self.solutions)


def rivals(search: Search, solutions: Iterable[Node]) -> list[Rival]:
    """The different answers of solutions, the one with most votes first; what states no answer is left out."""
    found: dict[str, list[Node]] = {}
    for solution in solutions:
        key = candidate(search.tree.path(solution)).key
        if key is not None:
            found.setdefault(key, []).append(solution)

    def merit(solution: Node) -> tuple[float, int, str]:
        path = search.tree.path(solution)
        return search.value(solution) if path.scores else 0.0, -solution.length, path.text

    answers = [Rival(answer=key, solutions=held, best=max(held, key=merit)) for key, held in found.items()]
    return sorted(answers, key=lambda rival: (-rival.weight, len(rival.answer), rival.answer))
