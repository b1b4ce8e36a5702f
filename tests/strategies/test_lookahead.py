"""Lookahead: what is written on trial is judged, taken and never voted for unless it is."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import BudgetExhausted, UsageError
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.beam import Beam
from outthink.strategies.dvts import Dvts
from outthink.strategies.greedy import Greedy
from outthink.strategies.lookahead import Lookahead
from outthink.strategies.sample import Sample
from outthink.tree import Node
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


def on_trial(search: Search) -> list[Node]:
    return [node for node in search.tree.nodes if node.weight == 0]


class Round:
    """One round of children whose values are kept, then one of grandchildren from the first of them."""

    samples = 8
    ranks = True

    async def __call__(self, search: Search) -> None:
        self.first = await search.expand([search.root], 3)
        self.values = [search.value(child) for child in self.first]
        self.trials = [node for node in search.tree.nodes if node.weight == 0]
        self.second = await search.expand(self.first[:1], 3)


async def test_a_step_has_the_value_of_its_rollouts_end_and_the_verifier_is_asked_once(
    new_search: SearchFactory,
) -> None:
    verifier, inner = ScriptedVerifier(), Round()
    search = new_search(engine=ScriptedEngine(steps=9), verifier=verifier)
    await search.run(Lookahead(inner=inner, steps=2))

    assert len(inner.trials) == 3 * 2
    offspring = search.tree.offspring()
    for child, value in zip(inner.first, inner.values, strict=True):
        end = offspring[offspring[child.index][0].index][0]
        assert end.depth == child.depth + 2 and value == end.score != child.score
    # Three rollouts; then one that goes on by a step, and two new ones.
    assert verifier.usage.calls == 3 + 3


async def test_the_rollout_of_a_continued_step_is_its_first_child_and_goes_on(new_search: SearchFactory) -> None:
    inner = Round()
    search = new_search(engine=ScriptedEngine(steps=9))
    await search.run(Lookahead(inner=inner, steps=2))

    parent, (reused, *fresh) = inner.first[0], inner.second
    assert reused.parent == parent.index and reused.ordinal == 0 and [child.ordinal for child in fresh] == [1, 2]
    assert any(trial is reused for trial in inner.trials) and reused.weight == 1
    assert len(search.tree.offspring()[parent.index]) == 3, "the greedy step is one of the three, not a fourth"
    # Looked ahead 2 steps from each of 3 children, 1 more from the reused child, 2 from each of 2 others.
    assert len(search.tree.nodes) == 1 + 3 * 3 + 1 + 2 * 3
    assert all(node.cost.engine.generated_tokens for node in search.tree.nodes[1:])


@pytest.mark.parametrize("inner", [Beam(n=8, width=4), Beam(n=4, width=1), Beam(n=8, width=4, max_steps=3), Dvts(n=8)])
@pytest.mark.parametrize("steps", [1, 2, 7])
async def test_as_many_solutions_vote_as_the_inner_strategy_leaves(
    new_search: SearchFactory, inner: Strategy, steps: int
) -> None:
    engine, verifier = ScriptedEngine(steps=4, parameters=3), ScriptedVerifier(parameters=2)
    search = new_search(engine=engine, verifier=verifier, budget=Budget(samples=inner.samples))
    await search.run(Lookahead(inner=inner, steps=steps))

    assert search.tree.stopped is None
    assert len(search.tree.leaves) == inner.samples
    assert all(not search.tree.path(leaf).unscored for leaf in search.tree.leaves)
    assert search.tree.cost.engine == engine.usage and search.tree.cost.verifier == verifier.usage


async def test_a_rollout_that_reached_an_end_but_was_not_taken_does_not_vote(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=3))
    await search.run(Lookahead(inner=Beam(n=4, width=4), steps=5))
    assert any(node.finished for node in on_trial(search))
    for leaf in search.tree.leaves:
        assert all(node.weight == 1 for node in search.tree.path(leaf).nodes)


async def test_it_costs_at_most_k_steps_more_for_each_step(new_search: SearchFactory) -> None:
    plain, ahead = (new_search(engine=ScriptedEngine(steps=8)) for _ in range(2))
    await plain.run(Beam(n=8, width=4))
    await ahead.run(Lookahead(inner=Beam(n=8, width=4), steps=3))
    written = len(ahead.tree.nodes) - 1
    assert written <= (len(plain.tree.nodes) - 1) * (3 + 1)
    assert written > len(plain.tree.nodes) - 1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 400), st.integers(1, 4), st.integers(0, 99))
def test_it_keeps_within_any_budget(new_search: SearchFactory, tokens: int, steps: int, seed: int) -> None:
    async def spend() -> None:
        engine = ScriptedEngine(steps=4)
        search = new_search(engine=engine, budget=Budget(tokens=tokens, samples=8), seed=seed)
        await search.run(Lookahead(inner=Beam(n=8, width=4), steps=steps))
        assert engine.usage.generated_tokens <= tokens
        assert search.tree.cost.engine == engine.usage
        assert len(search.tree.leaves) <= 8

    asyncio.run(spend())


async def test_the_same_seed_gives_the_same_tree(new_search: SearchFactory) -> None:
    digests = []
    for engine in (ScriptedEngine(), ScriptedEngine(seconds_per_token=1e-5)):
        search = new_search(engine=engine)
        await search.run(Lookahead(inner=Dvts(n=8), steps=2))
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("inner", [Greedy(), Sample(n=4)])
def test_what_reads_no_scores_is_refused_with_the_reason(inner: Strategy) -> None:
    with pytest.raises(UsageError, match=r"inner: \w+ chooses no step by its score, so looking ahead would"):
        Lookahead(inner=inner)


def test_a_lookahead_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="steps is 0"):
        Lookahead(inner=Beam(), steps=0)


async def test_what_is_on_trial_has_a_seat_once_it_is_taken(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=1), budget=Budget(samples=1))
    first, second = await search.expand([search.root], 2, trial=True)
    assert first.finished and search.tree.leaves == []
    for _ in range(2):
        search.take(first)
        assert search.tree.leaves == [first]
    with pytest.raises(BudgetExhausted, match="samples"):
        search.take(second)
    assert search.tree.leaves == [first]


async def test_what_is_on_trial_is_scored_on_demand_and_once(new_search: SearchFactory) -> None:
    verifier = ScriptedVerifier()
    search = new_search(engine=ScriptedEngine(steps=5), verifier=verifier)
    (step,) = await search.expand([search.root], 1, trial=True)
    assert step.score is None and verifier.usage.calls == 0
    for _ in range(2):
        await search.score([step])
    assert step.score is not None and verifier.usage.calls == 1
    unjudged = new_search(scored=False)
    (step,) = await unjudged.expand([unjudged.root], 1, trial=True)
    with pytest.raises(UsageError, match="name a verifier"):
        await unjudged.score([step])
