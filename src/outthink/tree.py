"""The tree: the single record of one search. Resume, accounting, re-analysis and pictures all read it.

A tree knows nothing of engines, verifiers or strategies; it holds what they wrote, scored and spent.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from outthink.cost import Cost

__all__ = ["Finish", "Message", "Node", "Path", "Tree"]

Finish = Literal["step", "end", "length", "context"]
"""Why writing stopped: at the step's separator, at the model's end, at a token cap, at the context's end."""

Message = dict[str, str]
"""One chat message: `role` and `content`."""


@dataclass(slots=True, kw_only=True)
class Node:
    """One step: its tokens, its score, its cost; or a prompt, of which the root holds the first.

    Args:
        index: position in the tree, in the order of writing.
        parent: index of the parent; -1 for the root.
        ordinal: number among its siblings, given when the step was asked for.
        depth: nodes from the root.
        length: tokens written from the prompt to the end of this step.
        seed: from which the seeds of its children follow.
        ids: token ids, exactly as sampled, or the prompt's.
        text: the text of the ids.
        finish: why writing stopped here.
        logprob: sum of the tokens' log-probabilities, where the engine was asked for them.
        confidences: of the tokens, first to last, where the engine was asked for them.
        score: the verifier's, in [0, 1]; None while there is none.
        cost: what this step alone cost.
        began, written, scored: seconds since the search began; NaN where it did not happen.
        children: how many children were asked for.
        weight: what the vote of a solution that ends here counts for; 0 is no vote. Steps inherit their parent's.
        turn: whether it is a later prompt, hung below what it answers to (an attempt to revise, say).
    """

    index: int
    parent: int
    ordinal: int
    depth: int
    length: int
    seed: int
    ids: array[int]
    text: str
    finish: Finish
    logprob: float | None = None
    confidences: array[float] | None = None
    score: float | None = None
    cost: Cost = field(default_factory=Cost)
    began: float = 0.0
    written: float = 0.0
    scored: float | None = None
    children: int = 0
    weight: float = 1.0
    turn: bool = False

    @property
    def starts(self) -> bool:
        """Whether it is a prompt: what follows is a solution, or a reply, of its own."""
        return self.turn or self.parent < 0

    @property
    def finished(self) -> bool:
        """Whether the model ended its writing here; only finished solutions vote."""
        return self.finish == "end"

    @property
    def open(self) -> bool:
        """Whether the solution can be continued from here."""
        return self.finish == "step"

    @property
    def blank(self) -> bool:
        """Whether the step says nothing (a lone separator, an end right after one): there is nothing to score."""
        return not self.text.strip()

    @property
    def wording(self) -> tuple[bytes, str]:
        """What tells it from siblings that were not sampled alike: its ids, and its text where an engine has no ids."""
        return self.ids.tobytes(), self.text


@dataclass(frozen=True, slots=True)
class Path:
    """Prompt to node: a partial or finished solution."""

    tree: Tree
    node: Node

    @property
    def question(self) -> str:
        """The question as asked."""
        return self.tree.question

    @property
    def start(self) -> Node:
        """The prompt it answers."""
        node = self.node
        while not node.starts:
            node = self.tree.nodes[node.parent]
        return node

    @property
    def messages(self) -> list[Message]:
        """The chat it answers."""
        return self.tree.turns.get(self.start.index, self.tree.messages)

    @property
    def nodes(self) -> list[Node]:
        """The written nodes, first to last, without the prompt."""
        nodes = self.tree.nodes
        found, node = [], self.node
        while not node.starts:
            found.append(node)
            node = nodes[node.parent]
        found.reverse()
        return found

    @property
    def steps(self) -> list[Node]:
        """The nodes that say something: those a verifier scores, one score each."""
        return [node for node in self.nodes if not node.blank]

    @property
    def unscored(self) -> list[Node]:
        """The steps that have no score yet: all after the last one that has."""
        nodes = self.tree.nodes
        found, node = [], self.node
        while not node.starts and node.score is None:
            if not node.blank:
                found.append(node)
            node = nodes[node.parent]
        found.reverse()
        return found

    @property
    def scores(self) -> list[float]:
        """The scores there are, first step to last; blank steps have none."""
        return [node.score for node in self.nodes if node.score is not None]

    @property
    def ids(self) -> list[int]:
        """Token ids of prompt and steps: the state an engine continues from."""
        ids = list(self.start.ids)
        for node in self.nodes:
            ids.extend(node.ids)
        return ids

    @property
    def tokens(self) -> int:
        """How many tokens prompt and steps have, as far as the engine tells the prompt's."""
        return len(self.start.ids) + self.node.length

    @property
    def text(self) -> str:
        """The solution so far, without the prompt."""
        return "".join(node.text for node in self.nodes)

    @property
    def confidences(self) -> list[float]:
        """The confidences of all tokens written so far; none where the engine was not asked for them."""
        return [each for node in self.nodes for each in node.confidences or ()]


@dataclass(slots=True, repr=False)
class Tree:
    """All steps of one search.

    Args:
        question: the question as asked.
        messages: the chat messages that posed it, for engines that cannot take token ids.
        nodes: the root, then every step in the order of writing.
        stopped: what ended the search before its strategy was done ("samples", "tokens", "seconds", "flops"), if
            anything.
        turns: the chat messages of later prompts, by their nodes' indices.
    """

    question: str
    messages: list[Message]
    nodes: list[Node]
    stopped: str | None = None
    turns: dict[int, list[Message]] = field(default_factory=dict)

    def __repr__(self) -> str:
        # Thousands of nodes help nobody, and asyncio formats results on its way out.
        return f"Tree({self.question!r}, {len(self.nodes)} nodes, {len(self.leaves)} finished)"

    @classmethod
    def plant(cls, question: str, messages: list[Message], ids: Iterable[int], seed: int) -> Tree:
        """A tree of nothing but its root."""
        root = Node(
            index=0,
            parent=-1,
            ordinal=0,
            depth=0,
            length=0,
            seed=seed,
            ids=array("i", ids),
            text="",
            finish="step",
        )
        return cls(question, messages, [root])

    @classmethod
    def written(cls, question: str, steps: Sequence[str], separator: str, messages: Sequence[Message] = ()) -> Tree:
        """A tree of one finished solution that is known as text alone, so that a verifier can be shown it.

        Args:
            question: as asked.
            steps: without separators.
            separator: what ended each step but the last.
            messages: the chat that posed the question, for verifiers that read its system prompt.
        """
        tree = cls.plant(question, list(messages), [], 0)
        for place, step in enumerate(steps):
            last = place == len(steps) - 1
            node = replace(
                tree.root,
                index=place + 1,
                parent=place,
                depth=place + 1,
                ids=array("i"),
                text=step if last else step + separator,
                finish="end" if last else "step",
                cost=Cost(),
            )
            tree.nodes.append(node)
        return tree

    @property
    def root(self) -> Node:
        """The prompt."""
        return self.nodes[0]

    @property
    def leaves(self) -> list[Node]:
        """The ends of the finished solutions that vote, in the order of writing."""
        return [node for node in self.nodes if node.finished and node.weight > 0]

    @property
    def cost(self) -> Cost:
        """What the whole search cost."""
        return sum((node.cost for node in self.nodes), Cost())

    def path(self, node: Node) -> Path:
        """The path that ends at `node`."""
        return Path(self, node)

    def tokens(self, node: Node) -> int:
        """How many tokens a step took, also where an engine that continues by text has no ids for them."""
        return len(node.ids) if node.starts else node.length - self.nodes[node.parent].length

    def states(self) -> list[int]:
        """A number for each node, the same for those whose paths are alike token by token: they are one state."""
        known: dict[tuple[int, tuple[bytes, str]], int] = {}
        found: list[int] = []
        for node in self.nodes:
            above = found[node.parent] if node.parent >= 0 else -1
            found.append(known.setdefault((above, node.wording), len(known)))
        return found

    def offspring(self) -> dict[int, list[Node]]:
        """The children of every node that has any, siblings in the order they were asked for."""
        found: dict[int, list[Node]] = {}
        for node in self.nodes[1:]:
            found.setdefault(node.parent, []).append(node)
        for siblings in found.values():
            siblings.sort(key=lambda node: node.ordinal)
        return found

    def unscored(self) -> Tree:
        """A copy as its engine left it, without scores and without the verifier's bill."""
        bare = [replace(node, score=None, scored=None, cost=Cost(engine=node.cost.engine)) for node in self.nodes]
        return replace(self, nodes=bare)

    def digest(self) -> str:
        """A hash of what was written and scored, whatever the timing: equal for equal searches.

        Nodes are taken in the order they were asked for, since the order of writing depends on the clock.
        """
        offspring = self.offspring()
        hasher = hashlib.sha256(json.dumps([self.question, self.messages, self.stopped]).encode())
        stack = [self.root]
        while stack:
            node = stack.pop()
            parts = [node.depth, node.ordinal, node.ids.tolist(), node.text, node.finish, node.logprob, node.score]
            hasher.update(json.dumps([*parts, node.weight, self.turns.get(node.index)]).encode())
            stack.extend(reversed(offspring.get(node.index, [])))
        return hasher.hexdigest()
