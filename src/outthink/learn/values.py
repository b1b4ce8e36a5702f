"""Values of steps, read off a tree: how many continuations of each state came out right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from outthink.answer import extract_answer
from outthink.grade import Grader
from outthink.tree import Node, Path, Tree

__all__ = ["Estimate", "estimates", "is_right", "tips"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Right ones among the continuations of a state; `total` is at least 1."""

    right: int
    total: int

    @property
    def value(self) -> float:
        """The share that came out right."""
        return self.right / self.total


def tips(tree: Tree) -> list[Node]:
    """The ends of all continuations, finished or cut off, in the order they were asked for.

    The order of writing depends on the clock; what is read off a tree must not.
    """
    offspring, found, stack = tree.offspring(), [], [tree.root]
    while stack:
        node = stack.pop()
        below = offspring.get(node.index, [])
        if not below and node.parent >= 0:
            found.append(node)
        stack.extend(reversed(below))
    return found


async def is_right(grader: Grader, reference: str, path: Path) -> bool:
    """Whether a solution is finished and its answer equals the reference."""
    return path.node.finished and await grader.equivalent(reference, extract_answer(path.text))


def estimates(tree: Tree, right: Mapping[int, bool], *, passing: bool = True) -> dict[int, Estimate]:
    """What the continuations in a tree say of every step that lies on one, by the nodes' indices.

    A continuation speaks for the state that it was started from and for those that it wrote itself: given that it came
    there, what follows was drawn as any rollout from there would be. It does not speak for the states above its start,
    which would be counted as often as there are rollouts below them. Nodes of one state share their estimate. Of a
    continuation's last step the outcome is known; that is its estimate.

    Args:
        tree: grown by `complete` alone.
        right: whether each of `tips` came out right, by index.
        passing: whether a continuation speaks for the states that it wrote itself. Not where it was chosen for further
            rollouts because of how it came out: it would tilt their values that way.
    """
    states = tree.states()
    counts: dict[int, list[int]] = {}
    for tip in tips(tree):
        spoken_for = _spoken_for(tree, tip)
        for state in {states[node.index] for node in (spoken_for if passing else spoken_for[-1:])}:
            count = counts.setdefault(state, [0, 0])
            count[0] += right[tip.index]
            count[1] += 1
    return {node.index: Estimate(*counts[states[node.index]]) for node in tree.nodes if states[node.index] in counts}


def _spoken_for(tree: Tree, tip: Node) -> list[Node]:
    """The nodes that a continuation wrote, last to first, and then the one it was started from."""
    found = [tip]
    # What one request wrote hangs together by first children; whatever was asked for later of a node comes after its
    # first child. Siblings of one request hang side by side below its start.
    while found[-1].ordinal == 0 and found[-1].parent > 0:
        found.append(tree.nodes[found[-1].parent])
    start = tree.nodes[found[-1].parent]
    return [*found, start]
