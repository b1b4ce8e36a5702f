"""Values of steps: closed forms on small trees, a brute-force count on random ones, and the engine's known rate."""

import asyncio
import math
import random
from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from writers import Terse

from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted, scripted_answer
from outthink.grade import Grader
from outthink.learn.values import Estimate, estimates, is_right, tips
from outthink.search import Search
from outthink.tree import Finish, Node, Tree

QUESTION = "What is six times seven?"


def planted(question: str = QUESTION, seed: int = 0) -> Tree:
    return Tree.plant(question, [{"role": "user", "content": question}], list(question.encode()), seed)


def write(tree: Tree, parent: Node, ordinal: int, *texts: str, finish: Finish = "end") -> list[Node]:
    """What one continuation leaves in a tree: a chain below `parent`, the last of which has this finish."""
    chain, above = [], parent
    for place, text in enumerate(texts):
        node = replace(
            above,
            index=len(tree.nodes),
            parent=above.index,
            ordinal=0 if place else ordinal,
            depth=above.depth + 1,
            ids=array("i", list(text.encode())),
            text=text,
            finish=finish if place == len(texts) - 1 else "step",
            children=0 if place == len(texts) - 1 else 1,
        )
        tree.nodes.append(node)
        chain.append(node)
        above = node
    parent.children = max(parent.children, ordinal + 1)
    return chain


def right_ones(tree: Tree) -> dict[int, bool]:
    """In the trees written here, what ends in `yes` is right."""
    return {tip.index: tip.text == "yes" for tip in tips(tree)}


# Closed form


def test_a_continuation_speaks_for_its_start_and_its_own_steps_and_not_for_those_above() -> None:
    tree = planted()
    first, second, last = write(tree, tree.root, 0, "a", "b", "no")
    (rollout,) = write(tree, second, 1, "yes")
    write(tree, second, 2, "never", "yes")
    found = estimates(tree, right_ones(tree))
    assert found[second.index] == Estimate(2, 3)
    assert found[first.index] == found[0] == Estimate(0, 1)
    assert found[last.index] == Estimate(0, 1)
    assert found[rollout.index] == Estimate(1, 1)


def test_siblings_of_one_request_hang_side_by_side_below_its_start() -> None:
    tree = planted()
    for ordinal, end in enumerate(["yes", "no", "yes", "yes"]):
        write(tree, tree.root, ordinal, f"step {ordinal}", end)
    found = estimates(tree, right_ones(tree))
    assert found[0] == Estimate(3, 4)
    assert [found[node.index].total for node in tree.nodes[1:]] == [1] * 8


def test_siblings_that_are_alike_token_by_token_are_one_state() -> None:
    tree = planted()
    first, *_ = write(tree, tree.root, 0, "a", "yes")
    second, *_ = write(tree, tree.root, 1, "a", "no")
    other, *_ = write(tree, tree.root, 2, "b", "no")
    write(tree, second, 1, "no")
    found = estimates(tree, right_ones(tree))
    assert found[first.index] == found[second.index] == Estimate(1, 3)
    assert found[other.index] == Estimate(0, 1)


def test_a_continuation_that_repeats_itself_speaks_once_for_each_state() -> None:
    tree = planted()
    (step, *_) = write(tree, tree.root, 0, "a", "yes")
    write(tree, step, 1, "a", "a", "yes")
    assert estimates(tree, right_ones(tree))[step.index] == Estimate(2, 2)


def test_what_was_cut_off_counts_as_wrong() -> None:
    tree = planted()
    step, _ = write(tree, tree.root, 0, "a", "yes")
    write(tree, step, 1, "and so o", finish="length")
    found = estimates(tree, right_ones(tree))
    assert found[step.index] == Estimate(1, 2) and found[step.index].value == 0.5


def test_started_continuations_alone_speak_where_what_is_continued_was_chosen() -> None:
    tree = planted()
    first, second, last = write(tree, tree.root, 0, "a", "b", "no")
    write(tree, second, 1, "yes")
    write(tree, second, 2, "no")
    found = estimates(tree, right_ones(tree), passing=False)
    assert found == {0: Estimate(0, 1), second.index: Estimate(1, 2)}
    assert first.index not in found and last.index not in found


async def test_only_what_is_finished_and_has_the_answer_is_right() -> None:
    tree = planted()
    (right,) = write(tree, tree.root, 0, "The answer is 7.")
    (wrong,) = write(tree, tree.root, 1, "The answer is 8.")
    (none,) = write(tree, tree.root, 2, "Who knows?")
    (cut,) = write(tree, tree.root, 3, "The answer is 7.", finish="length")
    async with Grader() as grader:
        assert [await is_right(grader, "7", tree.path(tip)) for tip in (right, wrong, none, cut)] == [
            True,
            False,
            False,
            False,
        ]


def test_ends_stand_in_the_order_they_were_asked_for() -> None:
    tree = planted()
    _, second = write(tree, tree.root, 1, "b", "no")
    step, first = write(tree, tree.root, 0, "a", "yes")
    (rollout,) = write(tree, step, 1, "no")
    assert tips(tree) == [first, rollout, second]
    assert tips(planted()) == []


# Laws on trees that were grown at random


CALLS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 4)), min_size=1, max_size=6)


class Grown:
    """A tree, and what each request that made it was started from and came to."""

    def __init__(self, calls: list[tuple[int, int]], seed: int, **sampling: Any) -> None:
        self.engine = Terse(success=0.7, steps=4)
        self.search = Search(
            planted(seed=seed),
            engine=self.engine,
            verifier=None,
            sampling=Sampling(**sampling),
            separator="\n\n",
            budget=Budget(),
            aggregate="last",
        )
        self.tree = self.search.tree
        self.calls: list[tuple[Node, list[Node]]] = []
        asyncio.run(self._grow(calls))

    async def _grow(self, calls: list[tuple[int, int]]) -> None:
        for place, n in [(0, 2), *calls]:
            there = [node for node in self.tree.nodes if node.open]
            start = there[place % len(there)]
            self.calls.append((start, await self.search.complete([start], n)))

    @property
    def right(self) -> dict[int, bool]:
        ends = [end for _, found in self.calls for end in found]
        return {end.index: end.finished and scripted_answer(QUESTION) in end.text for end in ends}

    def brute_force(self, *, passing: bool = True) -> Mapping[tuple[str, ...], Estimate]:
        counts: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for start, ends in self.calls:
            for end in ends:
                words = self.words(end)
                for depth in range(start.depth, end.depth + 1 if passing else start.depth + 1):
                    counts[words[:depth]][0] += self.right[end.index]
                    counts[words[:depth]][1] += 1
        return {state: Estimate(*count) for state, count in counts.items()}

    def words(self, node: Node) -> tuple[str, ...]:
        return tuple(each.text for each in self.tree.path(node).nodes)


@given(CALLS, st.integers(0, 1000), st.sampled_from([256, 25, 18]), st.booleans())
def test_estimates_are_what_counting_by_hand_gives(
    calls: list[tuple[int, int]], seed: int, max_tokens: int, passing: bool
) -> None:
    grown = Grown(calls, seed, max_tokens=max_tokens)
    assert {tip.index for tip in tips(grown.tree)} == grown.right.keys()
    found, counted = estimates(grown.tree, grown.right, passing=passing), grown.brute_force(passing=passing)
    for node in grown.tree.nodes:
        assert found.get(node.index) == counted.get(grown.words(node))


@given(CALLS, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_writing_changes_nothing(calls: list[tuple[int, int]], seed: int, rng: random.Random) -> None:
    grown = Grown(calls, seed)
    shuffled, now = _rewritten(grown.tree, rng)
    right = {now[index]: outcome for index, outcome in grown.right.items()}
    expected = {now[index]: each for index, each in estimates(grown.tree, grown.right).items()}
    assert estimates(shuffled, right) == expected
    assert [tip.index for tip in tips(shuffled)] == [now[tip.index] for tip in tips(grown.tree)]


def _rewritten(tree: Tree, rng: random.Random) -> tuple[Tree, dict[int, int]]:
    """The tree as it would be had the clock run otherwise, and where its nodes are now."""
    ready, order, offspring = [tree.root], list[Node](), tree.offspring()
    while ready:
        node = ready.pop(rng.randrange(len(ready)))
        order.append(node)
        ready.extend(offspring.get(node.index, []))
    now = {-1: -1} | {node.index: place for place, node in enumerate(order)}
    nodes = [replace(node, index=now[node.index], parent=now[node.parent]) for node in order]
    return Tree(tree.question, tree.messages, nodes), now


# The engine's known rate


@pytest.mark.parametrize("success", [0.6, 0.9])
async def test_values_are_what_the_engine_is_known_to_do(success: float) -> None:
    """From a right step with m more to write, p^m come out right; from a wrong one none does."""
    steps, problems, rollouts = 3, 250, 4
    seen: dict[int, list[Estimate]] = defaultdict(list)
    async with Grader() as grader:
        for number in range(problems):
            tree = planted(f"problem {number}", number)
            search = Search(
                tree,
                engine=Scripted(success=success, steps=steps),
                verifier=None,
                sampling=Sampling(),
                separator="\n\n",
                budget=Budget(),
                aggregate="last",
            )
            (end,) = await search.complete([tree.root], 1)
            nodes = tree.path(end).nodes
            await search.complete([node for node in nodes if node.open], rollouts)
            answer = scripted_answer(tree.question)
            right = {tip.index: await is_right(grader, answer, tree.path(tip)) for tip in tips(tree)}
            found = estimates(tree, right)
            for node in nodes[:-1]:
                assert found[node.index].total == rollouts + 1
                if node.text.startswith("right"):
                    seen[node.depth].append(found[node.index])
                else:
                    assert found[node.index].right == 0
    for depth in (1, 2):
        expected, drawn = success ** (steps - depth), sum(each.total for each in seen[depth])
        mean = sum(each.right for each in seen[depth]) / drawn
        assert mean == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / drawn))
