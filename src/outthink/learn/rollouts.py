"""Labels by Monte-Carlo rollouts: what share of the continuations of a step come out right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from outthink.answer import extract_answer
from outthink.errors import UsageError
from outthink.learn.labellers import Judged
from outthink.learn.values import estimates, tips
from outthink.search import Search
from outthink.tree import Node, Path, Tree

__all__ = ["Rollouts", "answered", "distinct", "solutions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts:
    """Solutions of a problem, and rollouts from each of their steps.

    Math-Shepherd (Wang et al. 2023, arXiv 2312.08935). Steps that several solutions share, token by token, are one
    state and share their rollouts. Solutions that are not finished or give no answer get none. The last step gets none
    either: whether it is right is known.

    Args:
        solutions: solutions of each problem.
        rollouts: continuations of each distinct step.
        max_steps: steps of a solution that get rollouts.
    """

    solutions: int = 4
    rollouts: int = 8
    max_steps: int = 32

    def __post_init__(self) -> None:
        for name in ("solutions", "rollouts", "max_steps"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1")

    @property
    def samples(self) -> int:
        """The most continuations it writes."""
        return self.solutions * (1 + self.rollouts * self.max_steps)

    async def __call__(self, search: Search, right: Callable[[Path], Awaitable[bool]]) -> None:
        """Write the solutions, then the rollouts of all their steps at once."""
        found = await solutions(search, self.solutions)
        steps = (step for path in found for step in path.steps[: self.max_steps] if step.open)
        await search.complete(distinct(search, steps), self.rollouts)

    def read(self, tree: Tree, right: Mapping[int, bool]) -> Iterator[Judged]:
        """The solutions that were written first, every step with the share of its continuations that came out right.

        A step is labelled good if any did (the paper's hard estimation).
        """
        found, states = estimates(tree, right), tree.states()
        seen: set[int] = set()
        for path in map(tree.path, tips(tree)):
            own = all(node.ordinal == 0 for node in path.nodes[1:])
            if not own or not answered(path) or states[path.node.index] in seen:
                continue
            seen.add(states[path.node.index])
            steps = [found[step.index] for step in path.steps]
            yield Judged(
                path=path,
                values=tuple(each.value for each in steps),
                counts=tuple(each.total for each in steps),
                labels=tuple(int(each.right > 0) for each in steps),
            )


def answered(path: Path) -> bool:
    """Whether a solution is finished and gives an answer; there is nothing to label otherwise."""
    return path.node.finished and extract_answer(path.text) is not None


async def solutions(search: Search, n: int) -> list[Path]:
    """Write solutions from the root; those that are finished and give an answer, each once."""
    tips = await search.complete([search.root], n)
    paths = [search.tree.path(tip) for tip in distinct(search, tips)]
    return [path for path in paths if answered(path)]


def distinct(search: Search, nodes: Iterable[Node]) -> list[Node]:
    """The first of the nodes of each state: those whose paths are alike token by token are one state."""
    states = search.tree.states()
    first: dict[int, Node] = {}
    for node in nodes:
        first.setdefault(states[node.index], node)
    return list(first.values())
