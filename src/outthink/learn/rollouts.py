"""Labels by Monte-Carlo rollouts: what share of the continuations of a step come out right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from outthink.answer import extract_answer
from outthink.checks import at_least
from outthink.learn.labellers import Judged
from outthink.learn.values import estimates, tips
from outthink.search import Search
from outthink.tree import Node, Path, Tree

__all__ = ["Rollouts", "answered"]


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
        at_least(1, solutions=self.solutions, rollouts=self.rollouts, max_steps=self.max_steps)

    @property
    def samples(self) -> int:
        """The most continuations it writes."""
        return self.solutions * (1 + self.rollouts * self.max_steps)

    async def __call__(self, search: Search, right: Callable[[Path], Awaitable[bool]]) -> None:
        """Write the solutions, then the rollouts of all their steps at once."""
        ends = await search.complete([search.root], self.solutions)
        paths = [path for path in map(search.tree.path, ends) if answered(path)]
        steps = [step for path in paths for step in path.steps[: self.max_steps] if step.open]
        await search.complete(_distinct(search.tree, steps), self.rollouts)

    def read(self, tree: Tree, right: Mapping[int, bool]) -> Iterator[Judged]:
        """Every distinct solution, every step with the share of its continuations that came out right.

        A step is labelled good if any did (the paper's hard estimation).
        """
        found, states = estimates(tree, right), tree.states()
        paths = [path for path in map(tree.path, tips(tree)) if answered(path)]
        seen: set[int] = set()
        # Those from the root first: of paths that are alike, the one that was no rollout stands for all.
        for path in sorted(paths, key=_rollout):
            if states[path.node.index] in seen:
                continue
            seen.add(states[path.node.index])
            steps = [found[step.index] for step in path.steps]
            yield Judged(
                path=path,
                rollout=_rollout(path),
                values=tuple(each.value for each in steps),
                counts=tuple(each.total for each in steps),
                labels=tuple(int(each.right > 0) for each in steps),
            )


def _rollout(path: Path) -> bool:
    """Whether a path was started below the root: then it branches off, after what was its parent's first child."""
    return any(node.ordinal for node in path.nodes[1:])


def answered(path: Path) -> bool:
    """Whether a solution is finished and gives an answer; there is nothing to label otherwise."""
    return path.node.finished and extract_answer(path.text) is not None


def _distinct(tree: Tree, nodes: Iterable[Node]) -> list[Node]:
    """The first of the nodes of each state: those whose paths are alike token by token are one state."""
    states = tree.states()
    first: dict[int, Node] = {}
    for node in nodes:
        first.setdefault(states[node.index], node)
    return list(first.values())
