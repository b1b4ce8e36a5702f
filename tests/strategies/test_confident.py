"""DeepConf and self-certainty: votes that count as much as the model was sure, on confidences that are known."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from grown import in_microseconds
from outthink.budget import Budget
from outthink.confidence import Measure, lowest, mean, measured, quantile
from outthink.engines import Sampling
from outthink.engines.scripted import RIGHT, scripted_answer
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.packing import pack, unpack
from outthink.registry import make_strategy
from outthink.search import Search
from outthink.select import Candidate, majority
from outthink.strategies import Strategy
from outthink.strategies.beam import Beam
from outthink.strategies.deepconf import DeepConf
from outthink.strategies.deepconf_online import DeepConfOnline
from outthink.strategies.parts.answers import rivals
from outthink.strategies.sample import Sample
from outthink.strategies.self_certainty import SelfCertainty
from outthink.tree import Node, Tree

TOLD = Sampling(top_logprobs=20)
STRATEGIES: list[Strategy] = [DeepConf(), DeepConf(keep=0.5), SelfCertainty(), DeepConfOnline(n=16, warmup=4, wave=4)]


def confidences(search: Search, nodes: Sequence[Node]) -> list[list[float]]:
    return [search.tree.path(node).confidences for node in nodes]


def finished(tree: Tree) -> list[Node]:
    return [node for node in tree.nodes if node.finished]


def choice(search: Search) -> str | None:
    leaves = search.tree.leaves
    found = rivals(search, leaves)
    held = [(rival.answer, each.weight) for rival in found for each in rival.solutions]
    return majority([Candidate(answer=key, key=key, score=None, weight=weight) for key, weight in held]).answer


async def test_the_scripted_engine_is_surer_of_what_is_right(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(confidence_noise=0.0), sampling=TOLD)
    await search.complete([search.root], 20)
    for node in search.tree.nodes[1:]:
        expected = 12.0 if node.text.startswith(RIGHT) else 10.0
        assert list(node.confidences or ()) == [expected] * len(node.ids)
    plain = new_search()
    await plain.complete([plain.root], 20)
    assert all(node.confidences is None for node in plain.tree.nodes)
    assert plain.tree.digest() == search.tree.digest(), "being asked for them changes nothing"


@pytest.mark.parametrize("measure", ["mean", "tail", "bottom", "lowest"])
async def test_votes_count_as_much_as_the_model_was_sure(new_search: SearchFactory, measure: Measure) -> None:
    search = new_search(sampling=TOLD)
    await search.run(DeepConf(inner=Sample(n=8), measure=measure, window=10))
    leaves = search.tree.leaves
    assert len(leaves) == 8 and len({leaf.weight for leaf in leaves}) == 8
    for leaf, told in zip(leaves, confidences(search, leaves), strict=True):
        assert leaf.weight == pytest.approx(measured(told, measure, 10))


async def test_only_the_share_that_is_kept_votes(new_search: SearchFactory) -> None:
    search = new_search(sampling=TOLD)
    await search.run(DeepConf(inner=Sample(n=20), measure="mean", keep=0.1))
    everybody = sorted(mean(told) for told in confidences(search, finished(search.tree)))
    assert sorted(leaf.weight for leaf in search.tree.leaves) == pytest.approx(everybody[-2:])


async def test_the_ranks_of_self_certainty_vote(new_search: SearchFactory) -> None:
    search = new_search(sampling=TOLD)
    await search.run(SelfCertainty(inner=Sample(n=4), power=1.0))
    leaves = sorted(search.tree.leaves, key=lambda leaf: leaf.weight)
    assert [leaf.weight for leaf in leaves] == [1, 2, 3, 4]
    certainties = [mean(told) for told in confidences(search, leaves)]
    assert certainties == sorted(certainties)


async def test_weights_of_the_inner_strategy_are_kept(new_search: SearchFactory) -> None:
    """Each wrapper multiplies: a solution that counted twice still counts twice as much."""
    search = new_search(sampling=TOLD)
    await search.run(SelfCertainty(inner=DeepConf(inner=Sample(n=3), measure="mean"), power=0.0))
    for leaf, told in zip(search.tree.leaves, confidences(search, search.tree.leaves), strict=True):
        assert leaf.weight == pytest.approx(mean(told))


async def right(new_search: SearchFactory, strategy: Strategy, problems: int = 150) -> tuple[float, int]:
    solved = tokens = 0
    for number in range(problems):
        question = f"problem {number}"
        engine = ScriptedEngine(success=0.65, steps=2, wrong_answers=1, confidence_noise=0.5)
        search = new_search(engine=engine, sampling=TOLD, scored=False, question=question, seed=number)
        await search.run(strategy)
        solved += choice(search) == scripted_answer(question)
        tokens += engine.usage.generated_tokens
    return solved / problems, tokens


async def test_confidence_that_tells_right_from_wrong_beats_majority(new_search: SearchFactory) -> None:
    """One solution in 2.4 is right, so a majority of 16 seldom is; whoever is surest nearly always is."""
    plain, _ = await right(new_search, Sample(n=16))
    kept, _ = await right(new_search, DeepConf(inner=Sample(n=16), measure="lowest", window=5, keep=0.1))
    ranked, _ = await right(new_search, SelfCertainty(inner=Sample(n=16), power=2.0))
    assert plain < 0.4 < 0.7 < min(kept, ranked)


async def test_dropping_what_falls_below_the_threshold_costs_less_and_keeps_the_gain(new_search: SearchFactory) -> None:
    whole, dear = await right(new_search, DeepConf(inner=Sample(n=32), measure="lowest", window=5, keep=0.3), 60)
    online, cheap = await right(new_search, DeepConfOnline(n=32, warmup=16, keep=0.3, window=5, consensus=2.0), 60)
    assert cheap < 0.9 * dear and online > 0.6 and abs(online - whole) < 0.15


async def test_the_threshold_is_learnt_from_the_first_and_holds_for_all(new_search: SearchFactory) -> None:
    engine = ScriptedEngine(steps=6, success=0.8, confidence_noise=0.7)
    search = new_search(engine=engine, sampling=TOLD, scored=False)
    strategy = DeepConfOnline(n=24, warmup=8, keep=0.5, window=12, wave=4, consensus=2.0)
    await search.run(strategy)
    tree, tips = search.tree, [node for node in search.tree.nodes if not node.children and node.parent >= 0]
    first = [tip for tip in tips if search.tree.path(tip).nodes[0].ordinal < 8]
    least = quantile([lowest(told, 12) for told in confidences(search, first)], 0.5)

    assert len(tips) == 24 and len(first) == 8 and all(tip.finished for tip in first)
    dropped = [tip for tip in tips if not tip.finished]
    assert dropped, "some fell below the threshold and were written no further"
    for tip in tips:
        path = tree.path(tip)
        fell = len(path.confidences) >= 12 and lowest(path.confidences, 12) < least
        assert tip.finished or fell
        if tip.finished:
            assert tip.weight == (0.0 if lowest(path.confidences, 12) < least else lowest(path.confidences, 12))
        if tip not in first and fell:
            before = path.confidences[: len(path.confidences) - len(tip.ids)]
            assert len(before) < 12 or lowest(before, 12) >= least, "it was dropped at once"


async def test_a_settled_answer_ends_it(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(success=1.0), sampling=TOLD)
    await search.run(DeepConfOnline(n=32, warmup=4, wave=4, keep=1.0))
    assert len(search.tree.leaves) == 4, "the first ones all agree"
    never = new_search(engine=ScriptedEngine(success=1.0), sampling=TOLD)
    await never.run(DeepConfOnline(n=32, warmup=4, wave=4, keep=1.0, window=1000, consensus=1.5))
    assert len(finished(never.tree)) == 32


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_an_engine_that_is_not_asked_for_confidences_is_an_error(
    new_search: SearchFactory, strategy: Strategy
) -> None:
    with pytest.raises(UsageError, match=r"set sampling\.top_logprobs"):
        await new_search().run(strategy)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(STRATEGIES), st.integers(0, 5), st.integers(1, 1500) | st.none(), st.integers(1, 20) | st.none())
async def test_budgets_hold_costs_add_up_and_the_same_seed_is_the_same_tree(
    new_search: SearchFactory, strategy: Strategy, seed: int, tokens: int | None, samples: int | None
) -> None:
    digests = []
    for _ in range(2):
        engine = ScriptedEngine(steps=3, parameters=1)
        budget = Budget(tokens=tokens, samples=samples)
        search = new_search(engine=engine, sampling=TOLD, scored=False, budget=budget, seed=seed)
        await search.run(strategy)
        tree = search.tree
        digests.append(tree.digest())
        assert tree.cost.engine == engine.usage
        assert tokens is None or engine.usage.generated_tokens <= tokens
        assert len(finished(tree)) <= min(strategy.samples, samples or strategy.samples)
        assert all(leaf.finished and leaf.weight > 0 for leaf in tree.leaves)
        assert unpack(pack(tree)) == in_microseconds(tree)
    assert digests[0] == digests[1]


async def test_time_may_end_it_anywhere(new_search: SearchFactory) -> None:
    engine = ScriptedEngine(seconds_per_token=1e-3, steps=50)
    search = new_search(engine=engine, sampling=TOLD, budget=Budget(seconds=0.05))
    await search.run(DeepConfOnline(n=8, warmup=4))
    assert search.tree.stopped == "seconds" and unpack(pack(search.tree)) == in_microseconds(search.tree)


async def test_they_wrap_any_strategy_and_are_named_in_recipes(new_search: SearchFactory) -> None:
    strategy = make_strategy({"kind": "self-certainty", "inner": {"kind": "beam", "n": 4, "width": 2}})
    assert strategy == SelfCertainty(inner=Beam(n=4, width=2)) and strategy.ranks and strategy.samples == 4
    search = new_search(sampling=TOLD)
    await search.run(strategy)
    assert len(search.tree.leaves) == 4
    assert make_strategy("deepconf") == DeepConf() and not DeepConf().ranks
    assert make_strategy("deepconf-online") == DeepConfOnline() and not DeepConfOnline().ranks


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (DeepConf, {"window": 0}, "window is 0"),
        (DeepConf, {"keep": 0.0}, "keep is 0"),
        (SelfCertainty, {"power": -1.0}, "power is -1"),
        (DeepConfOnline, {"warmup": 65}, "warmup is 65; it must lie between 1 and n = 64"),
        (DeepConfOnline, {"keep": 1.5}, "keep is 1.5"),
        (DeepConfOnline, {"wave": 0}, "wave is 0"),
        (DeepConfOnline, {"window": 0}, "window is 0"),
        (DeepConfOnline, {"consensus": 0.5}, "consensus is 0.5"),
    ],
)
def test_options_are_checked(kind: type[Strategy], options: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        kind(**options)
