"""How many searches are under way at once."""

import asyncio
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted
from outthink.runs.admission import Admission, footprint
from outthink.runs.recipe import StrategyEntry
from outthink.strategies.sample import Sample
from outthink.tree import Node, Tree


def entry(n: int = 4, name: str = "sample") -> StrategyEntry:
    return StrategyEntry(name=name, strategy=Sample(n=n), select=("majority",), aggregate=None, budget=Budget())


def admission(*, room: int | None = None, parallel: int = 1000, limit: int | None = None) -> Admission:
    engine = Scripted(parallel=parallel)
    engine.room = room
    return Admission(engine, Sampling(max_tokens=100), limit)


async def admitted(gate: Admission, each: StrategyEntry, most: int = 50) -> int:
    """How many searches are let in before one has to wait."""
    for count in range(most):
        waiting = asyncio.ensure_future(gate.enter(each))
        await asyncio.sleep(0)
        if not waiting.done():
            waiting.cancel()
            return count
    return most


def tree(lengths: dict[int, tuple[int, int]]) -> Tree:
    """A tree from node index to (parent, tokens)."""
    grown = Tree.plant("?", [], [0] * 10, 0)
    for index, (parent, tokens) in lengths.items():
        depth = grown.nodes[parent].depth + 1
        grown.nodes.append(
            Node(
                index=index,
                parent=parent,
                ordinal=0,
                depth=depth,
                length=grown.nodes[parent].length + tokens,
                seed=0,
                ids=array("i", [1] * tokens),
                text="",
                finish="step",
            )
        )
    return grown


async def test_searches_fill_the_engines_siblings_twice() -> None:
    assert await admitted(admission(parallel=8), entry(n=4)) == 4
    assert await admitted(admission(parallel=8), entry(n=16)) == 1


async def test_a_search_larger_than_the_engine_is_let_in_alone() -> None:
    gate = admission(parallel=1, room=1)
    assert await admitted(gate, entry(n=64)) == 1


async def test_room_in_the_cache_is_kept_and_what_searches_take_is_learned() -> None:
    gate = admission(room=1000)
    # Unknown: 4 solutions at a quarter of 100 tokens.
    assert await admitted(gate, entry()) == 10
    # It turns out that one takes 250.
    gate.leave(entry(), tree({1: (0, 240)}))
    assert await admitted(gate, entry()) == 0
    for _ in range(6):
        gate.leave(entry(), tree({1: (0, 240)}))
    assert await admitted(gate, entry()) == 1


async def test_a_failed_search_gives_its_room_back_and_teaches_nothing() -> None:
    gate = admission(room=100)
    assert await admitted(gate, entry()) == 1
    gate.leave(entry(), None)
    assert await admitted(gate, entry()) == 1


async def test_the_users_limit_stands_instead() -> None:
    assert await admitted(admission(room=1, parallel=1, limit=7), entry()) == 7


async def test_who_waits_is_let_in_when_another_leaves() -> None:
    gate = admission(limit=1)
    await gate.enter(entry())
    waiting = asyncio.ensure_future(gate.enter(entry()))
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.leave(entry(), None)
    await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ({}, 10),
        ({1: (0, 5), 2: (0, 7)}, 22),
        # A branch that was not continued is not needed while the other is: 10 + 5 + 20, not 10 + 5 + 7 + 20.
        ({1: (0, 5), 2: (0, 7), 3: (1, 20)}, 35),
        # Needed most while the first level was being written.
        ({1: (0, 50), 2: (0, 70), 3: (1, 20)}, 130),
    ],
)
def test_the_footprint_is_the_most_that_was_needed_at_once(lengths: dict[int, tuple[int, int]], expected: int) -> None:
    assert footprint(tree(lengths)) == expected


@given(st.data())
def test_a_footprint_lies_between_the_longest_path_and_the_whole_tree(data: st.DataObject) -> None:
    lengths = {
        index: (data.draw(st.integers(0, index - 1)), data.draw(st.integers(0, 9)))
        for index in range(1, data.draw(st.integers(1, 12)))
    }
    grown = tree(lengths)
    whole = sum(len(node.ids) for node in grown.nodes)
    longest = max(len(grown.path(node).ids) for node in grown.nodes)
    assert longest <= footprint(grown) <= whole
