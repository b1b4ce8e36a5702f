"""REBASE, and what DORA and ETS, its kin on the same loop, must hold too."""

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.answer import extract_answer
from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.engines.scripted import scripted_answer
from outthink.errors import RecipeError, UsageError
from outthink.registry import make_strategy
from outthink.strategies.dora import Dora
from outthink.strategies.ets import Ets
from outthink.strategies.rebase import Rebase, Rounding, rebase, rounded
from outthink.strategies.sample import Sample
from outthink.strategies.steps import softmax
from outthink.verifiers.scripted import Scripted as ScriptedVerifier
from uneven import Uneven

SCORES = [0.9, 0.8, 0.5, 0.2]
KIN = [Rebase(n=8), Rebase(n=8, rounding="code"), Dora(n=8), Ets(n=8)]

Stepwise = Rebase | Dora | Ets


@pytest.mark.parametrize(
    ("rounding", "temperature", "counts"),
    [
        ("code", 0.2, [10, 5, 1, 0]),
        ("paper", 0.2, [9, 5, 1, 0]),
        ("conserving", 0.2, [9, 6, 1, 0]),
        ("code", 0.1, [12, 4, 0, 0]),
        ("paper", 0.1, [12, 4, 0, 0]),
        ("conserving", 0.1, [12, 4, 0, 0]),
    ],
)
def test_golden_allocations(rounding: Rounding, temperature: float, counts: list[int]) -> None:
    assert rebase(SCORES, 16, Random(0), temperature=temperature, rounding=rounding) == counts


def test_equal_scores_as_the_paper_and_the_code_round_them() -> None:
    equal = softmax([0.9] * 4, 0.2)
    assert rounded(equal, 3) == [1, 1, 1, 1]
    assert rounded(equal, 2) == [0, 0, 0, 0]
    code = rebase([0.9] * 4, 3, Random(0), temperature=0.2, rounding="code")
    assert sorted(code, reverse=True) == [1, 1, 1, 0]


def test_the_papers_rounding_never_exceeds_the_seats_left() -> None:
    counts = rebase([0.9] * 4, 3, Random(0), temperature=0.2, rounding="paper")
    assert sorted(counts) == [0, 1, 1, 1]


@pytest.mark.parametrize("rounding", ["conserving", "paper", "code"])
def test_ties_are_drawn_and_not_the_first_ones_luck(rounding: Rounding) -> None:
    lucky: Counter[int] = Counter()
    for seed in range(400):
        counts = rebase([0.9] * 4, 3, Random(seed), temperature=0.2, rounding=rounding)
        lucky.update(i for i, count in enumerate(counts) if count)
    assert min(lucky.values()) > 250 and lucky.total() == 1200


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
    st.integers(1, 64),
    st.floats(0.01, 10),
    st.sampled_from(["conserving", "code"]),
    st.integers(0, 2**31),
)
def test_every_seat_is_given_away_and_no_node_is_off_by_more_than_its_rounding(
    scores: list[float], seats: int, temperature: float, rounding: Rounding, seed: int
) -> None:
    counts = rebase(scores, seats, Random(seed), temperature=temperature, rounding=rounding)
    assert sum(counts) == seats and min(counts) >= 0
    if rounding == "conserving":
        shares = softmax(scores, temperature)
        assert all(abs(count - seats * share) < 1 + 1e-9 for count, share in zip(counts, shares, strict=True))
    ranked = sorted(range(len(scores)), key=lambda i: scores[i])
    assert all(counts[a] <= counts[b] for a, b in pairwise(ranked) if scores[a] < scores[b] - 1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 64), st.floats(0.01, 10))
def test_the_papers_rounding_loses_seats_but_adds_none(scores: list[float], seats: int, temperature: float) -> None:
    counts = rebase(scores, seats, Random(0), temperature=temperature, rounding="paper")
    literal = rounded(softmax(scores, temperature), seats)
    assert min(counts) >= 0 and sum(counts) == min(seats, sum(literal))
    assert all(0 <= more - count <= 1 for more, count in zip(literal, counts, strict=True))


@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=12, unique=True),
    st.integers(1, 64),
    st.sampled_from(["conserving", "paper", "code"]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_nodes_does_not_matter(
    scores: list[int], seats: int, rounding: Rounding, shuffler: Random
) -> None:
    order = list(range(len(scores)))
    shuffler.shuffle(order)
    values = [score / 10_000 for score in scores]
    counts = rebase(values, seats, Random(0), temperature=0.3, rounding=rounding)
    again = rebase([values[i] for i in order], seats, Random(1), temperature=0.3, rounding=rounding)
    tied = Counter(seats * share % 1 for share in softmax(values, 0.3)).most_common(1)[0][1] > 1
    assert tied or again == [counts[i] for i in order]


def test_a_pruned_node_gets_nothing() -> None:
    counts = rebase([0.5, -float("inf"), 0.5], 7, Random(0), temperature=0.1)
    assert counts[1] == 0 and sum(counts) == 7


@pytest.mark.parametrize("strategy", KIN)
async def test_finished_paths_and_children_fill_the_seats_of_every_round(
    new_search: SearchFactory, strategy: Stepwise
) -> None:
    several = False
    for seed in range(5):
        search = new_search(engine=Uneven(one_in=4, steps=6), seed=seed, budget=Budget(samples=8))
        await search.run(strategy)
        rounds = Counter(node.depth for node in search.tree.nodes[1:])
        finished = Counter(node.depth for node in search.tree.leaves)
        seats = 8
        for depth in sorted(rounds):
            assert rounds[depth] == seats
            seats -= finished[depth]
        assert seats == 0 and search.tree.stopped is None
        several |= len(finished) > 1
    assert several


@pytest.mark.parametrize("strategy", KIN)
@pytest.mark.parametrize("tokens", [1, 137, 400])
async def test_a_token_budget_is_kept_and_nothing_unfinished_votes(
    new_search: SearchFactory, strategy: Stepwise, tokens: int
) -> None:
    search = new_search(budget=Budget(tokens=tokens), sampling=Sampling(max_step_tokens=40))
    await search.run(strategy)
    assert search.tree.stopped == "tokens"
    assert search.tree.cost.engine.generated_tokens <= tokens
    assert all(leaf.finished for leaf in search.tree.leaves)


async def test_a_hot_softmax_prunes_nothing_and_a_cold_one_keeps_the_best(new_search: SearchFactory) -> None:
    for temperature, parents in ((1e3, 8), (1e-4, 1)):
        search = new_search(engine=ScriptedEngine(steps=2))
        await search.run(Rebase(n=8, temperature=temperature))
        assert len({node.parent for node in search.tree.nodes if node.depth == 2}) == parents


async def test_rebase_solves_more_than_sampling_at_equal_tokens(new_search: SearchFactory) -> None:
    right = Counter[str]()
    for number in range(150):
        for strategy in (Rebase(n=8), Sample(n=8)):
            search = new_search(
                engine=ScriptedEngine(success=0.6, steps=5),
                verifier=ScriptedVerifier(noise=0.1),
                question=f"problem {number}",
                seed=number,
            )
            await search.run(strategy)
            votes = Counter(extract_answer(search.tree.path(leaf).text) for leaf in search.tree.leaves)
            right[type(strategy).__name__] += votes[scripted_answer(f"problem {number}")] > 4
    assert right["Rebase"] > right["Sample"] + 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"rounding": "up"}, "rounding is 'up'"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Rebase(**options)


def test_it_is_a_kind_of_its_own() -> None:
    assert make_strategy({"kind": "rebase", "n": 4, "rounding": "code"}) == Rebase(n=4, rounding="code")
    with pytest.raises(RecipeError, match="rounding"):
        make_strategy({"kind": "rebase", "rounding": "up"})
