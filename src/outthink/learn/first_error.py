"""Labels by binary search: where a wrong solution goes wrong first, found with few rollouts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from outthink.errors import UsageError
from outthink.learn.labellers import Judged
from outthink.learn.rollouts import answered, solutions
from outthink.learn.values import Estimate, estimates, tips
from outthink.search import Search
from outthink.tree import Node, Path, Tree

__all__ = ["FirstError"]

Right = Callable[[Path], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstError:
    """The first wrong step of wrong solutions, by binary search with rollouts.

    OmegaPRM (Luo et al. 2024, arXiv 2406.06592). A step from which some rollout comes out right is good, and so are
    those before it; one from which none does is bad, and so are those after it. The rollouts made on the way are
    solutions themselves: wrong ones are searched in turn, those first that go wrong where most others come out right.

    Args:
        solutions: solutions of each problem, written first.
        rollouts: continuations of each step that is tried.
        searches: wrong solutions that are searched for each problem.
        alpha, beta, length, exploration: of the choice between wrong solutions, as in the paper; `length` is in
            tokens.
    """

    solutions: int = 4
    rollouts: int = 8
    searches: int = 4
    alpha: float = 0.5
    beta: float = 0.9
    length: int = 500
    exploration: float = 0.125

    def __post_init__(self) -> None:
        for name in ("solutions", "rollouts", "searches", "length"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1")

    @property
    def samples(self) -> int:
        """The most continuations it writes: a binary search takes one step in two, of 64 at most six."""
        return self.solutions + 6 * self.searches * self.rollouts

    async def __call__(self, search: Search, right: Right) -> None:
        """Write the solutions, then search the most telling wrong one, again and again."""
        pool = _Pool(self, search.tree)
        await pool.add(search.root, await solutions(search, self.solutions), right)
        for _ in range(self.searches):
            found = pool.take()
            if found is None:
                return
            await self._search(search, pool, found, right)

    async def _search(self, search: Search, pool: _Pool, wrong: _Wrong, right: Right) -> None:
        steps = [node for node in wrong.path.nodes[wrong.start.depth :] if node.open and not node.blank]
        low, high = 0, len(steps)
        while low < high:
            middle = (low + high) // 2
            node = steps[middle]
            ends = await search.complete([node], self.rollouts)
            good = await pool.add(node, [search.tree.path(end) for end in ends], right)
            low, high = (middle + 1, high) if good else (low, middle)

    def read(self, tree: Tree, right: Mapping[int, bool]) -> Iterator[Judged]:
        """Right solutions, and wrong ones whose first error was found, each once."""
        known = {index: found for index, found in estimates(tree, right).items() if tree.nodes[index].children > 1}
        seen: set[str] = set()
        for tip in tips(tree):
            path = tree.path(tip)
            if not answered(path) or path.text in seen:
                continue
            first_bad = len(path.steps) if right[tip.index] else _first_bad(path, known)
            if first_bad is not None:
                seen.add(path.text)
                yield _judged(path, known, first_bad, right[tip.index])


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A wrong continuation, and where it was started."""

    path: Path
    start: Node


class _Pool:
    """The wrong continuations of a tree that were not searched yet."""

    def __init__(self, how: FirstError, tree: Tree) -> None:
        self._how = how
        self._tree = tree
        self._wrong: list[_Wrong] = []
        self._value: dict[int, float] = {}
        self._visits: Counter[int] = Counter()

    async def add(self, start: Node, paths: list[Path], right: Right) -> bool:
        """Take up continuations of a node; whether any of them is right."""
        outcomes = [await right(path) for path in paths]
        self._value[start.index] = sum(outcomes) / len(outcomes) if outcomes else 0.0
        self._wrong.extend(
            _Wrong(path, start) for path, good in zip(paths, outcomes, strict=True) if not good and answered(path)
        )
        return any(outcomes)

    def take(self) -> _Wrong | None:
        """The wrong continuation that is worth a search most; None if none is."""
        # Where nothing comes out right there is no first error to be found.
        worthy = [wrong for wrong in self._wrong if self._value[wrong.start.index] > 0]
        if not worthy:
            return None
        visits = self._visits.total()
        best = max(worthy, key=lambda wrong: self._worth(wrong, visits))
        self._wrong.remove(best)
        self._visits[best.start.index] += 1
        return best

    def _worth(self, wrong: _Wrong, visits: int) -> float:
        how, start = self._how, wrong.start
        tokens = wrong.path.node.length - start.length
        telling: float = how.alpha ** (1 - self._value[start.index]) * how.beta ** (tokens / how.length)
        return telling + how.exploration * math.sqrt(visits) / (1 + self._visits[start.index])


def _first_bad(path: Path, known: Mapping[int, Estimate]) -> int | None:
    """The place of the first bad step among a wrong path's, if it is known exactly."""
    # The step that gives the wrong answer is bad whatever came before.
    found = [known.get(step.index) for step in path.steps]
    bad = next((place for place, each in enumerate(found) if each and not each.right), len(found) - 1)
    good = max((place for place, each in enumerate(found[:bad]) if each and each.right), default=-1)
    return bad if bad == good + 1 else None


def _judged(path: Path, known: Mapping[int, Estimate], first_bad: int, right: bool) -> Judged:
    found = [known.get(step.index) for step in path.steps]
    return Judged(
        path=path,
        values=(*(None if each is None else each.value for each in found[:-1]), float(right)),
        counts=(*(0 if each is None else each.total for each in found[:-1]), 1),
        labels=tuple(int(place < first_bad) for place in range(len(found))),
    )
