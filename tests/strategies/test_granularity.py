"""Verification granularity: steps between verifications are neither branched nor scored apart."""

import pytest

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.beam import Beam
from outthink.strategies.dvts import Dvts
from outthink.strategies.granularity import Granularity
from outthink.strategies.greedy import Greedy
from outthink.strategies.lookahead import Lookahead
from outthink.strategies.sample import Sample
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.scripted import Scripted as ScriptedVerifier
from uneven import Uneven


@pytest.mark.parametrize("inner", [Beam(n=8, width=4), Beam(n=8, width=3), Dvts(n=8), Lookahead(inner=Dvts(n=8))])
async def test_every_step_is_the_inner_strategy_itself(new_search: SearchFactory, inner: Strategy) -> None:
    digests = []
    for strategy in (inner, Granularity(inner=inner, every=1)):
        search = new_search(engine=ScriptedEngine(steps=6))
        await search.run(strategy)
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


class Watched(ScriptedVerifier):
    """Remembers which step ended each path it was shown, and how many steps were new."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[int, int]] = []

    async def score(self, path: Path) -> Scores:
        self.shown.append((path.node.depth, len(path.unscored)))
        return await super().score(path)


async def test_paths_branch_and_are_verified_every_g_steps(new_search: SearchFactory) -> None:
    """The paper's loop: N first steps; then each kept path is extended by g - 1 steps, and branches."""
    verifier = Watched()
    search = new_search(engine=ScriptedEngine(steps=7), verifier=verifier)
    await search.run(Granularity(inner=Beam(n=4, width=4), every=3))

    written = {depth: sum(node.depth == depth for node in search.tree.nodes) for depth in range(1, 8)}
    assert written == {1: 4, 2: 1, 3: 1, 4: 4, 5: 1, 6: 1, 7: 4}
    assert sorted({depth for depth, _ in verifier.shown}) == [1, 4, 7]
    # Siblings share two steps that had no score: the first to be scored has them scored, the others do not again.
    assert sorted(new for depth, new in verifier.shown if depth == 4) == [1, 1, 1, 3]


async def test_a_step_that_siblings_share_is_scored_once_however_slow_the_verifier(new_search: SearchFactory) -> None:
    verifier = ScriptedVerifier(seconds_per_call=1e-3)
    search = new_search(engine=ScriptedEngine(steps=7), verifier=verifier)
    await search.run(Granularity(inner=Beam(n=8, width=4), every=3))
    written = sum(node.cost.engine.generated_tokens for node in search.tree.nodes)
    assert verifier.usage.scored_tokens == written + len(search.tree.root.ids)


@pytest.mark.parametrize("every", [2, 3, 9])
async def test_a_path_that_ends_on_the_way_is_one_scored_solution(new_search: SearchFactory, every: int) -> None:
    engine, verifier = Uneven(one_in=3, steps=12, parameters=2), ScriptedVerifier(parameters=1)
    search = new_search(engine=engine, verifier=verifier, budget=Budget(samples=12))
    await search.run(Granularity(inner=Beam(n=12, width=3), every=every))

    tree = search.tree
    assert tree.stopped is None and 0 < len(tree.leaves) <= 12
    assert all(not tree.path(leaf).unscored for leaf in tree.leaves)
    assert tree.cost.engine == engine.usage and tree.cost.verifier == verifier.usage


@pytest.mark.parametrize("inner", [Greedy(), Sample(n=4)])
def test_what_reads_no_scores_is_refused_with_the_reason(inner: Strategy) -> None:
    with pytest.raises(UsageError, match="scoring less often would change nothing"):
        Granularity(inner=inner)


def test_less_than_every_step_is_refused() -> None:
    with pytest.raises(UsageError, match="every is 0"):
        Granularity(inner=Beam(), every=0)


async def test_steps_on_trial_are_as_coarse(new_search: SearchFactory) -> None:
    """Around lookahead, a greedy step is as long as any other."""

    class Look:
        samples, ranks = 4, True

        async def __call__(self, search: Search) -> None:
            (child,) = await search.expand([search.root], 1)
            (self.end,) = await search.expand([child], 1, temperature=0.0, trial=True)
            search.take(self.end)

    look = Look()
    search = new_search(engine=ScriptedEngine(steps=9))
    await search.run(Granularity(inner=look, every=3))
    assert look.end.depth == 1 + 3
    assert all(node.weight == 1 for node in search.tree.path(look.end).nodes)
