"""Monte-Carlo tree search: its formulas by number, its bookkeeping by law, its limits by equal searches."""

import asyncio
import math
from array import array
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines import Request, Sampling, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.beam import Beam
from outthink.strategies.mcts import Mcts
from outthink.strategies.parts.tree_policies import PRESETS, Rules, State
from outthink.strategies.sample import Sample
from outthink.tree import Node, Path
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


class Likely(ScriptedEngine):
    """Tells a log-probability: -1 a token."""

    async def sample(self, path: Path, request: Request) -> AsyncIterator[Step]:
        async for step in super().sample(path, request):
            yield replace(step, logprob=-1.0 * len(step.ids))


class Repeating(ScriptedEngine):
    """Writes every sibling alike."""

    async def sample(self, path: Path, request: Request) -> AsyncIterator[Step]:
        for sibling in range(request.n):
            async for step in super().sample(path, replace(request, n=1, seed=path.node.depth)):
                yield replace(step, sibling=sibling)


def state(value: float, parent: State | None = None, **known: Any) -> State:
    """A state of an open node that is nowhere in a tree."""
    node = Node(
        index=0, parent=-1, ordinal=0, depth=0, length=0, seed=0, ids=array("i"), text="a step\n\n", finish="step"
    )
    made = State(node=node, parent=parent, value=value, **known)
    if parent is not None:
        parent.children.append(made)
    return made


def below(root: State) -> Iterator[State]:
    yield root
    for child in root.children:
        yield from below(child)


async def grown(search: Search, strategy: Mcts) -> State:
    root = State(node=search.root, value=0.0)
    await search.run(lambda search: strategy.grow(search, root))
    return root


def test_the_selection_scores_are_those_of_the_papers() -> None:
    parent = state(0.0, visits=4)
    child = state(0.3, parent, visits=2, total=1.0, best=0.9, likelihood=0.25)
    sibling = state(0.6, parent, likelihood=0.5)

    assert PRESETS["rstar"].score(parent, child) == pytest.approx(0.5 + 2 * math.sqrt(math.log(4) / 2))
    assert PRESETS["alphamath"].score(parent, child) == pytest.approx(0.5 + 1.5 * 0.25 * 2 / 3)
    assert PRESETS["alphamath"].score(parent, sibling) == pytest.approx(0.0 + 1.5 * 0.5 * 2 / 1)
    growing = 1.25 + math.log((4 + 19652 + 1) / 19652)
    assert PRESETS["ts-llm"].score(parent, child) == pytest.approx(0.5 + growing * (1 / 3) * 2 / 3)
    assert PRESETS["ts-llm"].score(parent, sibling) == pytest.approx(0.6 + growing * (2 / 3) * 2 / 1)
    assert PRESETS["rest-mcts"].score(parent, child) == pytest.approx(0.3 + 0.7 * math.sqrt(2 * math.log(4) / 2))
    assert PRESETS["rest-mcts"].score(parent, sibling) == pytest.approx(1.6)
    assert Rules().score(parent, child) == pytest.approx(0.5 + math.sqrt(2 * math.log(4) / 2))
    assert Rules(selection="puct", exploration=1.0).score(parent, child) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert Rules(backup="max", exploration=0.0).score(parent, child) == 0.9


@pytest.mark.parametrize("selection", ["uct", "puct", "puct-log"])
def test_visits_under_way_count_as_visits_that_came_to_nothing(selection: Any) -> None:
    """Two visits of worth 0.5 and two under way are four of worth 0.25."""
    rules = Rules(selection=selection)
    parent = state(0.0, visits=4, pending=2)
    child = state(0.3, parent, visits=2, total=1.0, pending=2)
    settled = state(0.0, visits=6)
    assert rules.score(parent, child) == pytest.approx(rules.score(settled, state(0.3, settled, visits=4, total=1.0)))


def test_ties_are_broken_at_random() -> None:
    root = state(0.0, expanded=True)
    children = [state(0.5, root) for _ in range(4)]
    root.leaves = 4
    rng = Random(0)
    met = [Rules().descend(root, rng) for _ in range(400)]
    assert all(met.count(child) > 60 for child in children)


@pytest.mark.parametrize("backup", ["mean", "max", "visits"])
def test_values_travel_upwards(backup: Any) -> None:
    """A leaf worth 0.3 is visited, then its children: the one worth 0.8 once, the one worth 0.35 twice."""
    rules = Rules(backup=backup)
    root = state(0.0)
    leaf = state(0.3, root)
    good, bad = state(0.8, leaf), state(0.35, leaf)
    for visited in (leaf, good, bad, bad):
        rules.back_up(visited)
    assert [each.visits for each in (root, leaf, good, bad)] == [4, 4, 1, 2]
    mean = (0.3 + 0.8 + 0.35 + 0.35) / 4
    expected = {"mean": mean, "max": 0.8, "visits": (0.8 + 2 * 0.35) / 3}[backup]
    assert rules.worth(leaf) == pytest.approx(expected)
    assert rules.worth(root) == pytest.approx(expected)


async def test_one_iteration_written_to_the_end_is_sampling(new_search: SearchFactory) -> None:
    searches = [new_search(), new_search()]
    for search, strategy in zip(searches, (Mcts(n=6, children=6, iterations=1, max_steps=1), Sample(n=6)), strict=True):
        await search.run(strategy)
    assert searches[0].tree.digest() == searches[1].tree.digest()


async def test_without_exploration_and_with_the_greatest_value_it_is_greedy_best_of_n_a_step(
    new_search: SearchFactory,
) -> None:
    """A state is then worth its best descendant, so the search never turns back: beam search of width n."""
    for seed in range(20):
        searches = [new_search(seed=seed), new_search(seed=seed)]
        greedy = Mcts(n=4, children=4, iterations=4, exploration=0.0, backup="max")
        for search, strategy in zip(searches, (greedy, Beam(n=4, width=4)), strict=True):
            await search.run(strategy)
        assert searches[0].tree.digest() == searches[1].tree.digest()


RULES = st.fixed_dictionaries(
    {
        "n": st.integers(1, 8),
        "children": st.integers(1, 4),
        "iterations": st.integers(1, 20),
        "max_steps": st.integers(1, 5),
        "selection": st.sampled_from(["uct", "puct", "puct-log"]),
        "prior": st.sampled_from(["uniform", "logprob", "share"]),
        "fresh": st.sampled_from(["value", "zero", "plus-one"]),
        "lazy": st.booleans(),
        "rollout": st.integers(0, 3),
        "backup": st.sampled_from(["mean", "max", "visits"]),
        "in_flight": st.integers(1, 4),
    }
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=RULES, seed=st.integers(0, 1000), tokens=st.none() | st.integers(1, 400))
async def test_laws(new_search: SearchFactory, options: dict[str, Any], seed: int, tokens: int | None) -> None:
    engine, verifier = Likely(steps=4, success=0.7), ScriptedVerifier(noise=0.2)
    strategy = Mcts(**options)
    budget = Budget(samples=strategy.n, tokens=tokens)
    search = new_search(
        engine=engine, verifier=verifier, budget=budget, seed=seed, sampling=Sampling(max_step_tokens=40)
    )
    root = await grown(search, strategy)
    tree, states = search.tree, list(below(root))

    assert len(tree.leaves) <= strategy.n and tree.stopped in (None, "tokens")
    assert tokens is None or engine.usage.generated_tokens <= tokens
    assert (tree.cost.engine, tree.cost.verifier) == (engine.usage, verifier.usage)
    assert sum(each.expanded for each in states) <= strategy.rules.iterations
    assert len({id(each.node) for each in states}) == len(states)

    rules, rolled = strategy.rules, strategy.rules.rollout > 0
    for each in states:
        assert each.pending == 0
        assert 0.0 <= rules.worth(each) <= 1.0 and 0.0 <= each.value <= 1.0
        own = each.visits - sum(child.visits for child in each.children)
        if not each.node.open:
            # What came back when the budget was spent is in the tree, and nobody learned from it.
            assert not each.expanded and (own == 1 or (own == 0 and tree.stopped))
        elif not rolled and not rules.lazy:
            assert own == each.expanded
        else:
            assert 0 <= own <= 1 + rolled
        if rules.backup == "mean" and not rolled:
            assert each.total == pytest.approx(own * each.value + sum(child.total for child in each.children))
    if tree.stopped is None:
        assert root.leaves == sum(each.node.open and not each.expanded and _seen(each) for each in states)
        held = len(tree.leaves) == strategy.n or sum(e.expanded for e in states) == rules.iterations
        assert held or root.leaves == 0, "it ends when it may not or cannot go on"


def _seen(each: State) -> bool:
    """Whether a descent can come here: what a rollout wrote waits until all above it were expanded."""
    return all(above.expanded for above in each.line if above is not each)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(in_flight=st.integers(1, 4), seed=st.integers(0, 1000), lazy=st.booleans(), rollout=st.integers(0, 2))
async def test_the_same_seed_gives_the_same_tree_whatever_things_take(
    new_search: SearchFactory, in_flight: int, seed: int, lazy: bool, rollout: int
) -> None:
    strategy = Mcts(n=6, children=3, iterations=8, in_flight=in_flight, lazy=lazy, rollout=rollout)
    slow = new_search(seed=seed, engine=Uneven(), verifier=ScriptedVerifier(noise=0.2))
    fast = new_search(seed=seed, verifier=ScriptedVerifier(noise=0.2))
    for search in (slow, fast):
        await search.run(strategy)
    assert slow.tree.digest() == fast.tree.digest()


class Uneven(ScriptedEngine):
    """Takes more turns of the event loop for some requests than for others."""

    async def sample(self, path: Path, request: Request) -> AsyncIterator[Step]:
        async for step in super().sample(path, request):
            for _ in range(request.seed % 7):
                await _turn()
            yield step


async def _turn() -> None:
    await asyncio.sleep(0)


async def test_leaves_in_flight_are_written_at_the_same_time(new_search: SearchFactory) -> None:
    class Watched(ScriptedEngine):
        now = most = 0

        async def sample(self, path: Path, request: Request) -> AsyncIterator[Step]:
            Watched.now += 1
            Watched.most = max(Watched.most, Watched.now)
            await _turn()
            async for step in super().sample(path, request):
                yield step
            Watched.now -= 1

    for in_flight in (1, 3):
        Watched.most = 0
        search = new_search(engine=Watched(steps=6))
        await search.run(Mcts(n=64, iterations=12, in_flight=in_flight))
        assert Watched.most == in_flight


async def test_siblings_that_were_written_alike_are_one_state(new_search: SearchFactory) -> None:
    search = new_search(engine=Repeating(steps=3))
    root = await grown(search, Mcts(n=4, children=4))
    assert [len(each.children) for each in below(root)] == [1, 1, 1, 0]
    assert len(search.tree.leaves) == 4, "each was sampled, so each votes"
    assert root.children[0].visits == 3


async def test_rstar_counts_a_states_own_score_and_the_solutions_below_it(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=3), verifier=ScriptedVerifier(noise=0.2))
    root = await grown(search, Mcts(n=12, preset="rstar", children=3))
    for each in below(root):
        ends = [other for other in below(each) if other.node.finished and other is not each]
        assert each.visits == (each is not root) + len(ends)
        own = each.value if each is not root else 0.0
        assert each.total == pytest.approx(own + sum(end.value for end in ends))


async def test_a_rollout_changes_its_start_and_is_where_the_tree_goes_on(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=6), verifier=ScriptedVerifier(noise=0.3))
    root = await grown(search, Mcts(n=16, preset="rest-mcts", iterations=1))
    (rolled,) = [child for child in root.children if child.children]
    values = [search.value(child.node) for child in root.children]
    (second,) = rolled.children
    (third,) = second.children
    (fourth,) = third.children
    along = [search.value(each.node) for each in (second, third, fourth)]
    assert search.value(rolled.node) == max(values)
    assert rolled.value == pytest.approx(0.5 * max(values) + 0.5 * max(along))
    assert (root.visits, rolled.visits, root.value) == (1, 1, rolled.value)

    search = new_search(engine=ScriptedEngine(steps=6), verifier=ScriptedVerifier(noise=0.3))
    root = await grown(search, Mcts(n=16, preset="rest-mcts", iterations=12))
    assert all(len(each.children) == 3 for each in below(root) if each.expanded)


async def test_a_solution_that_was_cut_off_is_worth_nothing_and_does_not_vote(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=50), sampling=Sampling(max_tokens=60))
    root = await grown(search, Mcts(n=4, iterations=10, exploration=0.0))
    cut = [each for each in below(root) if each.node.finish == "length"]
    assert cut and all((each.value, each.visits, each.leaves) == (0.0, 1, 0) for each in cut)
    assert search.tree.leaves == []


@pytest.mark.parametrize("preset", ["rstar", "alphamath", "ts-llm", "rest-mcts", None])
async def test_every_preset_writes_right_solutions_more_often_than_sampling(
    new_search: SearchFactory, preset: Any
) -> None:
    """Steps are right with probability 0.5 and there are five: one sample in 32 is right."""
    right = finished = 0
    for seed in range(40):
        search = new_search(engine=Likely(steps=5, success=0.5), seed=seed)
        await search.run(Mcts(n=16, preset=preset))
        right += sum(leaf.text.startswith("right") for leaf in search.tree.leaves)
        finished += len(search.tree.leaves)
    assert right / finished > 2 / 32


@pytest.mark.parametrize("prior", ["logprob", "share"])
async def test_a_prior_without_log_probabilities_says_what_to_set(new_search: SearchFactory, prior: Any) -> None:
    with pytest.raises(UsageError, match=r"sampling\.logprobs"):
        await new_search().run(Mcts(prior=prior, selection="puct"))


async def test_likelihoods_are_means_over_tokens(new_search: SearchFactory) -> None:
    root = await grown(new_search(engine=Likely()), Mcts(preset="alphamath", iterations=1))
    assert [child.likelihood for child in root.children] == [pytest.approx(math.exp(-1))] * 5


def test_what_is_given_goes_before_the_preset() -> None:
    assert Mcts(preset="alphamath").rules == PRESETS["alphamath"]
    assert Mcts(preset="alphamath", children=2, lazy=False, exploration=0.0).rules == replace(
        PRESETS["alphamath"], children=2, lazy=False, exploration=0.0
    )


@pytest.mark.parametrize(
    "options",
    [
        {"n": 0},
        {"in_flight": 0},
        {"iterations": 0},
        {"children": 0},
        {"max_steps": 0},
        {"exploration": -0.1},
        {"exploration": math.nan},
        {"rollout": -1},
        {"alpha": 1.1},
        {"preset": "muzero"},
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        Mcts(**options)


async def test_a_part_searches_below_its_own_root(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=4))
    (first, second) = await search.expand([search.root], 2)
    await Mcts(n=4)(search.part(0, root=first))
    assert search.tree.leaves and not second.children
    assert all(leaf.depth == 4 for leaf in search.tree.leaves)
