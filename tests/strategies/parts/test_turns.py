from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from conftest import SearchFactory
from outthink.concurrency import gather
from outthink.engines import Request, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import BudgetExhausted, EngineError
from outthink.strategies.beam import Beam
from outthink.strategies.parts.turns import leaves_below, reply, solved, succeed
from outthink.strategies.sample import Sample
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

AGAIN = [{"role": "user", "content": "Again."}]


class Cutting(ScriptedEngine):
    """Cuts every reply to a later prompt at its first step."""

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        async for step in super().sample(path, request):
            yield replace(step, finish="length") if path.start.turn else step
            if path.start.turn:
                return


async def test_a_successor_takes_the_vote(new_search: SearchFactory) -> None:
    search = new_search()
    (old,) = await search.complete([search.root], 1)
    new = await succeed(search, old, AGAIN)
    assert new is not None and search.tree.leaves == [new] and new.score is not None
    assert search.tree.path(new).start.parent == old.index


async def test_a_cut_successor_leaves_the_vote_where_it_was(new_search: SearchFactory) -> None:
    search = new_search(engine=Cutting())
    (old,) = await search.complete([search.root], 1)
    assert await succeed(search, old, AGAIN) is None
    assert search.tree.leaves == [old]


async def test_a_prompt_that_does_not_fit_is_not_answered(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(context=200), question="Short?")
    (old,) = await search.complete([search.root], 1)
    long = [{"role": "user", "content": "x" * 300}]
    assert await reply(search, old, long, weight=0.0) is None
    assert await succeed(search, old, long) is None
    assert search.tree.leaves == [old]


async def test_other_failures_are_failures(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(fault_rate=1.0))
    with pytest.raises(EngineError, match="scripted fault"):
        await reply(search, search.root, AGAIN, weight=0.0)


async def test_a_search_that_ends_while_the_successor_is_scored_keeps_one_vote(new_search: SearchFactory) -> None:
    class Spent(ScriptedVerifier):
        async def score(self, path: Path) -> Scores:
            if path.start.turn:
                raise BudgetExhausted("tokens")
            return await super().score(path)

    search = new_search(verifier=Spent())
    (old,) = await search.complete([search.root], 1)
    with pytest.raises(BudgetExhausted):
        await succeed(search, old, AGAIN)
    assert search.tree.nodes[-1].finished and search.tree.leaves == [old]


async def test_what_a_strategy_leaves_is_told_from_what_is_written_beside_it(new_search: SearchFactory) -> None:
    search = new_search()
    beside = await search.complete([search.root], 2)
    three, four = await gather(solved(search.part(0), Sample(n=3)), solved(search.part(1), Beam(n=4, width=2)))
    assert (len(three), len(four)) == (3, 4)
    everything = [*beside, *three, *four]
    assert sorted(leaf.index for leaf in everything) == [leaf.index for leaf in search.tree.leaves]


async def test_a_strategy_within_goes_on_from_an_open_step(new_search: SearchFactory) -> None:
    search = new_search()
    one, other = await search.expand([search.root], 2)
    await search.complete([other], 1)
    found = await solved(search.part(0, root=one), Sample(n=2))
    assert len(found) == 2 and all(search.tree.path(leaf).nodes[0] is one for leaf in found)


async def test_solutions_come_in_the_order_of_their_places(new_search: SearchFactory) -> None:
    search = new_search()
    children = await search.expand([search.root], 3)
    for child in reversed(children):
        await search.complete([child], 2)
    found = leaves_below(search.tree, search.root)
    firsts = [search.tree.path(leaf).nodes[0].ordinal for leaf in found]
    assert firsts == [0, 0, 1, 1, 2, 2]
    found[0].weight = 0.0
    assert leaves_below(search.tree, search.root) == found[1:]
    assert leaves_below(search.tree, children[2]) == found[4:]
