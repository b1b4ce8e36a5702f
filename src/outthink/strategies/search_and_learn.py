"""Beam search and DVTS as huggingface/search-and-learn carries them out, so that its figures can be understood.

For everything else there are `beam` and `dvts`; docs/compatibility.md tells what differs and what that does to an
accuracy. Rewritten from the toolkit's behaviour, with none of its code.

A search is written once, against a hand (`Hand`) that writes steps and has them scored. In a search that is engine and
verifier; for whoever looks at a stored tree it is the tree. So what the toolkit would have returned, unfinished paths
included, is read off the tree and need not be marked in it. By our own rules what it returned votes if the model
finished it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import NamedTuple, Protocol, runtime_checkable

from outthink.checks import at_least, between
from outthink.errors import UsageError
from outthink.search import Search
from outthink.select import Aggregate, aggregate
from outthink.tree import Node, Tree

__all__ = ["Returned", "SearchAndLearn", "SearchAndLearnBeam", "SearchAndLearnDvts", "returned"]

_BOXED = "boxed{"


class Returned(NamedTuple):
    """One solution in the toolkit's result.

    Args:
        node: where its text ends; open if it is unfinished.
        judged: where the text ends that its scores are of, which may lie ahead of it.
    """

    node: Node
    judged: Node


class Hand(Protocol):
    """What a search is carried out with."""

    @property
    def root(self) -> Node:
        """The prompt."""

    async def write(self, nodes: Sequence[Node], temperature: float | None = None) -> list[Node]:
        """One child of each node, in order; a node named twice gets two."""

    async def judge(self, nodes: Sequence[Node]) -> None:
        """Have the paths to the nodes scored."""

    def value(self, node: Node) -> float:
        """The path to a node as one number."""

    def text(self, node: Node) -> str:
        """What is written up to a node."""


@runtime_checkable
class SearchAndLearn(Protocol):
    """A search as the toolkit carries it out."""

    async def grow(self, hand: Hand) -> list[Returned]:
        """Search, and return what the toolkit returns, in its order."""


async def returned(strategy: SearchAndLearn, tree: Tree, how: Aggregate) -> list[Returned]:
    """What the toolkit would have returned of a stored search; nothing if a budget ended it: the toolkit has none.

    Args:
        strategy: that grew the tree.
        tree: its record.
        how: how the search made step scores one number.
    """
    return [] if tree.stopped is not None else await strategy.grow(_Stored(tree, how))


async def _search(strategy: SearchAndLearn, search: Search) -> None:
    """Grow the tree on trial, so that nothing votes, and take what is returned and finished."""
    for each in await strategy.grow(_Live(search)):
        if each.node.finished:
            search.take(each.node)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAndLearnBeam:
    """Beam search as in huggingface/search-and-learn (Beeching, Tunstall and Rush 2024).

    After every step the n / width best open paths are kept, and the pool is filled up to n with them in turn, however
    many paths have come to an end by then. Of all that came to an end the first n are returned; a path that was cut at
    a cap is taken for one that ended.

    Args:
        n: paths written at each step, and solutions returned.
        width: n / width paths are kept.
        max_steps: steps; the last one is written to the solution's end.
        filter_duplicates: of open paths with the same text only the first is kept.
        sort_completed: the n best are returned, best first, instead of the first n.
    """

    n: int = 16
    width: int = 4
    max_steps: int = 40
    filter_duplicates: bool = False
    sort_completed: bool = False

    def __post_init__(self) -> None:
        at_least(1, n=self.n, max_steps=self.max_steps)
        between(1, self.n, width=self.width)

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Paths are kept by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Search as the toolkit does; what it returns votes if it is finished."""
        await _search(self, search)

    async def grow(self, hand: Hand) -> list[Returned]:
        """Keep the best, fill up the pool, again."""
        completed: list[Node] = []
        pool = [hand.root] * self.n
        for step in range(1, self.max_steps + 1):
            children = await _write(hand, pool, final=step == self.max_steps)
            await hand.judge(children)
            completed += [child for child in children if not child.open]
            active = [child for child in children if child.open]
            if not active:
                break
            pool = list(islice(cycle(self._kept(hand, active)), self.n))
        if self.sort_completed:
            completed.sort(key=hand.value, reverse=True)
        # All of the last pool came to an end, so these are n: the toolkit's own copies for want of them are never made.
        return [Returned(node, node) for node in completed[: self.n]]

    def _kept(self, hand: Hand, active: Sequence[Node]) -> list[Node]:
        """The best, in the order of the pool; of equal ones the later."""
        if self.filter_duplicates:
            firsts: dict[str, Node] = {}
            for node in active:
                firsts.setdefault(hand.text(node), node)
            active = list(firsts.values())
        ranked = sorted(range(len(active)), key=lambda place: hand.value(active[place]))
        return [active[place] for place in sorted(ranked[-(self.n // self.width) :])]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAndLearnDvts:
    """DVTS as in huggingface/search-and-learn (Beeching, Tunstall and Rush 2024).

    A subtree is over when its best child has come to an end or has an answer in a box. All children of its last step
    are returned, whether they came to an end or not.

    Args:
        n: solutions returned; a multiple of `width`.
        width: children of each subtree's one path.
        max_steps: steps; the last one is written to the solution's end.
        lookahead: greedy steps behind each child that are judged with it and then dropped.
    """

    n: int = 16
    width: int = 4
    max_steps: int = 40
    lookahead: int = 1

    def __post_init__(self) -> None:
        if self.n < 1 or self.width < 1 or self.n % self.width:
            raise UsageError(f"n is {self.n} and width {self.width}; n must be a multiple of width, both at least 1")
        at_least(0, lookahead=self.lookahead)
        at_least(1, max_steps=self.max_steps)

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Paths are kept by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Search as the toolkit does; what it returns votes if it is finished."""
        await _search(self, search)

    async def grow(self, hand: Hand) -> list[Returned]:
        """Keep the best child of each subtree, give it children, again."""
        subtrees = range(self.n // self.width)
        tips = [hand.root for _ in subtrees]
        last: list[list[Returned]] = [[] for _ in subtrees]
        going = list(subtrees)
        for step in range(1, self.max_steps + 1):
            written = await self._step(hand, [tips[each] for each in going], final=step == self.max_steps)
            for place, each in enumerate(going):
                last[each] = written[place * self.width : (place + 1) * self.width]
                # Of equal ones the first.
                tips[each] = max(last[each], key=lambda child: hand.value(child.judged)).node
            going = [each for each in going if tips[each].open and _BOXED not in hand.text(tips[each])]
            if not going:
                break
        return [child for children in last for child in children]

    async def _step(self, hand: Hand, tips: Sequence[Node], *, final: bool) -> list[Returned]:
        """The children of all subtrees that go on, judged."""
        parents = [tip for tip in tips for _ in range(self.width)]
        children = await _write(hand, parents, final=final)
        ahead = list(children)
        for _ in range(0 if final else self.lookahead):
            ahead = await _write_on(hand, ahead, temperature=0.0)
        await hand.judge(ahead)
        return [Returned(*pair) for pair in zip(children, ahead, strict=True)]


class _Live:
    """Engine and verifier, by way of a search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self.root = search.root
        self.value = search.value

    async def write(self, nodes: Sequence[Node], temperature: float | None = None) -> list[Node]:
        return await self._search.expand(nodes, 1, temperature=temperature, trial=True)

    async def judge(self, nodes: Sequence[Node]) -> None:
        await self._search.score(nodes)

    def text(self, node: Node) -> str:
        return self._search.tree.path(node).text


class _Stored:
    """A stored tree: asked for the same things in the same order, it has the same answers."""

    def __init__(self, tree: Tree, how: Aggregate) -> None:
        self._tree = tree
        self._how = how
        self._left = {index: iter(children) for index, children in tree.offspring().items()}
        self.root = tree.root

    async def write(self, nodes: Sequence[Node], temperature: float | None = None) -> list[Node]:
        return [next(self._left[node.index]) for node in nodes]

    async def judge(self, nodes: Sequence[Node]) -> None:
        pass

    def value(self, node: Node) -> float:
        scores = self._tree.path(node).scores
        return aggregate(scores, self._how) if scores else 0.0

    def text(self, node: Node) -> str:
        return self._tree.path(node).text


async def _write(hand: Hand, nodes: Sequence[Node], *, final: bool) -> list[Node]:
    """One child of each node; at the final step, where that leads in the end."""
    tips = await hand.write(nodes)
    while final and any(tip.open for tip in tips):
        tips = await _write_on(hand, tips)
    return tips


async def _write_on(hand: Hand, tips: Sequence[Node], temperature: float | None = None) -> list[Node]:
    """One step more of those that have not come to an end."""
    written = iter(await hand.write([tip for tip in tips if tip.open], temperature))
    return [next(written) if tip.open else tip for tip in tips]
