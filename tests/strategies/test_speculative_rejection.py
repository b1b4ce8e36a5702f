"""Speculative rejection on the scripted engine."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.answer import extract_answer
from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.engines.scripted import scripted_answer
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.sample import Sample
from outthink.strategies.speculative_rejection import SpeculativeRejection
from outthink.tree import Tree
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


async def test_with_room_for_all_it_is_best_of_n_step_by_step(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=5))
    await search.run(SpeculativeRejection(n=8, room=100_000))
    assert len(search.tree.leaves) == 8
    assert Counter(node.depth for node in search.tree.nodes[1:]) == dict.fromkeys(range(1, 6), 8)


async def test_when_the_room_is_full_the_worst_half_is_dropped(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=4, success=0.6))
    # Steps have 9 to 13 tokens: sixteen first steps fit, thirty-two tokens each do not.
    await search.run(SpeculativeRejection(n=16, room=240))
    rounds = Counter(node.depth for node in search.tree.nodes[1:])
    assert rounds == {1: 16, 2: 16, 3: 8, 4: 4}
    assert len(search.tree.leaves) == 4
    for depth in (2, 3):
        nodes = [node for node in search.tree.nodes if node.depth == depth]
        kept = [node.score or 0.0 for node in nodes if node.children]
        dropped = [node.score or 0.0 for node in nodes if not node.children]
        assert len(kept) == len(dropped) and min(kept) >= max(dropped)


@pytest.mark.parametrize(("alpha", "kept"), [(0.25, 12), (0.5, 8), (0.75, 4)])
async def test_alpha_is_the_share_that_is_dropped(new_search: SearchFactory, alpha: float, kept: int) -> None:
    roomy = new_search(scored=False)
    held = sum(node.length for node in await roomy.expand([roomy.root], 16))
    search = new_search()
    await search.run(SpeculativeRejection(n=16, alpha=alpha, room=held - 1))
    assert sum(node.children for node in search.tree.nodes if node.depth == 1) == kept


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.floats(0.05, 0.95), st.integers(1, 400), st.integers(0, 100))
async def test_what_goes_on_fits_and_one_always_goes_on(n: int, alpha: float, room: int, seed: int) -> None:
    search = Search(
        Tree.plant("How many?", [], list(b"How many?"), seed),
        engine=ScriptedEngine(steps=5),
        verifier=ScriptedVerifier(),
        sampling=Sampling(),
        separator="\n\n",
        budget=Budget(samples=n),
        aggregate="last",
    )
    await search.run(SpeculativeRejection(n=n, alpha=alpha, room=room))
    tree = search.tree
    assert 1 <= len(tree.leaves) <= n and tree.stopped is None
    for depth in range(1, 5):
        kept = [node for node in tree.nodes if node.depth == depth and node.children]
        assert all(node.children == 1 for node in kept)
        assert len(kept) == 1 or 0 < sum(node.length for node in kept) <= room


async def test_with_a_perfect_verifier_dropping_costs_no_right_answer(new_search: SearchFactory) -> None:
    """As many right as in best-of-N wherever half of the paths were wrong, for fewer tokens."""
    right, tokens = Counter[str](), Counter[str]()
    for seed in range(150):
        question = f"problem {seed}"
        for name, strategy in (("all", Sample(n=16)), ("dropping", SpeculativeRejection(n=16, room=240))):
            search = new_search(engine=ScriptedEngine(success=0.6, steps=4), question=question, seed=seed)
            await search.run(strategy)
            texts = [search.tree.path(leaf).text for leaf in search.tree.leaves]
            right[name] += any(extract_answer(text) == scripted_answer(question) for text in texts)
            tokens[name] += search.tree.cost.engine.generated_tokens
    assert tokens["dropping"] < 0.75 * tokens["all"]
    assert right["dropping"] >= right["all"] - 15


async def test_the_same_seed_gives_the_same_tree_at_the_models_own_cost(new_search: SearchFactory) -> None:
    digests = []
    for delay in (0.0, 1e-6):
        engine, verifier = ScriptedEngine(seconds_per_token=delay, steps=5), ScriptedVerifier(noise=0.5)
        search = new_search(engine=engine, verifier=verifier)
        await search.run(SpeculativeRejection(n=8, room=150))
        assert (search.tree.cost.engine, search.tree.cost.verifier) == (engine.usage, verifier.usage)
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("tokens", [1, 100, 250])
async def test_tokens_are_never_exceeded(new_search: SearchFactory, tokens: int) -> None:
    engine = ScriptedEngine(steps=10)
    search = new_search(engine=engine, budget=Budget(tokens=tokens))
    await search.run(SpeculativeRejection(n=16, room=300))
    assert search.tree.stopped == "tokens" and engine.usage.generated_tokens <= tokens
    assert search.tree.leaves == []


@pytest.mark.parametrize(
    ("options", "message"),
    [({"n": 0}, "n is 0"), ({"alpha": 0.0}, "alpha is 0.0"), ({"alpha": 1.0}, "alpha is 1.0"), ({"room": 0}, "room")],
)
def test_options_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SpeculativeRejection(**options)
