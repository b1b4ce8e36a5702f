"""Strategies against closed forms, on the scripted engine with a known rate of success."""

import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.candidates import candidate, path_score
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.engines.scripted import scripted_answer
from outthink.errors import UsageError
from outthink.registry import make_strategy
from outthink.search import Search
from outthink.select import Candidate, Choice, best, majority, weighted
from outthink.strategies.beam import Beam
from outthink.strategies.dvts import Dvts
from outthink.strategies.greedy import Greedy
from outthink.strategies.sample import Sample
from outthink.strategies.steps import step_search, top
from outthink.verifiers.scripted import Scripted as ScriptedVerifier
from uneven import Uneven

PROBLEMS = 600
SUCCESS, STEPS = 0.8, 3
SOLVED = SUCCESS**STEPS


def candidates(search: Search) -> list[Candidate]:
    return [candidate(path, path_score(path, "last")) for path in map(search.tree.path, search.tree.leaves)]


async def share_right(
    new_search: SearchFactory, strategy: Beam | Dvts | Greedy | Sample, select: Callable[..., Choice], **verifier: float
) -> float:
    right = 0
    for number in range(PROBLEMS):
        search = new_search(
            engine=ScriptedEngine(success=SUCCESS, steps=STEPS, wrong_answers=1),
            verifier=ScriptedVerifier(**verifier) if verifier else None,
            scored=bool(verifier),
            question=f"problem {number}",
            seed=number,
        )
        await search.run(strategy)
        right += select(candidates(search)).answer == scripted_answer(f"problem {number}")
    return right / PROBLEMS


def close_to(expected: float) -> object:
    """Within four standard errors: fails by chance once in sixteen thousand, and the seeds are fixed anyway."""
    return pytest.approx(expected, abs=4 * math.sqrt(max(expected * (1 - expected), 0.01) / PROBLEMS))


async def test_greedy_is_right_as_often_as_one_solution_is(new_search: SearchFactory) -> None:
    assert await share_right(new_search, Greedy(), majority) == close_to(SOLVED)


@pytest.mark.parametrize("n", [3, 9])
async def test_majority_is_right_as_often_as_the_binomial_says(new_search: SearchFactory, n: int) -> None:
    """One right and one wrong answer, n odd: right if more than half of the samples are."""
    expected = sum(math.comb(n, k) * SOLVED**k * (1 - SOLVED) ** (n - k) for k in range(n // 2 + 1, n + 1))
    assert await share_right(new_search, Sample(n=n), majority) == close_to(expected)


@pytest.mark.parametrize("n", [2, 4])
async def test_best_of_n_with_a_perfect_verifier_needs_one_right_sample(new_search: SearchFactory, n: int) -> None:
    assert await share_right(new_search, Sample(n=n), best, noise=0.0) == close_to(1 - (1 - SOLVED) ** n)


@pytest.mark.parametrize("n", [2, 8])
async def test_best_of_n_with_a_verifier_that_knows_nothing_is_one_sample(new_search: SearchFactory, n: int) -> None:
    assert await share_right(new_search, Sample(n=n), best, noise=0.5) == close_to(SOLVED)


async def test_one_path_a_step_is_right_as_often_as_every_step_has_a_right_child(new_search: SearchFactory) -> None:
    """Beam search with width N is greedy best-of-N a step: (1 - (1 - p)^N)^steps with a perfect verifier.

    The last step's N children all vote, so it is enough that one of them is right there too.
    """
    n = 3
    expected = (1 - (1 - SUCCESS) ** n) ** STEPS
    assert await share_right(new_search, Beam(n=n, width=n), best, noise=0.0) == close_to(expected)


async def test_beam_with_width_one_prunes_nothing_and_is_best_of_n(new_search: SearchFactory) -> None:
    expected = 1 - (1 - SOLVED) ** 4
    assert await share_right(new_search, Beam(n=4, width=1), best, noise=0.0) == close_to(expected)


async def test_beam_with_width_n_keeps_the_best_child_of_every_step(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=5))
    await search.run(Beam(n=6, width=6))
    for siblings in search.tree.offspring().values():
        assert len(siblings) == 6
        expanded = [node for node in siblings if node.children]
        assert all(node.score == max(other.score or 0 for other in siblings) for node in expanded)
        assert len(expanded) == (0 if siblings[0].finished else 1)


@pytest.mark.parametrize(("n", "width"), [(16, 4), (8, 3), (2, 1), (1, 1)])
async def test_a_width_of_sqrt_is_the_square_root_of_n_rounded(new_search: SearchFactory, n: int, width: int) -> None:
    digests = []
    for strategy in (Beam(n=n, width="sqrt"), Beam(n=n, width=width)):
        search = new_search()
        await search.run(strategy)
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]
    assert make_strategy({"kind": "beam", "width": "sqrt"}) == Beam(width="sqrt")
    with pytest.raises(UsageError, match="width is 'root'; it must lie between 1 and n = 16, or be \"sqrt\""):
        Beam(width="root")  # type: ignore[arg-type]


async def test_dvts_is_independent_beam_searches(new_search: SearchFactory) -> None:
    """The same subtrees grow whether they share one search or have one each."""
    together = new_search()
    await together.run(Dvts(n=12, width=4))

    apart = new_search()
    for subtree in range(3):
        await step_search(apart.part(subtree), partial(top, width=4), n=4, max_steps=40)
    assert together.tree.digest() == apart.tree.digest()


@pytest.mark.parametrize("n", [4, 8])
async def test_a_single_subtree_is_beam_search(new_search: SearchFactory, n: int) -> None:
    digests = []
    for strategy in (Dvts(n=n, width=n), Beam(n=n, width=n)):
        search = new_search()
        await search.run(strategy)
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("strategy", [Sample(n=8), Beam(n=8, width=4), Beam(n=8, width=3), Dvts(n=8, width=2)])
async def test_exactly_n_solutions_vote_each_sampled_once(
    new_search: SearchFactory, strategy: Sample | Beam | Dvts
) -> None:
    search = new_search(engine=ScriptedEngine(steps=4))
    await search.run(strategy)
    leaves = search.tree.leaves
    assert len(leaves) == 8
    assert len({leaf.index for leaf in leaves}) == 8
    assert all(leaf.finished for leaf in leaves)


async def test_finished_paths_and_children_fill_the_seats_of_every_round(new_search: SearchFactory) -> None:
    search = new_search(engine=Uneven(one_in=3, steps=6))
    await search.run(Beam(n=8, width=4))
    rounds = Counter(node.depth for node in search.tree.nodes[1:])
    finished = Counter(node.depth for node in search.tree.leaves)
    seats = 8
    for depth in sorted(rounds):
        assert rounds[depth] == seats
        seats -= finished[depth]
    assert seats == 0
    assert len(finished) > 1


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 64), st.integers(1, 16), st.integers(0, 2**31)
)
def test_beams_allocator_fills_every_seat_with_the_best(scores: list[float], seats: int, width: int, seed: int) -> None:
    shares = top(scores, seats, Random(seed), width=width)
    assert sum(shares) == seats
    kept = [i for i, share in enumerate(shares) if share]
    assert len(kept) == min(len(scores), max(1, math.ceil(seats / width)))
    assert max(shares) - min(shares[i] for i in kept) <= 1
    worst = min(scores[i] for i in kept)
    assert all(scores[i] <= worst for i in range(len(scores)) if i not in kept)


def test_ties_are_shared_among_all_that_tie() -> None:
    """Sixteen equal children of four parents: taking the first four would keep one parent's only."""
    kept: Counter[int] = Counter()
    for seed in range(400):
        shares = top([1.0] * 16, 16, Random(seed), width=4)
        kept.update(i for i, share in enumerate(shares) if share)
    assert min(kept.values()) > 50


async def test_weighted_voting_beats_majority_when_the_verifier_knows_something(new_search: SearchFactory) -> None:
    by_votes = await share_right(new_search, Sample(n=5), majority, noise=0.2)
    by_weight = await share_right(new_search, Sample(n=5), weighted, noise=0.2)
    assert by_weight > by_votes
