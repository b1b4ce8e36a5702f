from collections.abc import AsyncGenerator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.concurrency import gather
from outthink.engines import Request, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.registry import make_strategy
from outthink.search import Search
from outthink.strategies.beam import Beam
from outthink.strategies.sample import Sample
from outthink.strategies.universal import Universal
from outthink.tree import Path
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


class Chooser(ScriptedEngine):
    """Answers the question which solution it is to be as told; remembers at what temperature it was asked."""

    def __init__(self, reply: str, *, context: int | None = None) -> None:
        super().__init__(context=context)
        self._reply = reply
        self.temperatures: list[float] = []

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        if not path.messages[-1]["content"].startswith("Problem:"):
            async for step in super().sample(path, request):
                yield step
            return
        self.temperatures.append(request.sampling.temperature)
        ids = self._reply.encode()[: request.max_tokens]
        usage = self._count(len(path.start.ids), 0, len(ids), True)
        finish = "end" if len(ids) == len(self._reply.encode()) else "length"
        yield Step(sibling=0, ids=list(ids), text=ids.decode(), finish=finish, usage=usage)


async def test_the_solution_that_is_named_votes_alone(new_search: SearchFactory) -> None:
    engine, verifier = Chooser("Solution 3"), ScriptedVerifier()
    search = new_search(engine=engine, verifier=verifier, budget=Budget(samples=4))
    await search.run(Universal(inner=Sample(n=4)))
    tree = search.tree
    solutions = [node for node in tree.nodes if node.finished and tree.path(node).messages == tree.messages]
    assert tree.leaves == [solutions[2]] and len(solutions) == 4
    (asked,) = [chat for chat in tree.turns.values() if chat != tree.messages]
    for number, solution in enumerate(solutions, 1):
        assert f"Solution {number}:\n{tree.path(solution).text}\n\n" in asked[0]["content"]
    assert tree.question in asked[0]["content"]
    assert engine.temperatures == [0.0]
    assert verifier.usage.calls == 4 and tree.stopped is None, "the choice takes no seat and no score"


@pytest.mark.parametrize(
    ("reply", "chosen"),
    [
        ("Solution 1", 1),
        ("solution **2**.", 2),
        ("3", 3),
        ("**3.**", 3),
        ("Solution 1 says 4, but Solution 2 and Solution 3 say 42. So it is Solution 2, with 42.", 2),
        ("Solution #4", 4),
        ("Solution 5", None),
        ("Solution 0", None),
        ("The answer is 2.", None),
        ("All solutions agree.", None),
        ("", None),
    ],
)
async def test_which_solution_a_reply_names(new_search: SearchFactory, reply: str, chosen: int | None) -> None:
    search = new_search(engine=Chooser(reply))
    await search.run(Universal(inner=Sample(n=4)))
    places = [leaf.ordinal if len(search.tree.path(leaf).nodes) == 1 else None for leaf in search.tree.leaves]
    assert len(places) == (4 if chosen is None else 1)
    if chosen is not None:
        first = search.tree.path(search.tree.leaves[0]).nodes[0]
        assert first.ordinal == chosen - 1


async def test_where_nothing_is_to_be_chosen_nothing_is_asked(new_search: SearchFactory) -> None:
    engine = Chooser("Solution 1")
    search = new_search(engine=engine)
    await search.run(Universal(inner=Sample(n=1)))
    assert len(search.tree.leaves) == 1 and engine.temperatures == []


async def test_solutions_that_do_not_fit_one_prompt_all_vote(new_search: SearchFactory) -> None:
    search = new_search(engine=Chooser("Solution 1", context=400))
    await search.run(Universal(inner=Sample(n=8)))
    assert len(search.tree.leaves) == 8


async def test_any_strategy_can_write_the_solutions(new_search: SearchFactory) -> None:
    strategy = make_strategy({"kind": "universal", "inner": {"kind": "beam", "n": 4, "width": 2}})
    assert strategy == Universal(inner=Beam(n=4, width=2))
    assert strategy.ranks and not Universal().ranks and strategy.samples == 4
    search = new_search(engine=Chooser("2"))
    await search.run(strategy)
    assert len(search.tree.leaves) == 1


async def test_two_at_the_same_time_choose_among_their_own(new_search: SearchFactory) -> None:
    async def both(search: Search) -> None:
        await gather(*(Universal(inner=Sample(n=3))(search.part(number)) for number in range(2)))

    search = new_search(engine=Chooser("Solution 2"))
    await search.run(both)
    starts = [search.tree.path(leaf).start.ordinal for leaf in search.tree.leaves]
    assert starts == [0, 1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(tokens=st.integers(1, 500), seed=st.integers(0, 99))
async def test_a_token_budget_ends_it_anywhere_with_a_valid_tree(
    new_search: SearchFactory, tokens: int, seed: int
) -> None:
    engine, verifier = Chooser("Solution 1"), ScriptedVerifier()
    search = new_search(engine=engine, verifier=verifier, budget=Budget(tokens=tokens), seed=seed)
    await search.run(Universal(inner=Sample(n=4)))
    assert search.tree.cost.engine == engine.usage and search.tree.cost.verifier == verifier.usage
    assert engine.usage.generated_tokens <= tokens
    assert all(leaf.finished and leaf.score is not None for leaf in search.tree.leaves)
    solutions = [node for node in search.tree.nodes if node.finished and search.tree.path(node).start.weight > 0]
    chosen = any(node.finished and node.weight == 0 and node not in solutions for node in search.tree.nodes)
    assert len(solutions) <= 4
    assert search.tree.leaves == (solutions[:1] if chosen else solutions)


async def test_latency_does_not_change_what_is_shown(new_search: SearchFactory) -> None:
    fast = new_search()
    slow = new_search(engine=ScriptedEngine(seconds_per_token=1e-6), verifier=ScriptedVerifier(seconds_per_call=1e-4))
    for search in (fast, slow):
        await search.run(Universal(inner=Beam(n=6, width=2)))
    assert fast.tree.digest() == slow.tree.digest()


def test_a_prompt_without_its_places_is_refused() -> None:
    with pytest.raises(UsageError, match=r"prompt must contain \{solutions\}"):
        Universal(prompt="{question}")
