from collections.abc import AsyncGenerator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines import Request, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.registry import make_strategy
from outthink.strategies.aggregation import RecursiveAggregation
from outthink.tree import Path, Tree
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


def quoted(tree: Tree, chat: list[dict[str, str]]) -> list[int]:
    """The solutions, by their ends' indices, that a prompt quotes."""
    content = chat[-1]["content"]
    return [node.index for node in tree.nodes if node.finished and f":\n{tree.path(node).text}\n\n" in content]


async def test_each_population_is_made_of_the_one_before_and_the_last_votes(new_search: SearchFactory) -> None:
    strategy = RecursiveAggregation(n=5, k=3, rounds=2)
    search = new_search(budget=Budget(samples=strategy.samples))
    await search.run(strategy)
    tree = search.tree
    finished = [node.index for node in tree.nodes if node.finished]
    populations = [finished[:5], finished[5:10], finished[10:]]
    assert tree.stopped is None and len(finished) == strategy.samples == 15
    assert [leaf.index for leaf in tree.leaves] == populations[2]
    for before, after in pairwise(populations):
        for index in after:
            shown = quoted(tree, tree.path(tree.nodes[index]).messages)
            assert len(set(shown)) == 3 and set(shown) <= set(before)


async def test_the_question_is_put_as_it_was(new_search: SearchFactory) -> None:
    search = new_search(question="What is {solutions}?")
    system = {"role": "system", "content": "Step by step."}
    search.tree.messages.insert(0, system)
    await search.run(RecursiveAggregation(n=1, k=1, rounds=1))
    (chat,) = search.tree.turns.values()
    assert chat[0] == system and len(chat) == 2
    assert chat[1]["content"].startswith("What is {solutions}?\n\nHere")


async def test_every_solution_is_drawn_sooner_or_later(new_search: SearchFactory) -> None:
    search = new_search()
    await search.run(RecursiveAggregation(n=8, k=2, rounds=1))
    tree = search.tree
    drawn = [frozenset(quoted(tree, chat)) for chat in tree.turns.values()]
    assert len(set(drawn)) > 4 and len(frozenset().union(*drawn)) > 5


async def test_a_place_whose_new_solution_is_cut_keeps_its_old_one(new_search: SearchFactory) -> None:
    class Cutting(ScriptedEngine):
        """Cuts solutions that are written from the third place of the population."""

        async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
            async for step in super().sample(path, request):
                third = path.start.turn and path.tree.path(path.tree.nodes[path.start.parent]).nodes[0].ordinal == 2
                yield replace(step, finish="length") if third and step.finish == "end" else step

    search = new_search(engine=Cutting())
    await search.run(RecursiveAggregation(n=4, k=2, rounds=3))
    tree = search.tree
    firsts = [leaf for leaf in tree.leaves if not tree.path(leaf).start.turn]
    assert len(tree.leaves) == 4
    assert [tree.path(leaf).nodes[0].ordinal for leaf in firsts] == [2]


async def test_cut_first_solutions_are_not_drawn_but_their_places_are_filled(new_search: SearchFactory) -> None:
    class HalfCut(ScriptedEngine):
        """Cuts every other one of the first solutions."""

        async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
            async for step in super().sample(path, request):
                cut = not path.start.turn and step.finish == "end" and step.sibling % 2
                yield replace(step, finish="length") if cut else step

    strategy = RecursiveAggregation(n=4, k=3, rounds=1)
    search = new_search(engine=HalfCut(), budget=Budget(samples=strategy.samples))
    await search.run(strategy)
    assert len(search.tree.leaves) == 4
    assert all(len(quoted(search.tree, chat)) == 2 for chat in search.tree.turns.values()), "as many as there are"


async def test_where_nothing_is_finished_there_is_nothing_to_merge(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(context=60))
    await search.run(RecursiveAggregation(n=2, k=1, rounds=2))
    assert search.tree.leaves == [] and search.tree.turns == {}


async def test_prompts_that_do_not_fit_leave_the_first_population(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(context=250))
    await search.run(RecursiveAggregation(n=4, k=4, rounds=2))
    assert len(search.tree.leaves) == 4 and search.tree.turns == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(tokens=st.integers(1, 1500), samples=st.integers(1, 20), seed=st.integers(0, 99))
async def test_a_budget_ends_it_anywhere_with_at_most_n_votes(
    new_search: SearchFactory, tokens: int, samples: int, seed: int
) -> None:
    engine, verifier = ScriptedEngine(), ScriptedVerifier()
    budget = Budget(tokens=tokens, samples=samples)
    search = new_search(engine=engine, verifier=verifier, budget=budget, seed=seed)
    await search.run(RecursiveAggregation(n=4, k=2, rounds=3))
    tree = search.tree
    assert tree.cost.engine == engine.usage and tree.cost.verifier == verifier.usage
    assert engine.usage.generated_tokens <= tokens and sum(node.finished for node in tree.nodes) <= samples
    assert len(tree.leaves) <= 4
    assert all(leaf.finished and leaf.score is not None for leaf in tree.leaves)
    # The first population once written, no place is ever without a vote.
    if sum(node.finished and not tree.path(node).start.turn for node in tree.nodes) == 4:
        assert len(tree.leaves) == 4


async def test_latency_does_not_change_the_tree(new_search: SearchFactory) -> None:
    fast, other = new_search(), new_search(seed=1)
    slow = new_search(engine=ScriptedEngine(seconds_per_token=1e-6), verifier=ScriptedVerifier(seconds_per_call=1e-4))
    for search in (fast, slow, other):
        await search.run(RecursiveAggregation(n=4, k=2, rounds=2))
    assert fast.tree.digest() == slow.tree.digest() != other.tree.digest()


def test_the_papers_setting_is_the_default() -> None:
    strategy = make_strategy("recursive-aggregation")
    assert strategy == RecursiveAggregation(n=16, k=4, rounds=10)
    assert strategy.samples == 176 and not strategy.ranks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": 3}, "k is 4; it must lie between 1 and n = 3"),
        ({"k": 0}, "k is 0"),
        ({"rounds": 0}, "rounds is 0"),
        ({"prompt": "{solutions}"}, r"prompt must contain \{question\}"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RecursiveAggregation(**options)  # type: ignore[arg-type]
