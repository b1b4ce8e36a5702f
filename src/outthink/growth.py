"""Growth: engines' steps become nodes of a tree, within the budget, and are scored as soon as they are written."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from outthink.budget import Grant, Ledger, flops_per_token
from outthink.concurrency import task_group
from outthink.cost import Cost, Usage
from outthink.engines import Engine, Request, Sampling, Step
from outthink.scoring import Scoring
from outthink.seeding import child, derive
from outthink.tree import Message, Node, Path, Tree

__all__ = ["Growth", "Manner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How children are to be written; see `Search.expand` and `Search.complete`.

    Args:
        whole: to the solution's end, not one step long.
        temperature: instead of the search's own.
        scored: also what can go on is scored at once.
        trial: no seat, no vote and no score until it is taken.
        by: the partner that writes; the search's own engine if None.
    """

    whole: bool = False
    temperature: float | None = None
    scored: bool = True
    trial: bool = False
    by: str | None = None


class Growth:
    """How a search's tree grows.

    Args:
        tree: receives every step.
        ledger: keeps the budget.
        scoring: of what is written.
        sampling: how steps are sampled, and their caps.
        separator: text that ends a step and belongs to it.
        priority: lower goes first where the engine has more requests than room.
        now: seconds since the search began.
    """

    def __init__(
        self,
        tree: Tree,
        ledger: Ledger,
        scoring: Scoring,
        *,
        sampling: Sampling,
        separator: str,
        priority: int,
        now: Callable[[], float],
    ) -> None:
        self._tree = tree
        self._ledger = ledger
        self._scoring = scoring
        self._sampling = sampling
        self._separator = separator
        self._priority = priority
        self._now = now

    async def branch(self, engine: Engine, nodes: Sequence[Node], counts: Sequence[int], manner: Manner) -> list[Node]:
        """Write so many children of each node, all at the same time, and have them scored; in the nodes' order."""
        wanted = zip(nodes, counts, strict=True)
        self._ledger.take_seats(0 if manner.trial else sum(count for node, count in wanted if node.weight > 0))
        async with task_group() as group:
            growing = []
            for node, count in zip(nodes, counts, strict=True):
                # What is metered is set aside child by child, so each is a request of its own.
                for size in [1] * count if self._ledger.metered else [count] * (count > 0):
                    first, node.children = node.children, node.children + size
                    growing.append(group.create_task(self._grow(engine, group, node, first, size, manner)))
        return [child for task in growing for child in task.result()]

    def turn(self, below: Node, ordinal: int, messages: Sequence[Message], ids: Sequence[int], weight: float) -> Node:
        """Another prompt, hung below a node."""
        node = Node(
            index=len(self._tree.nodes),
            parent=below.index,
            ordinal=ordinal,
            depth=below.depth + 1,
            length=0,
            seed=child(below.seed, ordinal),
            ids=array("i", ids),
            text="",
            finish="step",
            began=self._now(),
            written=self._now(),
            weight=weight,
            turn=True,
        )
        self._tree.nodes.append(node)
        self._tree.turns[node.index] = list(messages)
        return node

    def write(self, step: Step, parent: Node, ordinal: int, *, began: float, weight: float) -> Node:
        """A step as a node; one that fills the room a solution has cannot go on."""
        length = parent.length + step.tokens
        full = step.finish == "step" and length >= self._sampling.max_tokens
        node = Node(
            index=len(self._tree.nodes),
            parent=parent.index,
            ordinal=ordinal,
            depth=parent.depth + 1,
            length=length,
            seed=child(parent.seed, ordinal),
            ids=array("i", step.ids),
            text=step.text,
            finish="length" if full else step.finish,
            logprob=step.logprob,
            confidences=array("f", step.confidences) if step.confidences else None,
            cost=Cost(engine=step.usage),
            began=began,
            written=self._now(),
            weight=weight,
        )
        self._tree.nodes.append(node)
        return node

    async def _grow(
        self, engine: Engine, group: asyncio.TaskGroup, parent: Node, first: int, n: int, manner: Manner
    ) -> list[Node]:
        """Write children `first` to `first + n - 1` of a node and have each scored in `group`."""
        sampling, counted = self._sampled(manner), self._ledger.counts_flops
        room = sampling.max_tokens - parent.length
        judged = self._scoring.has_verifier and not manner.trial and parent.weight > 0
        grant = await self._ledger.take(
            n * (room if manner.whole else min(room, sampling.max_step_tokens)),
            prefix=self._tree.path(parent).tokens,
            writing=flops_per_token(engine, "engine") if counted else 0.0,
            judging=self._scoring.flops_per_token if judged else 0.0,
        )
        used = Usage()

        def abandon(usage: Usage) -> None:
            """What left no step behind is on the root's bill."""
            nonlocal used
            used += usage
            self._tree.root.cost += Cost(engine=usage)

        request = Request(
            n=n,
            sampling=sampling,
            separator=self._separator,
            whole=manner.whole,
            max_tokens=grant.tokens // n,
            seed=derive(parent.seed, first),
            priority=self._priority,
            abandoned=abandon,
        )
        tips, scoring, began = [parent] * n, False, self._now()
        weight = 0.0 if manner.trial else parent.weight
        try:
            async with aclosing(engine.sample(Path(self._tree, parent), request)) as steps:
                async for step in steps:
                    tip = tips[step.sibling]
                    ordinal = first + step.sibling if tip is parent else 0
                    tip = self.write(step, tip, ordinal, began=began, weight=weight)
                    tips[step.sibling] = tip
                    used += step.usage
                    if manner.whole and tip.open:
                        tip.children = 1
                        continue
                    if tip.weight == 0:
                        continue
                    if not tip.finished:
                        self._ledger.return_seat()
                    if judged and (manner.scored or tip.finished):
                        task, scoring = group.create_task(self._scoring.path(tip)), True
                        task.add_done_callback(partial(self._judged, grant, tip))
            # What should have reached its end, and was cut right behind a step.
            for tip in tips:
                if manner.whole and tip.open and tip.weight > 0:
                    self._ledger.return_seat()
        finally:
            self._ledger.wrote(grant, used.generated_tokens, used.flops)
            if not scoring:
                self._ledger.judged(grant, 0.0)
        return tips

    def _sampled(self, manner: Manner) -> Sampling:
        return self._sampling if manner.temperature is None else replace(self._sampling, temperature=manner.temperature)

    def _judged(self, grant: Grant, node: Node, _: object) -> None:
        self._scoring.settle(grant, node)
