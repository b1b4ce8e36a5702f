from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from writers import Evasive, Terse, Trailing, comes_right

from conftest import SearchFactory
from outthink.answer import extract_answer
from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted
from outthink.errors import UsageError
from outthink.learn.labellers import Judged
from outthink.learn.rollouts import Rollouts
from outthink.learn.values import tips
from outthink.search import Search
from outthink.tree import Node, Path, Tree


async def labelled(search: Search, how: Rollouts) -> list[Judged]:
    """The solutions, without the rollouts."""
    return [each for each in await judged_all(search, how) if not each.rollout]


async def judged_all(search: Search, how: Rollouts) -> list[Judged]:
    await search.run(lambda search: how(search, comes_right))
    right = {tip.index: await comes_right(search.tree.path(tip)) for tip in tips(search.tree)}
    return list(how.read(search.tree, right))


def own(search: Search) -> list[Path]:
    """The solutions that were written from the root."""
    paths = map(search.tree.path, tips(search.tree))
    return [path for path in paths if all(node.ordinal == 0 for node in path.nodes[1:])]


def state(path: Path, step: Node) -> tuple[str, ...]:
    return tuple(node.text for node in path.nodes if node.depth <= step.depth)


@pytest.mark.parametrize("engine", [Scripted(), Terse(), Evasive(), Trailing()])
async def test_every_distinct_open_step_of_a_solution_gets_its_rollouts(
    new_search: SearchFactory, engine: Scripted
) -> None:
    how = Rollouts(solutions=6, rollouts=3)
    search = new_search(engine=engine, scored=False)
    judged = await labelled(search, how)
    kept = [path for path in own(search) if path.node.finished and extract_answer(path.text) is not None]
    steps = {state(path, step) for path in kept for step in path.steps if step.open}
    assert len(own(search)) == 6 and 6 - len(kept) == (2 if isinstance(engine, Evasive) else 0)
    assert len(tips(search.tree)) == 6 + 3 * len(steps) <= how.samples
    assert {path.text for path in kept} == {each.path.text for each in judged}


async def test_steps_that_solutions_share_share_their_rollouts(new_search: SearchFactory) -> None:
    search = new_search(engine=Terse(success=1.0, steps=3), scored=False)
    judged = await labelled(search, Rollouts(solutions=8, rollouts=5))
    assert len(own(search)) == 8 > len(judged), "equal solutions are labelled once"
    assert len({each.path.text for each in judged}) == len(judged)
    known = {
        (state(each.path, step), count)
        for each in judged
        for step, count in zip(each.path.steps, each.counts, strict=True)
    }
    assert len(known) == len({words for words, _ in known}), "one state has one estimate"
    assert max(count for _, count in known) > 5 + 1, "each solution that has a step speaks for it too"


@pytest.mark.parametrize("engine", [Scripted(), Terse(), Evasive(), Trailing()])
async def test_rollouts_are_solutions_too_and_come_after_the_others(
    new_search: SearchFactory, engine: Scripted
) -> None:
    search = new_search(engine=engine, scored=False)
    judged = await judged_all(search, Rollouts(solutions=4, rollouts=3))
    assert [each.rollout for each in judged] == sorted(each.rollout for each in judged)
    assert {each.path.text for each in judged if not each.rollout} == {path.text for path in own(search)} & {
        each.path.text for each in judged
    }
    answers = [path.text for path in map(search.tree.path, tips(search.tree)) if extract_answer(path.text) is not None]
    assert {each.path.text for each in judged} == set(answers)
    assert len({each.path.text for each in judged}) == len(judged) > 4


async def test_a_wrong_step_is_worth_nothing_and_a_right_one_something(new_search: SearchFactory) -> None:
    for seed in range(20):
        search = new_search(engine=Scripted(success=0.7, steps=4), scored=False, seed=seed)
        for each in await labelled(search, Rollouts(solutions=3, rollouts=16)):
            for step, value, count, label in zip(each.path.steps, each.values, each.counts, each.labels, strict=True):
                assert value is not None
                assert (value > 0) == (label == 1) == step.text.startswith("right")
                assert count == (17 if step.open else 1)


async def test_what_is_unfinished_or_has_no_answer_is_dropped(new_search: SearchFactory) -> None:
    search = new_search(engine=Scripted(steps=9), scored=False, sampling=Sampling(max_tokens=40))
    assert await labelled(search, Rollouts(solutions=3)) == []
    assert len(tips(search.tree)) == 3 and not search.tree.leaves


async def test_an_end_after_a_separator_is_no_step(new_search: SearchFactory) -> None:
    search = new_search(engine=Trailing(steps=3), scored=False)
    for each in await labelled(search, Rollouts(solutions=3, rollouts=2)):
        assert len(each.path.nodes) == 3
        assert len(each.values) == len(each.counts) == len(each.labels) == len(each.path.steps) == 2
        assert each.counts == (3, 3)


async def test_steps_beyond_the_limit_get_no_rollouts(new_search: SearchFactory) -> None:
    search = new_search(engine=Scripted(steps=6), scored=False)
    judged = await labelled(search, Rollouts(solutions=2, rollouts=4, max_steps=2))
    assert [each.counts for each in judged] == [(5, 5, 1, 1, 1, 1)] * 2


async def test_the_cost_is_the_engines_own_count(new_search: SearchFactory) -> None:
    engine = Scripted(parameters=1000)
    search = new_search(engine=engine, scored=False)
    await labelled(search, Rollouts())
    assert search.tree.cost.engine == engine.usage
    assert search.tree.cost.verifier.calls == 0


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 5))
async def test_there_are_never_more_continuations_than_it_says(
    solutions: int, rollouts: int, max_steps: int, steps: int
) -> None:
    how = Rollouts(solutions=solutions, rollouts=rollouts, max_steps=max_steps)
    search = planted_search(Scripted(steps=steps), Budget(samples=how.samples))
    await labelled(search, how)
    assert search.tree.stopped is None
    assert len(tips(search.tree)) <= how.samples


def planted_search(engine: Scripted, budget: Budget) -> Search:
    question = "What is six times seven?"
    return Search(
        Tree.plant(question, [], list(question.encode()), 0),
        engine=engine,
        verifier=None,
        sampling=Sampling(),
        separator="\n\n",
        budget=budget,
        aggregate="last",
    )


@pytest.mark.parametrize("options", [{"solutions": 0}, {"rollouts": 0}, {"max_steps": -1}])
def test_numbers_below_one_are_refused(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(UsageError, match=f"{name} is {value}; it must be at least 1"):
        Rollouts(**options)
