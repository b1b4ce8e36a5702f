"""Search: what a strategy is handed. It grows the tree, scores it, and keeps budget, seeds and the clock, once for all.

A strategy asks for children of nodes (`expand`) or for whole solutions (`complete`) and reads scores (`value`). Every
child is scored as soon as it is written, while its siblings are still being written.
"""

from __future__ import annotations

import asyncio
import copy
import math
import time
from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from random import Random

from outthink.budget import Budget, Ledger
from outthink.concurrency import task_group
from outthink.cost import Cost, Usage
from outthink.engines import Engine, Request, Sampling, Step
from outthink.errors import BudgetExhausted, UsageError, VerifierError
from outthink.seeding import derive
from outthink.select import Aggregate, aggregate
from outthink.tree import Message, Node, Path, Tree
from outthink.verifiers import Verifier

__all__ = ["Search"]


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
        self._verifier = verifier
        self._sampling = sampling
        self._separator = separator
        self._aggregate = aggregate
        self._priority = priority
        self._partners = partners or {}
        self._alike: dict[tuple[str, int], bool] = {}
        self._ledger = Ledger(budget)
        self._start = time.perf_counter()
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
        if self._verifier is None:
            raise UsageError("this strategy ranks paths by score: name a verifier")
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
        ids = await self._writer(by).encode(messages)
        ordinal, below.children = below.children, below.children + 1
        node = Node(
            index=len(self.tree.nodes),
            parent=below.index,
            ordinal=ordinal,
            depth=below.depth + 1,
            length=0,
            seed=derive(below.seed, ordinal, 0),
            ids=array("i", ids),
            text="",
            finish="step",
            began=self._now(),
            written=self._now(),
            weight=weight,
            turn=True,
        )
        self.tree.nodes.append(node)
        self.tree.turns[node.index] = list(messages)
        return node

    async def expand(
        self,
        nodes: Sequence[Node],
        n: int | Sequence[int],
        *,
        temperature: float | None = None,
        scored: bool = True,
        by: str | None = None,
    ) -> list[Node]:
        """Write `n` children of each node, one step long, and score them.

        Args:
            nodes: open nodes.
            n: children of every node, or one number a node.
            temperature: instead of the search's own.
            scored: False leaves them to be scored together with what follows them.
            by: the partner that writes; the search's own engine if None.

        Returns:
            The children, node by node in the order given.

        Raises:
            BudgetExhausted: the budget does not allow it; `run` turns this into the search's end.
            EngineError: the engine failed.
            VerifierError: the verifier failed or returned something that is no score.
        """
        return await self._branch(nodes, n, whole=False, temperature=temperature, scored=scored, by=by)

    async def complete(
        self,
        nodes: Sequence[Node],
        n: int | Sequence[int],
        *,
        temperature: float | None = None,
        by: str | None = None,
    ) -> list[Node]:
        """Write `n` continuations of each node to the solution's end; like `expand` otherwise.

        Each step is a node of its own. A solution is scored in one pass when it is written.

        Returns:
            The last node of each continuation.
        """
        return await self._branch(nodes, n, whole=True, temperature=temperature, scored=True, by=by)

    async def _branch(
        self,
        nodes: Sequence[Node],
        n: int | Sequence[int],
        *,
        whole: bool,
        temperature: float | None,
        scored: bool,
        by: str | None,
    ) -> list[Node]:
        engine = await self._continuing(nodes, by)
        counts = [n] * len(nodes) if isinstance(n, int) else n
        self._ledger.take_seats(sum(count for node, count in zip(nodes, counts, strict=True) if node.weight > 0))
        sampling = self._sampling if temperature is None else replace(self._sampling, temperature=temperature)
        async with task_group() as group:
            growing = []
            for node, count in zip(nodes, counts, strict=True):
                # Under a token budget every child sets its own tokens aside, so each is a request of its own.
                for size in [count] * (count > 0) if self.budget.tokens is None else [1] * count:
                    first, node.children = node.children, node.children + size
                    growing.append(
                        group.create_task(self._grow(engine, group, node, first, size, sampling, whole, scored))
                    )
        return [child for task in growing for child in task.result()]

    def _writer(self, by: str | None) -> Engine:
        if by is None:
            return self._engine
        if by not in self._partners:
            known = ", ".join(self._partners) or "none"
            raise UsageError(f"there is no partner engine {by!r}, but {known}; name it under `partners` in the recipe")
        return self._partners[by]

    async def _continuing(self, nodes: Sequence[Node], by: str | None) -> Engine:
        """The engine that is to continue some nodes, once it is known to read their prompts as the same ids."""
        engine = self._writer(by)
        for node in nodes if by is not None else ():
            path = Path(self.tree, node)
            place = (by or "", path.start.index)
            if place not in self._alike:
                self._alike[place] = await engine.encode(path.messages) == list(path.start.ids)
            if not self._alike[place]:
                raise UsageError(
                    f"partner {by!r} splits text into other tokens than the engine that began, and cannot continue its "
                    "steps; name a model of the same family"
                )
        return engine

    async def _grow(
        self,
        engine: Engine,
        group: asyncio.TaskGroup,
        parent: Node,
        first: int,
        n: int,
        sampling: Sampling,
        whole: bool,
        scored: bool,
    ) -> list[Node]:
        """Write children `first` to `first + n - 1` of a node and have each scored in `group`."""
        room = sampling.max_tokens - parent.length
        wanted = room if whole else min(room, sampling.max_step_tokens)
        granted = await self._ledger.take_tokens(n * wanted)
        request = Request(
            n=n,
            sampling=sampling,
            separator=self._separator,
            whole=whole,
            max_tokens=granted // n,
            seed=derive(parent.seed, first),
            priority=self._priority,
            abandoned=self._abandon,
        )
        tips, used, began = [parent] * n, 0, self._now()
        try:
            async with aclosing(engine.sample(Path(self.tree, parent), request)) as steps:
                async for step in steps:
                    tip = tips[step.sibling]
                    tip = self._write(step, tip, first + step.sibling if tip is parent else 0, began)
                    tips[step.sibling] = tip
                    used += step.tokens
                    if whole and tip.open:
                        tip.children = 1
                        continue
                    if tip.weight == 0:
                        continue
                    if not tip.finished:
                        self._ledger.return_seat()
                    if self._verifier is not None and scored:
                        group.create_task(self._score(self._verifier, tip))
        finally:
            self._ledger.settle(granted, used)
        return tips

    def _write(self, step: Step, parent: Node, ordinal: int, began: float) -> Node:
        length = parent.length + step.tokens
        full = step.finish == "step" and length >= self._sampling.max_tokens
        node = Node(
            index=len(self.tree.nodes),
            parent=parent.index,
            ordinal=ordinal,
            depth=parent.depth + 1,
            length=length,
            seed=derive(parent.seed, ordinal, 0),
            ids=array("i", step.ids),
            text=step.text,
            finish="length" if full else step.finish,
            logprob=step.logprob,
            cost=Cost(engine=step.usage),
            began=began,
            written=self._now(),
            weight=parent.weight,
        )
        self.tree.nodes.append(node)
        return node

    def _abandon(self, usage: Usage) -> None:
        """What left no step behind is on the root's bill."""
        root = self.root
        root.cost = replace(root.cost, engine=root.cost.engine + usage)

    async def _score(self, verifier: Verifier, node: Node) -> None:
        path = self.tree.path(node)
        steps = path.unscored
        if not steps:
            return
        scores = await verifier.score(path)
        # Paid for before it is looked at: what turns out to be no score has its cost all the same.
        node.cost = Cost(engine=node.cost.engine, verifier=scores.usage)
        if len(scores.values) != len(steps):
            raise VerifierError(
                f"the verifier returned {len(scores.values)} scores for {len(steps)} steps; "
                "it must return one for each step that has none"
            )
        now = self._now()
        for step, value in zip(steps, scores.values, strict=True):
            if not (math.isfinite(value) and 0.0 <= value <= 1.0):
                raise VerifierError(
                    f"the verifier scored step {step.depth} with {value}; scores must lie in [0, 1]. "
                    "Check its model, precision and input format"
                )
            step.score, step.scored = value, now

    def _now(self) -> float:
        return time.perf_counter() - self._start
