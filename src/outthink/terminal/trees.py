"""A stored tree as a picture: solutions side by side, steps coloured by score, pruned branches dimmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree as Branch

from outthink.answer import canonical, extract_answer
from outthink.terminal.consoles import clean
from outthink.terminal.steps import step_grid, step_row
from outthink.tree import Node, Tree

__all__ = ["tree_view"]


def tree_view(tree: Tree, chosen: Sequence[tuple[str, str | None]]) -> RenderableType:
    """The tree below its prompt.

    Steps that follow each other without a fork stand below each other, so that the picture is as deep as the search
    forked, not as the solutions are long.

    Args:
        tree: the tree.
        chosen: selections and the answers they chose, to be marked.
    """
    return _View(tree, chosen).drawn()


class _View:
    def __init__(self, tree: Tree, chosen: Sequence[tuple[str, str | None]]) -> None:
        self._tree = tree
        self._offspring = tree.offspring()
        self._kept = _kept(tree)
        self._choosers = _choosers(chosen)

    def drawn(self) -> RenderableType:
        prompt = Branch(Text(f"prompt, {len(self._tree.root.ids)} tokens", "dim"), guide_style="dim")
        self._hang(prompt, self._tree.root)
        return prompt

    def _hang(self, branch: Branch, node: Node) -> None:
        for child in self._offspring.get(node.index, []):
            chain = list(self._chain(child))
            grid = step_grid()
            for link in chain:
                grid.add_row(*self._row(link))
            self._hang(branch.add(Group(grid)), chain[-1])

    def _chain(self, node: Node) -> Iterable[Node]:
        """The node and what follows it, up to the next fork."""
        yield node
        while len(children := self._offspring.get(node.index, [])) == 1:
            node = children[0]
            yield node

    def _row(self, node: Node) -> tuple[Text, Text]:
        if node.turn:
            return Text(), Text(f"asked anew, {len(node.ids)} tokens", "dim italic")
        score, text = step_row(node, dim=node.index not in self._kept)
        if tokens := self._tree.tokens(node):
            text.append(f"  {tokens} tokens", "dim")
        if node.finish in ("length", "context"):
            text.append(f", out of {'tokens' if node.finish == 'length' else 'context'}", "dim yellow")
        if node.finished:
            self._append_answer(text, node)
        return score, text

    def _append_answer(self, text: Text, node: Node) -> None:
        answer = extract_answer(self._tree.path(node).text)
        if answer is None:
            text.append("  no answer", "dim yellow")
            return
        text.append(f"  → {clean(answer)}", "bold")
        if choosers := self._choosers.get(canonical(answer)):
            text.append(f"  ◀ {', '.join(choosers)}", "bold cyan")


def _kept(tree: Tree) -> set[int]:
    """The nodes that some finished solution passes through; the others were pruned or cut off."""
    kept: set[int] = set()
    for leaf in tree.leaves:
        node = leaf
        while node.index not in kept:
            kept.add(node.index)
            if node.parent >= 0:
                node = tree.nodes[node.parent]
    return kept


def _choosers(chosen: Sequence[tuple[str, str | None]]) -> Mapping[str, list[str]]:
    """The selections that chose an answer, by the answer's key."""
    found: dict[str, list[str]] = {}
    for selection, answer in chosen:
        if answer is not None:
            found.setdefault(canonical(answer), []).append(selection)
    return found
