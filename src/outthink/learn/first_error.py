"""Labels by binary search: where a wrong solution goes wrong first, found with few rollouts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from outthink.checks import at_least, fraction
from outthink.errors import UsageError
from outthink.learn.labellers import Judged
from outthink.learn.rollouts import answered
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
    What is known of a step is known of all that are alike token by token, and no step is tried twice.

    Args:
        solutions: solutions of each problem, written first.
        rollouts: continuations of each step that is tried.
        searches: wrong solutions that are searched for each problem.
        max_steps: steps of a solution; longer ones are not searched.
        alpha, beta, length, exploration: of the choice between wrong solutions, see `worth`; `length` is in tokens.
    """

    solutions: int = 4
    rollouts: int = 8
    searches: int = 4
    max_steps: int = 32
    alpha: float = 0.5
    beta: float = 0.9
    length: int = 500
    exploration: float = 0.125

    def __post_init__(self) -> None:
        at_least(1, solutions=self.solutions, rollouts=self.rollouts, searches=self.searches)
        at_least(1, max_steps=self.max_steps, length=self.length)
        fraction(alpha=self.alpha, beta=self.beta)
        if not self.exploration >= 0.0:
            raise UsageError(f"exploration is {self.exploration}; it must not be negative")

    @property
    def samples(self) -> int:
        """The most continuations it writes."""
        return self.solutions + self.searches * self._tries * self.rollouts

    @property
    def _tries(self) -> int:
        # The last step is not tried: that it gives the wrong answer is known. Each try halves the others.
        return (self.max_steps - 1).bit_length()

    async def __call__(self, search: Search, right: Right) -> None:
        """Write the solutions, then search the most telling wrong one, again and again."""
        pool = _Pool(self, search, right)
        await pool.grow(search.root, self.solutions)
        for _ in range(self.searches):
            wrong = pool.take()
            if wrong is None:
                return
            await self._search(pool, wrong)

    async def _search(self, pool: _Pool, wrong: Path) -> None:
        for _ in range(self._tries):
            good, bad = _between(wrong, pool.known())
            if bad == good + 1:
                return
            await pool.grow(wrong.steps[(good + bad) // 2], self.rollouts)

    def worth(self, *, value: float, tokens: int, visits: int, of: int) -> float:
        """How telling a search of a wrong continuation promises to be, as OmegaPRM has it.

        Args:
            value: share of the continuations of the step it was started from that came out right.
            tokens: its length.
            visits: searches of continuations of that step so far.
            of: searches so far.
        """
        telling: float = self.alpha ** (1 - value) * self.beta ** (tokens / self.length)
        return telling + self.exploration * math.sqrt(of) / (1 + visits)

    def read(self, tree: Tree, right: Mapping[int, bool]) -> Iterator[Judged]:
        """Right solutions, and wrong ones whose first error was found, each once."""
        known, values = _known(tree, right), _values(tree, right)
        seen: set[str] = set()
        for path in map(tree.path, tips(tree)):
            if not answered(path) or path.text in seen:
                continue
            first_bad = len(path.steps) if right[path.node.index] else _first_bad(path, known)
            if first_bad is not None:
                seen.add(path.text)
                yield _judged(path, values, first_bad, right[path.node.index])


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A wrong continuation, and where it was started."""

    start: Node
    path: Path


class _Pool:
    """What was written for one problem, and the wrong continuations that were not searched yet."""

    def __init__(self, how: FirstError, search: Search, right: Right) -> None:
        self._how = how
        self._search = search
        self._judge = right
        self._right: dict[int, bool] = {}
        self._wrong: list[_Wrong] = []
        self._visits: Counter[int] = Counter()

    async def grow(self, start: Node, n: int) -> None:
        """Continue a step `n` times; what comes out wrong may be searched itself."""
        for end in await self._search.complete([start], n):
            path = self._search.tree.path(end)
            self._right[end.index] = await self._judge(path)
            if not self._right[end.index] and answered(path) and len(path.steps) <= self._how.max_steps:
                self._wrong.append(_Wrong(start, path))

    def known(self) -> dict[int, bool]:
        """Whether steps are good, by index, as far as it is known."""
        return _known(self._search.tree, self._right)

    def take(self) -> Path | None:
        """The wrong continuation that is worth a search most; None if none is."""
        known, values = self.known(), _values(self._search.tree, self._right)
        # Where nothing comes out right there is no first error to be found, and one that is known needs no search.
        telling = [
            each for each in self._wrong if values[each.start.index].right and _first_bad(each.path, known) is None
        ]
        if not telling:
            return None
        best = max(telling, key=lambda each: self._worth(each, values[each.start.index].value))
        self._wrong.remove(best)
        self._visits[best.start.index] += 1
        return best.path

    def _worth(self, wrong: _Wrong, value: float) -> float:
        return self._how.worth(
            value=value,
            tokens=wrong.path.node.length - wrong.start.length,
            visits=self._visits[wrong.start.index],
            of=self._visits.total(),
        )


def _values(tree: Tree, right: Mapping[int, bool]) -> dict[int, Estimate]:
    """What the rollouts of a step say of it; not the solution that it stands in, which was searched for being wrong."""
    return estimates(tree, right, passing=False)


def _known(tree: Tree, right: Mapping[int, bool]) -> dict[int, bool]:
    """Whether steps are good: one is if anything below it came out right, and is not if it was tried in vain."""
    states, tried = tree.states(), _values(tree, right)
    ends = (tree.nodes[index] for index, came_right in right.items() if came_right)
    good = {states[step.index] for end in ends for step in tree.path(end).nodes}
    found = {node.index: states[node.index] in good for node in tree.nodes}
    return {index: each for index, each in found.items() if each or index in tried}


def _between(wrong: Path, known: Mapping[int, bool]) -> tuple[int, int]:
    """The places of the last step known to be good, -1 if none is, and of the first known to be bad."""
    steps = wrong.steps
    # The step that gives the wrong answer is bad whatever came before.
    bad = next((place for place, step in enumerate(steps) if not known.get(step.index, True)), len(steps) - 1)
    good = max((place for place, step in enumerate(steps[:bad]) if step.index in known), default=-1)
    return good, bad


def _first_bad(wrong: Path, known: Mapping[int, bool]) -> int | None:
    """The place of the first bad step, if it is known exactly."""
    good, bad = _between(wrong, known)
    return bad if bad == good + 1 else None


def _judged(path: Path, values: Mapping[int, Estimate], first_bad: int, right: bool) -> Judged:
    steps = path.steps
    found = [values.get(step.index) for step in steps[:-1]]
    return Judged(
        path=path,
        # Those that were searched are what this is about, whatever they were written for.
        rollout=False,
        values=(*(None if each is None else each.value for each in found), float(right)),
        counts=(*(0 if each is None else each.total for each in found), 1),
        labels=tuple(int(place < first_bad) for place in range(len(steps))),
    )
