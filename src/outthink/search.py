"""Search: what a strategy is handed. It grows the tree, scores it, and keeps budget, seeds and the clock, once for all.

A strategy asks for children of nodes (`expand`) or for whole solutions (`complete`) and reads scores (`value`). Every
child is scored as soon as it is written, while its siblings are still being written.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import cast

from outthink.budget import Budget, Ledger
from outthink.concurrency import gather
from outthink.cost import Usage
from outthink.engines import Chooser, Engine, Sampling, Step
from outthink.errors import BudgetExhausted, UsageError
from outthink.growth import Growth, Manner
from outthink.partners import Partners
from outthink.scoring import Scoring
from outthink.seeding import derive
from outthink.select import Aggregate, aggregate
from outthink.tree import Message, Node, Tree
from outthink.verifiers import Verifier

__all__ = ["Manner", "Search"]


class Search:
    """One search on one problem.

    Args:
        tree: holds the prompt and receives every step.
        engine: writes.
        verifier: judges; None leaves every node without a score.
        sampling: how steps are sampled, and their caps.
        separator: text that ends a step and belongs to it.
        budget: what may be spent.
        aggregate: how a path's step scores become one number.
        priority: lower goes first where the engine has more requests than room.
        partners: further engines, by name, for strategies that use several; their costs count as the engine's.
    """

    def __init__(
        self,
        tree: Tree,
        *,
        engine: Engine,
        verifier: Verifier | None,
        sampling: Sampling,
        separator: str,
        budget: Budget,
        aggregate: Aggregate,
        priority: int = 0,
        partners: Mapping[str, Engine] | None = None,
    ) -> None:
        self.tree = tree
        self.budget = budget
        self._engine = engine
        self._aggregate = aggregate
        self._partners = Partners(engine, partners or {})
        self._ledger = Ledger(budget)
        self._scoring = Scoring(verifier, tree, self._ledger, self._now)
        self._growth = Growth(
            tree,
            self._ledger,
            self._scoring,
            sampling=sampling,
            separator=separator,
            priority=priority,
            now=self._now,
        )
        # A tree that was grown before has its times already; what happens to it now comes after.
        self._start = time.perf_counter() - max(node.scored or node.written for node in tree.nodes)
        self._root = tree.root
        self._part: tuple[int, ...] = (0,)

    @property
    def root(self) -> Node:
        """Where this search, or this part of one, begins: the prompt, or an open node."""
        return self._root

    def part(self, number: int, root: Node | None = None) -> Search:
        """A part of this search, for a strategy within the strategy: the same tree, budget and clock.

        Args:
            number: of the part among its siblings; its random numbers hang on it.
            root: where it begins; where this one does if None.
        """
        part = copy.copy(self)
        part._root = self._root if root is None else root
        part._part = (*self._part, number)
        return part

    def rng(self) -> Random:
        """Random numbers of this part, the same in every search with this seed."""
        # Drawn below -1, where no child's ordinal is, so that it shares nothing with the sampling seeds.
        return Random(derive(self.tree.root.seed, -1, *self._part))

    def value(self, node: Node) -> float:
        """The path to `node` as one number in [0, 1]; 0 while it says nothing.

        Raises:
            UsageError: the search has no verifier.
        """
        self._scoring.require()
        scores = self.tree.path(node).scores
        return aggregate(scores, self._aggregate) if scores else 0.0

    async def run(self, strategy: Callable[[Search], Awaitable[None]]) -> None:
        """Let a strategy spend the budget. A spent budget ends the search; the tree keeps all that was written."""
        self._start = time.perf_counter()
        try:
            async with asyncio.timeout(self.budget.seconds) as limit:
                await strategy(self)
        except BudgetExhausted as spent:
            self.tree.stopped = str(spent)
        except TimeoutError:
            if not limit.expired():
                raise
            self.tree.stopped = "seconds"

    async def ask(
        self, below: Node, messages: Sequence[Message], *, weight: float = 1.0, by: str | None = None
    ) -> Node:
        """Put another prompt to the engine: an attempt to be revised, solutions to be merged, a question about one.

        Args:
            below: what it follows upon.
            messages: the whole chat; the reply starts anew, and token caps with it.
            weight: what solutions written from it count for; replies that are none have 0: they do not vote, take no
                seat and are not scored.
            by: the partner that is to answer; the search's own engine if None.

        Returns:
            An open node, to be expanded or completed like the root.

        Raises:
            ContextTooSmall: it does not fit into the engine's context.
        """
        # Taken before anything is waited for: the place in the tree hangs on the order of asking.
        ordinal, below.children = below.children, below.children + 1
        ids = await self._partners.named(by).encode(messages)
        return self._growth.turn(below, ordinal, messages, ids, weight)

    async def force(self, node: Node, text: str) -> Node:
        """Put words into the engine's mouth: what it wrote goes on after them, even if it had come to its end.

        A finished solution holds the model's end of turn. So its last step is said again, without that, beside it. Its
        seat passes to what follows; its vote it keeps until its strategy sets the weight to 0.

        Args:
            node: open or finished.
            text: the words as they stand, with any space before them.

        Returns:
            An open node; one that is cut ("length") if the words fill the room a solution has.

        Raises:
            UsageError: the engine takes token ids and cannot tell those of a text.
        """
        above, said = (self.tree.nodes[node.parent], node.text + text) if node.finished else (node, text)
        ordinal, above.children = above.children, above.children + 1
        by_ids = len(self.tree.path(node).start.ids) > 0
        if by_ids and not hasattr(self._engine, "tokenize"):
            raise UsageError(
                f"{type(self._engine).__name__} cannot tell a text's token ids, so it cannot be made to go on after "
                "given words; use llamacpp or vllm, or another strategy"
            )
        ids = await cast(Chooser, self._engine).tokenize(said) if by_ids else []
        if node.finished and node.weight > 0:
            self._ledger.return_seat()
        step = Step(sibling=0, ids=ids, text=said, finish="step", usage=Usage())
        return self._growth.write(step, above, ordinal, began=self._now(), weight=above.weight)

    def withdraw(self, node: Node) -> None:
        """Take the vote from a finished solution and free its seat for another; unfinished ones have neither."""
        if node.finished and node.weight > 0:
            self._ledger.return_seat()
            node.weight = 0.0

    async def expand(
        self,
        nodes: Sequence[Node],
        n: int | Sequence[int],
        *,
        temperature: float | None = None,
        scored: bool = True,
        trial: bool = False,
        by: str | None = None,
    ) -> list[Node]:
        """Write `n` children of each node, one step long, and score them.

        Args:
            nodes: open nodes.
            n: children of every node, or one number a node.
            temperature: instead of the search's own.
            scored: False leaves those that can go on to be scored together with what follows them.
            trial: True writes them only to see where they lead: they take no seat, get no vote and no score, until
                they are taken (`take`) or scored (`score`).
            by: the partner that writes; the search's own engine if None.

        Returns:
            The children, node by node in the order given; fewer than asked for where samples allow no more.

        Raises:
            BudgetExhausted: the budget allows none; `run` turns this into the search's end.
            EngineError: the engine failed.
            VerifierError: the verifier failed or returned something that is no score.
        """
        manner = Manner(temperature=temperature, scored=scored, trial=trial, by=by)
        return await self.write(nodes, _counts(nodes, n), manner)

    async def complete(
        self,
        nodes: Sequence[Node],
        n: int | Sequence[int],
        *,
        temperature: float | None = None,
        by: str | None = None,
    ) -> list[Node]:
        """Write `n` continuations of each node to the solution's end; like `expand` otherwise.

        Each step is a node of its own. A solution is scored in one pass when it is written. Where fewer samples are
        left than are asked for, these are written before the search ends.

        Returns:
            The last node of each continuation.
        """
        return await self.write(nodes, _counts(nodes, n), Manner(whole=True, temperature=temperature, by=by))

    async def write(self, nodes: Sequence[Node], counts: Sequence[int], manner: Manner) -> list[Node]:
        """What `expand` and `complete` come to: a view of a search does this another way, and so both.

        Args:
            nodes: open nodes.
            counts: children of each.
            manner: how they are to be written.
        """
        seated = counts if manner.trial else self._seated(nodes, counts)
        short = list(seated) != list(counts)
        if short and not manner.whole:
            if not any(seated):
                raise BudgetExhausted("samples")
            self.tree.stopped = "samples"
        engine = await self._partners.continuing(map(self.tree.path, nodes), manner.by)
        children = await self._growth.branch(engine, nodes, seated, manner)
        if short and manner.whole:
            raise BudgetExhausted("samples")
        return children

    async def score(self, nodes: Sequence[Node]) -> None:
        """Score the paths to some nodes as far as they have no scores yet.

        Raises:
            UsageError: the search has no verifier.
            BudgetExhausted, VerifierError: like `expand`.
        """
        self._scoring.require()
        await gather(*(self._scoring.apart(node) for node in nodes if self.tree.path(node).unscored))

    def take(self, node: Node) -> None:
        """Count what was written on trial, up to `node`, as the search's own: it votes if it is finished.

        Raises:
            BudgetExhausted: it is a finished solution, and no more are allowed.
        """
        tried, above = [], node
        while not above.weight and not above.starts:
            tried.append(above)
            above = self.tree.nodes[above.parent]
        if tried and node.finished and above.weight:
            self._ledger.take_seats(1)
        for each in tried:
            each.weight = above.weight

    def _seated(self, nodes: Sequence[Node], wanted: Sequence[int]) -> list[int]:
        """How many of the solutions wanted from each node there are seats for."""
        left, counts = self._ledger.seats_left, []
        for node, count in zip(nodes, wanted, strict=True):
            counts.append(int(min(count, left)) if node.weight else count)
            left -= counts[-1] if node.weight else 0
        return counts

    def _now(self) -> float:
        return time.perf_counter() - self._start


def _counts(nodes: Sequence[Node], n: int | Sequence[int]) -> Sequence[int]:
    return [n] * len(nodes) if isinstance(n, int) else n
