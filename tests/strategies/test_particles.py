from collections import Counter
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
from outthink.errors import UsageError
from outthink.registry import make_strategy
from outthink.strategies.particle_gibbs import ParticleGibbs
from outthink.strategies.particles import Particles
from outthink.strategies.parts.population import filter_particles
from outthink.strategies.parts.resampling import (
    Resampling,
    annealing,
    chances,
    effective_size,
    multinomial,
    resample,
    systematic,
)
from outthink.tree import Node
from outthink.verifiers.scripted import Scripted as ScriptedVerifier
from uneven import Uneven

KINDS = [
    Particles(n=8),
    Particles(n=8, resampling="systematic"),
    Particles(n=8, entropic=True),
    ParticleGibbs(n=8, iterations=2),
]
shares_of = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=12)


class ByLength(ScriptedVerifier):
    """Holds a path for better the longer it is."""

    def _judge(self, step: Node) -> float:
        return 1 - 0.5**step.depth


def test_golden_chances() -> None:
    shares = chances([0.9, 0.5, 0.1])
    assert shares == pytest.approx([0.8901, 0.0989, 0.0110], abs=5e-5)
    assert effective_size(shares) == pytest.approx(1.25, abs=5e-3)


def test_chances_are_in_proportion_to_odds_and_scores_of_0_and_1_are_finite() -> None:
    assert chances([0.75, 0.5]) == pytest.approx([3 / 4, 1 / 4])
    assert chances([0.9, 0.5], 2.0) == pytest.approx([3 / 4, 1 / 4]), "odds of 9 to 1, to the power one half"
    assert chances([1.0, 1.0, 0.0]) == pytest.approx([0.5, 0.5, 0.0], abs=1e-9)


def test_annealing_sets_in_for_few_effective_particles_in_the_first_half() -> None:
    one = [1.0, 0.0, 0.0, 0.0]
    assert annealing(one, 0.0) == pytest.approx(4.0), "N / ESS"
    assert annealing(one, 0.25) == pytest.approx(3.0)
    assert annealing(one, 0.5) == 1.0
    assert annealing([0.5, 0.5, 0.0, 0.0], 0.0) == 1.0, "half of the particles is enough"
    golden = chances([0.9, 0.5, 0.1])
    assert annealing(golden, 0.1) == pytest.approx(3 / effective_size(golden) * 0.9)


@given(shares_of, st.integers(1, 32), st.floats(0, 1), st.integers(0, 2**31))
def test_entropic_draws_are_never_less_diverse(values: list[float], n: int, progress: float, seed: int) -> None:
    plain = chances(values)
    even = chances(values, annealing(plain, progress))
    assert effective_size(even) >= effective_size(plain) - 1e-9
    drawn = resample(values, n, Random(seed), progress, how="systematic", temperature=1.0, entropic=True)
    assert all(abs(count - n * share) < 1 + 1e-6 for count, share in zip(drawn, even, strict=True))


@given(shares_of, st.integers(1, 32), st.integers(0, 2**31))
def test_every_draw_is_counted(values: list[float], n: int, seed: int) -> None:
    shares = chances(values)
    for scheme in (multinomial, systematic):
        counts = scheme(shares, n, Random(seed))
        assert sum(counts) == n and min(counts) >= 0
    even = systematic(shares, n, Random(seed))
    assert all(abs(count - n * share) < 1 + 1e-6 for count, share in zip(even, shares, strict=True))


@pytest.mark.parametrize("how", ["multinomial", "systematic"])
def test_resampling_is_unbiased(how: Resampling) -> None:
    """On average each particle is drawn n times its chance; within four standard errors of independent draws."""
    values, n, times = [0.9, 0.8, 0.5, 0.2], 5, 4000
    total: Counter[int] = Counter()
    for seed in range(times):
        total.update(dict(enumerate(resample(values, n, Random(seed), 0.0, how=how, temperature=1.0))))
    for i, share in enumerate(chances(values)):
        error = 4 * (share * (1 - share) / (n * times)) ** 0.5
        assert total[i] / (n * times) == pytest.approx(share, abs=error)


@pytest.mark.parametrize("strategy", KINDS)
async def test_the_votes_of_every_population_are_its_particles(
    new_search: SearchFactory, strategy: Particles | ParticleGibbs
) -> None:
    died = several = False
    for seed in range(10):
        search = new_search(
            engine=Uneven(one_in=4, steps=6), verifier=ScriptedVerifier(noise=0.3), seed=seed, budget=Budget(samples=8)
        )
        await search.run(strategy)
        leaves = search.tree.leaves
        assert search.tree.stopped is None
        assert sum(leaf.weight for leaf in leaves) == 8 and all(leaf.weight % 1 == 0 for leaf in leaves)
        died |= any(node.finished and node.weight == 0 for node in search.tree.nodes)
        several |= any(leaf.weight > 1 for leaf in leaves)
    assert died and several


async def test_open_particles_have_as_many_children_as_they_were_drawn(new_search: SearchFactory) -> None:
    rounds: list[list[int]] = []

    def draw(values: Any, n: int, rng: Random, progress: float) -> list[int]:
        rounds.append([n, *[0] * (len(values) - 1)] if len(rounds) % 2 else [0] * (len(values) - 2) + [n - 1, 1])
        return rounds[-1]

    search = new_search(engine=ScriptedEngine(steps=4))
    await filter_particles(search, draw, n=5, max_steps=9)
    offspring = search.tree.offspring()
    for depth, counts in enumerate(rounds[:-1], start=1):
        nodes = [node for node in search.tree.nodes if node.depth == depth]
        assert [len(offspring.get(node.index, [])) for node in nodes] == counts
    assert [(leaf.weight, leaf.depth) for leaf in search.tree.leaves] == [(5, 4)]


async def test_weights_are_replaced_and_finished_particles_keep_theirs(new_search: SearchFactory) -> None:
    seen: list[list[float]] = []

    def draw(values: Any, n: int, rng: Random, progress: float) -> list[int]:
        seen.append(list(values))
        return [1] * n

    search = new_search(engine=Uneven(one_in=4, steps=4), verifier=ByLength(), seed=3)
    await filter_particles(search, draw, n=6, max_steps=9)
    ends = Counter(leaf.depth for leaf in search.tree.leaves)
    assert len(ends) > 1
    for step, values in enumerate(seen, start=1):
        expected = [1 - 0.5 ** min(step, leaf.depth) for leaf in search.tree.leaves]
        assert sorted(values) == sorted(expected), "the latest value alone, and a finished one's last"


async def test_cut_paths_leave_the_population(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=50), sampling=Sampling(max_tokens=60))
    await search.run(ParticleGibbs(n=8, iterations=2))
    assert search.tree.stopped is None and not search.tree.leaves


async def test_a_reference_is_not_written_again_and_others_branch_off_it(new_search: SearchFactory) -> None:
    branched = False
    for seed in range(8):
        search = new_search(engine=ScriptedEngine(steps=3), verifier=ScriptedVerifier(noise=0.3), seed=seed)
        await search.run(ParticleGibbs(n=9, iterations=3))
        tree = search.tree
        assert sum(node.depth == 1 for node in tree.nodes) == 3 + 2 + 2
        assert sum(leaf.weight for leaf in tree.leaves) == 9
        firsts = [node.index for node in tree.nodes if node.depth == 1]
        # From the fourth first step on, all is written by later filters; only they branch off what was there before.
        branched |= any(0 < node.parent < firsts[3] < node.index for node in tree.nodes)
    assert branched


async def test_one_iteration_is_a_particle_filter(new_search: SearchFactory) -> None:
    trees = []
    for strategy in (Particles(n=8), ParticleGibbs(n=8, iterations=1)):
        search = new_search(engine=Uneven(one_in=4, steps=5), seed=5)
        await search.run(strategy)
        trees.append(Counter(node.depth for node in search.tree.nodes if node.depth == 1))
        assert sum(leaf.weight for leaf in search.tree.leaves) == 8
    assert trees[0] == trees[1]


@pytest.mark.parametrize("strategy", KINDS)
@pytest.mark.parametrize("tokens", [1, 137, 500])
async def test_a_token_budget_is_kept_and_nothing_unfinished_votes(
    new_search: SearchFactory, strategy: Particles | ParticleGibbs, tokens: int
) -> None:
    search = new_search(
        engine=Uneven(one_in=4, steps=6), budget=Budget(tokens=tokens), sampling=Sampling(max_step_tokens=40)
    )
    await search.run(strategy)
    assert search.tree.cost.engine.generated_tokens <= tokens
    assert all(leaf.finished for leaf in search.tree.leaves)
    assert sum(leaf.weight for leaf in search.tree.leaves) <= 8


async def test_filtering_solves_more_than_one_sample_does(new_search: SearchFactory) -> None:
    share = 0.0
    for number in range(200):
        search = new_search(
            engine=ScriptedEngine(success=0.6, steps=4),
            verifier=ScriptedVerifier(noise=0.1),
            question=f"problem {number}",
            seed=number,
        )
        await search.run(Particles(n=8))
        right = [
            extract_answer(search.tree.path(leaf).text) == scripted_answer(f"problem {number}")
            for leaf in search.tree.leaves
        ]
        share += sum(leaf.weight for leaf, each in zip(search.tree.leaves, right, strict=True) if each) / 8
    assert share / 200 > 2 * 0.6**4


@pytest.mark.parametrize(
    ("made", "options", "message"),
    [
        (Particles, {"n": 0}, "n is 0"),
        (Particles, {"resampling": "residual"}, "resampling is 'residual'"),
        (Particles, {"temperature": 0.0}, "temperature is 0.0"),
        (Particles, {"max_steps": 0}, "max_steps is 0"),
        (ParticleGibbs, {"n": 8, "iterations": 3}, "multiple of iterations"),
        (ParticleGibbs, {"n": 4, "iterations": 4}, "at least 2 particles in each"),
        (ParticleGibbs, {"resampling": "residual"}, "resampling is 'residual'"),
        (ParticleGibbs, {"temperature": -1.0}, "temperature is -1.0"),
        (ParticleGibbs, {"max_steps": 0}, "max_steps is 0"),
    ],
)
def test_what_cannot_be_is_refused(made: type[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made(**options)


def test_they_are_kinds_of_their_own() -> None:
    assert make_strategy({"kind": "particles", "entropic": True}) == Particles(entropic=True)
    assert make_strategy({"kind": "particle-gibbs", "n": 8, "iterations": 2}) == ParticleGibbs(n=8, iterations=2)
