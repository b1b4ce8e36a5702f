"""Completions: a problem's solutions in the form in which others keep them, one text each in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass

from outthink.select import Aggregate, aggregate
from outthink.strategies import Pool, Strategy
from outthink.strategies.imported import Imported
from outthink.tree import Node, Tree

__all__ = ["Completion", "completion", "completions_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One solution.

    Args:
        text: all that was written.
        scores: one for each step that says something, or one for the whole; empty if it was not judged.
        tokens: written on its path; None where nobody counted.
        finished: whether the model ended it. What is unfinished has no vote.
        weight: what its vote counts for, above 0.
    """

    text: str
    scores: tuple[float, ...] = ()
    tokens: int | None = None
    finished: bool = True
    weight: float = 1.0

    def worth(self, how: Aggregate) -> float | None:
        """Its scores as one number; None if it was not judged."""
        return aggregate(self.scores, how) if self.scores else None


def completions_of(tree: Tree, strategy: Strategy) -> list[Completion]:
    """The completions in a tree, in the order of their places: the first n of them are the same however fast they were.

    Of independent samples all are told, also those that came to no end: they were drawn, and count among the n. Of a
    search those are told that vote.

    Args:
        tree: of one search.
        strategy: that grew it.
    """
    pooled, offspring = isinstance(strategy, Pool | Imported), tree.offspring()
    stack, found = [tree.root], []
    while stack:
        node = stack.pop()
        children = offspring.get(node.index, [])
        stack.extend(reversed(children))
        if not node.starts and (not children if pooled else node.finished and node.weight > 0):
            found.append(completion(tree, node))
    return found


def completion(tree: Tree, node: Node, judged: Node | None = None) -> Completion:
    """The path to a node.

    Args:
        tree: its tree.
        node: where the text ends.
        judged: where the text ends whose scores it has, if elsewhere.
    """
    text = tree.path(node).text
    return Completion(
        text=text,
        scores=tuple(tree.path(judged or node).scores),
        # An imported solution whose tokens nobody counted has none.
        tokens=node.length or (None if text else 0),
        finished=node.finished,
        weight=node.weight if node.finished else 1.0,
    )
