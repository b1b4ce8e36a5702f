"""Strategies as parts of strategies, and the laws that every registered strategy keeps."""

import asyncio
import pathlib
import time
from dataclasses import replace

import pytest

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import RecipeError, UsageError
from outthink.problems import Problem
from outthink.registry import kinds, make_strategy, signature
from outthink.search import Search
from outthink.solver import Solution, Solver
from outthink.strategies import Strategy
from outthink.strategies.beam import Beam
from outthink.strategies.dvts import Dvts
from outthink.strategies.granularity import Granularity
from outthink.strategies.lookahead import Lookahead
from outthink.strategies.sample import Sample
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

COMPOSED: list[dict[str, object]] = [
    {"kind": "lookahead", "steps": 2, "inner": {"kind": "beam", "n": 8, "width": 4}},
    {"kind": "granularity", "every": 2, "inner": {"kind": "beam", "n": 8, "width": 4}},
    {"kind": "lookahead", "inner": {"kind": "granularity", "inner": {"kind": "dvts", "n": 8}}},
    {"kind": "granularity", "inner": {"kind": "lookahead", "inner": {"kind": "dvts", "n": 8}}},
    {"kind": "dvts", "n": 16, "inner": {"kind": "lookahead", "steps": 1, "inner": {"kind": "beam", "n": 8}}},
    {"kind": "dvts", "n": 16, "inner": {"kind": "granularity", "inner": {"kind": "beam", "n": 8, "width": 2}}},
    {"kind": "lookahead", "inner": {"kind": "lookahead", "inner": {"kind": "beam", "n": 4}}},
]

VARIANTS: list[dict[str, object]] = [
    {"kind": "particles", "n": 8, "resampling": "systematic"},
    {"kind": "particles", "n": 8, "entropic": True},
    {"kind": "particle-gibbs", "n": 8, "iterations": 2},
    {"kind": "rebase", "n": 8, "rounding": "code"},
    {"kind": "auto", "n": 16, "policy": str(pathlib.Path(__file__).parents[1] / "policy.yaml")},
]


def described(spec: object) -> str:
    return f"{spec['kind']}({described(spec['inner'])})" if isinstance(spec, dict) and "inner" in spec else str(spec)


@pytest.mark.parametrize("spec", COMPOSED, ids=described)
async def test_parts_keep_the_laws_of_the_whole(new_search: SearchFactory, spec: dict[str, object]) -> None:
    strategy = make_strategy(spec)
    digests = []
    for _ in range(2):
        engine, verifier = ScriptedEngine(steps=5, parameters=3), ScriptedVerifier(parameters=2)
        search = new_search(engine=engine, verifier=verifier, budget=Budget(samples=strategy.samples))
        await search.run(strategy)
        assert search.tree.stopped is None
        assert len(search.tree.leaves) == strategy.samples
        assert all(leaf.finished and not search.tree.path(leaf).unscored for leaf in search.tree.leaves)
        assert search.tree.cost.engine == engine.usage and search.tree.cost.verifier == verifier.usage
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("width", [2, 4, 12])
async def test_dvts_is_independent_beams(new_search: SearchFactory, width: int) -> None:
    """DVTS(N, M) is N / M beam searches of M seats that keep one path each."""
    together, composed, apart = (new_search() for _ in range(3))
    await together.run(Dvts(n=12, width=width))
    await composed.run(Dvts(n=12, inner=Beam(n=width, width=width)))
    for subtree in range(12 // width):
        await Beam(n=width, width=width)(apart.part(subtree))
    assert together.tree.digest() == composed.tree.digest() == apart.tree.digest()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "lookahead"}, r"strategy\.inner: .*required"),
        ({"kind": "lookahead", "inner": "sample"}, r"strategy: inner: sample chooses no step by its score"),
        ({"kind": "lookahead", "inner": {"kind": "beam", "widht": 2}}, r"strategy\.inner: unknown key 'widht'"),
        ({"kind": "lookahead", "inner": {"kind": "lookahead", "inner": "bean"}}, r"strategy\.inner\.inner: .*'bean'"),
        ({"kind": "granularity", "inner": None}, r"strategy\.inner"),
        ({"kind": "dvts", "inner": "greedy"}, r"inner: greedy chooses no step by its score"),
        ({"kind": "dvts", "n": 12, "inner": {"kind": "beam", "n": 8}}, r"multiple of the inner strategy's 8 samples"),
        ({"kind": "dvts", "width": 2, "inner": {"kind": "beam", "n": 8}}, r"width and max_steps are the inner"),
        ({"kind": "dvts", "max_steps": 2, "inner": {"kind": "beam", "n": 8}}, r"width and max_steps are the inner"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(spec: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make_strategy(spec)


def test_an_optional_part_may_be_left_open() -> None:
    assert make_strategy({"kind": "dvts", "n": 8, "inner": None}) == Dvts(n=8)
    assert make_strategy({"kind": "lookahead", "inner": "beam"}) == Lookahead(inner=Beam(), steps=3)
    assert make_strategy({"kind": "granularity", "inner": Beam(n=4)}) == Granularity(inner=Beam(n=4))


def registered() -> list[object]:
    """Every strategy that ships, as it is without options, and some with; and how those that need some are left out."""
    found = []
    for kind in kinds("strategies"):
        needed = [name for name, option in signature("strategies", kind).items() if option.default is option.empty]
        marks = [pytest.mark.skip(reason=f"{kind} needs {', '.join(needed)}")] if needed else []
        found.append(pytest.param(kind, id=kind, marks=marks))
    return [*found, *(pytest.param(spec, id=described(spec)) for spec in (*COMPOSED, *VARIANTS))]


async def spend(new_search: SearchFactory, spec: str, budget: Budget, *, seed: int = 0, **engine: float) -> Search:
    strategy: Strategy = make_strategy(spec)
    writes = ScriptedEngine(steps=4, parameters=3, **engine)  # type: ignore[arg-type]
    judges = ScriptedVerifier(parameters=2, noise=0.2)
    search = new_search(
        engine=writes,
        verifier=judges,
        seed=seed,
        partners={"target": writes},
        budget=Budget(samples=strategy.samples) & budget,
        sampling=Sampling(top_logprobs=5),
    )
    before = asyncio.all_tasks()
    try:
        await search.run(strategy)
    except UsageError as refused:
        pytest.skip(f"not on the scripted engine: {refused}")
    assert asyncio.all_tasks() == before, "a task is left behind"
    assert len(search.tree.leaves) <= strategy.samples
    cost = search.tree.cost
    for spent, counted in ((cost.engine, writes.usage), (cost.verifier, judges.usage)):
        # Seconds are added up in another order, and rounded otherwise.
        assert replace(spent, seconds=0.0) == replace(counted, seconds=0.0)
    return search


@pytest.mark.parametrize("spec", registered())
async def test_the_same_seed_gives_the_same_tree(new_search: SearchFactory, spec: str) -> None:
    trees = [(await spend(new_search, spec, Budget(), seed=seed)).tree for seed in (1, 1, 2)]
    assert trees[0].digest() == trees[1].digest() != trees[2].digest()


@pytest.mark.parametrize("tokens", [1, 90, 700])
@pytest.mark.parametrize("spec", registered())
async def test_every_strategy_stops_within_its_tokens(new_search: SearchFactory, spec: str, tokens: int) -> None:
    search = await spend(new_search, spec, Budget(tokens=tokens))
    assert search.tree.cost.engine.generated_tokens <= tokens
    assert search.tree.stopped in ("tokens", None)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("spec", registered())
async def test_every_strategy_stops_within_its_samples(new_search: SearchFactory, spec: str, samples: int) -> None:
    search = await spend(new_search, spec, Budget(samples=samples))
    assert len(search.tree.leaves) <= samples
    assert search.tree.stopped in ("samples", None)


async def test_solutions_are_written_as_far_as_samples_go(new_search: SearchFactory) -> None:
    search = await spend(new_search, "sample", Budget(samples=5))
    assert len(search.tree.leaves) == 5 and search.tree.stopped == "samples"


@pytest.mark.parametrize("flops", [1.0, 2e3, 2e4])
@pytest.mark.parametrize("spec", registered())
async def test_every_strategy_stops_within_its_flops(new_search: SearchFactory, spec: str, flops: float) -> None:
    search = await spend(new_search, spec, Budget(flops=flops))
    assert search.tree.cost.flops <= flops
    assert search.tree.stopped in ("flops", None)


@pytest.mark.parametrize("spec", registered())
async def test_every_strategy_stops_in_time(new_search: SearchFactory, spec: str) -> None:
    began = time.perf_counter()
    search = await spend(new_search, spec, Budget(seconds=0.03), seconds_per_call=5e-3)
    assert time.perf_counter() - began < 2
    assert search.tree.stopped in ("seconds", None)


@pytest.mark.parametrize("strategy", [Sample(n=16), Beam(n=16), Lookahead(inner=Beam(n=16), steps=1)], ids=str)
@pytest.mark.parametrize("limit", ["tokens", "flops"])
async def test_what_was_finished_by_then_is_scored_and_answered_from(strategy: Strategy, limit: str) -> None:
    """Four fifths of what the whole search costs."""

    async def solve(budget: Budget) -> Solution:
        engine, verifier = ScriptedEngine(steps=2, parameters=3), ScriptedVerifier(parameters=2, seconds_per_call=1e-4)
        async with Solver(engine=engine, verifier=verifier) as solver:
            return await solver.solve(Problem(id="1", question="Why?"), strategy, budget=budget)

    whole = (await solve(Budget())).cost
    part = await solve(
        Budget(tokens=whole.engine.generated_tokens * 4 // 5) if limit == "tokens" else Budget(flops=whole.flops * 0.8)
    )
    assert part.tree.stopped == limit and part.answer is not None
    assert all(not part.tree.path(leaf).unscored for leaf in part.tree.leaves)


@pytest.mark.parametrize("quick", [0, 2])
async def test_what_time_left_unscored_is_passed_over_or_voted_on(quick: int) -> None:
    class Slower(ScriptedVerifier):
        """Scores a few paths, and then no more."""

        async def score(self, path: Path) -> Scores:
            if self.usage.calls >= quick:
                await asyncio.Event().wait()
            return await super().score(path)

    async with Solver(engine=ScriptedEngine(), verifier=Slower()) as solver:
        solution = await solver.solve(
            Problem(id="1", question="Why?"), Sample(n=8), select="best", budget=Budget(seconds=0.2)
        )
    assert solution.tree.stopped == "seconds" and solution.answer is not None
    assert solution.choice.candidates == (quick or 8)


async def test_a_flops_budget_needs_the_models_sizes(new_search: SearchFactory) -> None:
    search = new_search(budget=Budget(flops=1e6))
    with pytest.raises(UsageError, match=r"budget\.flops: .* the engine \(Scripted\).*engine\.parameters"):
        await search.run(Sample(n=2))

    class Silent(ScriptedVerifier):
        """Does not tell its size."""

        @property
        def parameters(self) -> None:
            return None

        @parameters.setter
        def parameters(self, value: int) -> None:
            pass

    search = new_search(engine=ScriptedEngine(parameters=1), verifier=Silent(), budget=Budget(flops=1e6))
    with pytest.raises(UsageError, match=r"the verifier \(Silent\).*limit tokens or seconds instead"):
        await search.run(Sample(n=2))
    unjudged = new_search(engine=ScriptedEngine(parameters=1), scored=False, budget=Budget(flops=1e6))
    await unjudged.run(Sample(n=2))
    assert len(unjudged.tree.leaves) == 2


async def test_a_flops_budget_is_spent_nearly_to_its_end(new_search: SearchFactory) -> None:
    """What is set aside for reading a prompt again comes back: only a last path's worth is left over."""
    engine, verifier = ScriptedEngine(steps=4, parameters=3), ScriptedVerifier(parameters=2)
    search = new_search(engine=engine, verifier=verifier, budget=Budget(flops=5e4))
    await search.run(Sample(n=1000))
    longest = max(node.length for node in search.tree.nodes) + len(search.tree.root.ids)
    assert search.tree.stopped == "flops"
    assert 5e4 - 2 * (3 + 2) * 2 * longest < search.tree.cost.flops <= 5e4


@pytest.mark.parametrize("kind", ["beam", "rebase", "particles", "dvts"])
async def test_stepwise_search_narrows_to_the_samples_allowed(new_search: SearchFactory, kind: str) -> None:
    search = await spend(new_search, kind, Budget(samples=4))
    assert 1 <= len(search.tree.leaves) <= 4 and search.tree.stopped == "samples"
    # More than the first step was written: they were searched for, not sampled.
    assert len(search.tree.nodes) > 4 * 4
