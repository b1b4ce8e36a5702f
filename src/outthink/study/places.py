"""Where the steps of a tree lie on its paths, and what was computed once for all samples of a pool."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import NamedTuple

from outthink.cost import Usage
from outthink.tree import Tree

__all__ = ["Once", "Places", "tokens_computed"]


def tokens_computed(bill: Usage) -> int:
    """All tokens that were computed, to read, to write or to judge."""
    return bill.prompt_tokens + bill.generated_tokens + bill.scored_tokens


class Once(NamedTuple):
    """Tokens that one child of the root computed for all of them, and that child's index."""

    tokens: float
    by: int


class Places:
    """Where the steps of a tree lie: what comes before each, and how far the paths through it go.

    Args:
        tree: whose.
    """

    def __init__(self, tree: Tree) -> None:
        self._nodes = tree.nodes
        self.sizes = [tree.tokens(node) for node in tree.nodes]
        self.begins: list[int] = []
        for node in tree.nodes:
            above = node.parent
            self.begins.append(0 if node.starts else self.begins[above] + self.sizes[above])
        self._ends = [begin + size for begin, size in zip(self.begins, self.sizes, strict=True)]
        for node in reversed(tree.nodes):
            if not node.starts:
                self._ends[node.parent] = max(self._ends[node.parent], self._ends[node.index])

    def readings(self) -> int:
        """How often a token's keys and values were read, over all tokens, if paths were written side by side."""
        total = 0
        for node, size, begin, end in zip(self._nodes, self.sizes, self.begins, self._ends, strict=True):
            # A prompt is read by all that is written after it, a written token by itself as well.
            total += size * (end - size) if node.starts else size * (end - begin) - size * (size - 1) // 2
        return total

    @property
    def steps(self) -> bool:
        """Whether there are any."""
        return any(not node.starts for node in self._nodes)

    def written(self) -> int:
        """Tokens on paths."""
        return sum(size for node, size in zip(self._nodes, self.sizes, strict=True) if not node.starts)

    def lengths(self) -> tuple[int, ...]:
        """Of the longest path below each child of the root, longest first."""
        ends = [self._ends[node.index] for node in self._nodes[1:] if node.parent == 0]
        return tuple(end - self.sizes[0] for end in sorted(ends, reverse=True))

    def shared(self) -> tuple[Once, Once]:
        """What engine and verifier computed once for all children of the root, and the others found cached."""
        branch = [0] * len(self._nodes)
        prompts: dict[int, int] = {}
        judged: dict[int, int] = {}
        own: dict[int, int] = {}
        for node in self._nodes[1:]:
            child = branch[node.index] = branch[node.parent] or node.index
            prompts[child] = prompts.get(child, 0) + node.cost.engine.prompt_tokens
            judged[child] = judged.get(child, 0) + tokens_computed(node.cost.verifier)
            own[child] = own.get(child, 0) + self.sizes[node.index]
        # A solution that was cut off may not have been judged at all.
        return _excess(prompts), _excess({each: judged[each] - own[each] for each in own if judged[each]})


def _excess(tokens: Mapping[int, int]) -> Once:
    """What the child that computed most beyond its own tokens computed more than is usual among the others."""
    if len(tokens) < 2:
        return Once(0.0, 0)
    *others, most = sorted(tokens, key=tokens.__getitem__)
    return Once(tokens[most] - median(tokens[other] for other in others), most)
