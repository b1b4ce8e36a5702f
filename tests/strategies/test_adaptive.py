"""Self-consistency with early stopping, on the scripted engine."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from conftest import SearchFactory
from outthink.answer import canonical, extract_answer
from outthink.budget import Budget
from outthink.engines import Request, Sampling, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.search import Search
from outthink.select import Candidate, weighted
from outthink.strategies.adaptive import Adaptive
from outthink.strategies.sample import Sample
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


class Staggered(ScriptedEngine):
    """Each request takes its own number of turns of the event loop for every step."""

    async def sample(self, path: Path, request: Request) -> AsyncIterator[Step]:
        async for step in super().sample(path, request):
            yield step
            for _ in range(1 + request.seed % 60):
                await asyncio.sleep(0)


def answers(search: Search) -> list[str]:
    stated = [extract_answer(search.tree.path(leaf).text) for leaf in search.tree.leaves]
    return [canonical(answer) for answer in stated if answer is not None]


@pytest.mark.parametrize(
    ("strategy", "written"),
    [
        (Adaptive(), 5),
        (Adaptive(wave=1), 4),
        (Adaptive(wave=3), 6),
        (Adaptive(rule="window"), 5),
        (Adaptive(rule="infinity", wave=1), 3),
        (Adaptive(rule="infinity"), 5),
        (Adaptive(n=2), 2),
        (Adaptive(n=1, rule="window"), 1),
    ],
)
async def test_agreement_ends_the_sampling(new_search: SearchFactory, strategy: Adaptive, written: int) -> None:
    search = new_search(engine=ScriptedEngine(success=1.0), scored=False)
    await search.run(strategy)
    assert len(search.tree.leaves) == written and search.tree.stopped is None


async def test_solutions_that_were_cut_decide_nothing(new_search: SearchFactory) -> None:
    """Nearly all are cut in the middle of the same answer."""
    search = new_search(engine=ScriptedEngine(success=1.0, steps=1), scored=False, sampling=Sampling(max_tokens=27))
    await search.run(Adaptive(n=20))
    texts = [node.text for node in search.tree.nodes[1:]]
    assert len(texts) == 20
    assert sum("The answer is" in text for text in texts) - len(search.tree.leaves) > 15


@pytest.mark.parametrize(("rule", "cap"), [("consistency", 40), ("window", 40), ("infinity", 100)])
async def test_without_agreement_all_are_written(new_search: SearchFactory, rule: Any, cap: int) -> None:
    search = new_search(engine=ScriptedEngine(success=0.0, wrong_answers=1000, steps=1), scored=False)
    strategy = Adaptive(rule=rule)
    await search.run(strategy)
    assert strategy.samples == cap == len(search.tree.leaves)


async def test_waves_are_the_beginning_of_the_same_sample(new_search: SearchFactory) -> None:
    """Stopping early takes nothing from what had been written, and decides it as its rule says."""
    for seed in range(20):
        few, more = (new_search(engine=ScriptedEngine(success=0.85), scored=False, seed=seed) for _ in range(2))
        strategy = Adaptive(wave=1, n=30)
        await few.run(strategy)
        for _ in range(30):
            await more.complete([more.root], 1)
        found = answers(few)
        assert found == answers(more)[: len(found)]
        assert strategy.settled(found) or len(found) == 30
        assert not any(strategy.settled(found[:end]) for end in range(len(found)))


async def test_the_early_majority_is_the_late_one_as_often_as_promised(new_search: SearchFactory) -> None:
    same, written = 0, 0
    for seed in range(200):
        few, many = (
            new_search(engine=ScriptedEngine(success=0.9, steps=3, wrong_answers=1), scored=False, seed=seed)
            for _ in range(2)
        )
        await few.run(Adaptive(wave=1))
        await many.run(Sample(n=40))
        majorities = [max(sorted(set(found)), key=found.count) for found in (answers(few), answers(many))]
        same += majorities[0] == majorities[1]
        written += len(answers(few))
    assert same >= 0.95 * 200
    assert written < 200 * 40 / 3


async def test_a_race_is_over_when_the_vote_is_decided(new_search: SearchFactory) -> None:
    before = asyncio.all_tasks()
    engine = Staggered(success=1.0, steps=6)
    search = new_search(engine=engine, scored=False)
    await search.run(Adaptive(how="race"))
    assert asyncio.all_tasks() == before
    assert 4 <= len(search.tree.leaves) < 40
    assert search.root.children == 40
    begun = {node.parent for node in search.tree.nodes}
    assert any(node.open and node.index not in begun for node in search.tree.nodes), "somebody was broken off"
    assert search.tree.cost.engine == engine.usage


class Slow(ScriptedVerifier):
    """Takes its turns of the event loop before it judges."""

    async def score(self, path: Path) -> Scores:
        for _ in range(path.node.seed % 60):
            await asyncio.sleep(0)
        return await super().score(path)


async def test_what_a_race_leaves_unscored_does_not_keep_the_rest_from_being_chosen(new_search: SearchFactory) -> None:
    engine, verifier = Staggered(success=1.0), Slow()
    search = new_search(engine=engine, verifier=verifier)
    await search.run(Adaptive(how="race"))
    assert (search.tree.cost.engine, search.tree.cost.verifier) == (engine.usage, verifier.usage)
    scores = [search.tree.path(leaf).scores for leaf in search.tree.leaves]
    assert not all(scores), "some were broken off while they were judged"
    candidates = [Candidate(answer="1", key="1", score=found[-1] if found else None) for found in scores]
    assert weighted(candidates).votes == sum(map(bool, scores)) >= 4


@pytest.mark.parametrize("rule", ["consistency", "window", "infinity"])
@pytest.mark.parametrize("how", ["waves", "race"])
async def test_tokens_are_never_exceeded(new_search: SearchFactory, rule: Any, how: Any) -> None:
    for tokens in (1, 90, 333, 1000):
        engine = Staggered(success=0.3, wrong_answers=1000)
        search = new_search(engine=engine, scored=False, budget=Budget(tokens=tokens, samples=40))
        await search.run(Adaptive(rule=rule, how=how, n=40))
        assert search.tree.cost.engine == engine.usage
        assert engine.usage.generated_tokens <= tokens and search.tree.stopped == "tokens"
        assert all(leaf.finished for leaf in search.tree.leaves)


async def test_the_same_seed_gives_the_same_waves(new_search: SearchFactory) -> None:
    async def digest(engine: ScriptedEngine, seed: int) -> str:
        search = new_search(engine=engine, scored=False, seed=seed)
        await search.run(Adaptive())
        return search.tree.digest()

    digests = [await digest(ScriptedEngine(), seed) for seed in range(5)]
    assert digests == [await digest(Staggered(), seed) for seed in range(5)]
    assert all(one != other for one, other in pairwise(digests))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"wave": 0}, "wave is 0"),
        ({"rule": "window", "wave": 1}, "wave is 1"),
        ({"threshold": 0.5}, "threshold is 0.5"),
        ({"factor": 1.0}, "factor is 1.0"),
        ({"rule": "luck"}, "rule is 'luck'"),
        ({"how": "slowly"}, "how is 'slowly'"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Adaptive(**options)
