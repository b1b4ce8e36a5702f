"""Whole solutions: having one written, asked for anew, put in another's place, or left to another strategy."""

from __future__ import annotations

from collections.abc import Sequence

from outthink.errors import ContextTooSmall
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.tree import Message, Node, Tree

__all__ = ["leaves_below", "one_solution", "reply", "solved", "succeed"]


async def one_solution(
    search: Search, node: Node, *, temperature: float | None = None, by: str | None = None
) -> Node | None:
    """The end of one continuation of a node; None if it was cut."""
    (tip,) = await search.complete([node], 1, temperature=temperature, by=by)
    return tip if tip.finished else None


async def reply(
    search: Search, below: Node, chat: Sequence[Message], *, weight: float, temperature: float | None = None
) -> Node | None:
    """The end of the engine's reply to another prompt; None if it was cut, or if the context has no room for it."""
    try:
        turn = await search.ask(below, chat, weight=weight)
        return await one_solution(search, turn, temperature=temperature)
    except ContextTooSmall:
        return None


async def succeed(search: Search, old: Node, chat: Sequence[Message]) -> Node | None:
    """Another solution, below `old` and in its place: the new one votes and the old one no longer does.

    None if it was not finished; `old` then keeps its vote, as it does if the search ends meanwhile.
    """
    try:
        new = await reply(search, old, chat, weight=search.root.weight)
    except BaseException:
        # The search ends. The new one may be there, but not yet scored: never do both vote.
        for leaf in leaves_below(search.tree, old):
            if leaf is not old:
                leaf.weight = 0.0
        raise
    if new is not None:
        old.weight = 0.0
    return new


async def solved(search: Search, inner: Strategy) -> list[Node]:
    """Let another strategy solve the problem: the ends of the solutions it leaves, in the order of their places."""
    root = search.root
    if root.starts:
        # With a prompt of its own, what it leaves is told from what others leave below the same prompt.
        root = await search.ask(root, search.tree.path(root).messages, weight=root.weight)
    await inner(search.part(0, root))
    return leaves_below(search.tree, root)


def leaves_below(tree: Tree, root: Node) -> list[Node]:
    """The ends of the voting solutions from a node on, in the order they were asked for, not that of writing."""
    offspring = tree.offspring()
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        if node.finished and node.weight > 0:
            found.append(node)
        stack.extend(reversed(offspring.get(node.index, [])))
    return found
