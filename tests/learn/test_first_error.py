import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from writers import Terse, comes_right

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines import Sampling
from outthink.engines.scripted import Scripted
from outthink.errors import UsageError
from outthink.learn.first_error import FirstError
from outthink.learn.labellers import Judged
from outthink.learn.values import tips
from outthink.packing import pack, unpack
from outthink.search import Search
from outthink.tree import Path, Tree


async def labelled(search: Search, how: FirstError) -> list[Judged]:
    await search.run(lambda search: how(search, comes_right))
    right = {tip.index: await comes_right(search.tree.path(tip)) for tip in tips(search.tree)}
    return list(how.read(unpack(pack(search.tree)), right))


def words(path: Path) -> tuple[str, ...]:
    return tuple(node.text for node in path.nodes)


def continued(tree: Tree) -> list[tuple[str, ...]]:
    """The steps that were tried: more was asked for of them than the solution they stand in."""
    return [words(tree.path(node)) for node in tree.nodes[1:] if node.children > 1]


def first_wrong(path: Path) -> int:
    """The truth, which the scripted engine tells."""
    return next((place for place, step in enumerate(path.steps) if step.text.startswith("wrong")), len(path.steps))


@pytest.mark.parametrize("steps", [1, 2, 5, 8])
async def test_the_first_error_is_found_where_it_is(new_search: SearchFactory, steps: int) -> None:
    found: Counter[bool] = Counter()
    for seed in range(15):
        search = new_search(engine=Scripted(success=0.85, steps=steps), scored=False, seed=seed)
        for each in await labelled(search, FirstError(solutions=4, rollouts=16, searches=2)):
            good = first_wrong(each.path)
            found[each.labels == (1,) * good + (0,) * (steps - good)] += 1
    assert found[True] > 50
    assert found[False] < 0.02 * found.total()


@pytest.mark.parametrize("steps", [2, 3, 4, 5, 8, 9, 16, 17])
async def test_a_search_takes_no_more_tries_than_halving_does(new_search: SearchFactory, steps: int) -> None:
    tries = set()
    for seed in range(10):
        search = new_search(engine=Scripted(success=0.8 ** (4 / steps), steps=steps), scored=False, seed=seed)
        await labelled(search, FirstError(solutions=8, rollouts=3, searches=1))
        tries.add((len(tips(search.tree)) - 8) / 3)
    assert max(tries) <= math.ceil(math.log2(steps))
    assert tries <= set(range(6)) and max(tries) > 0


@pytest.mark.parametrize("success", [0.0, 1.0])
async def test_nothing_is_searched_where_all_is_right_or_nothing_is(new_search: SearchFactory, success: float) -> None:
    search = new_search(engine=Scripted(success=success), scored=False)
    judged = await labelled(search, FirstError(solutions=5))
    assert len(tips(search.tree)) == 5
    assert [each.labels for each in judged] == ([(1, 1, 1, 1)] * 5 if success else [])
    assert all(each.values == (None, None, None, 1.0) and each.counts == (0, 0, 0, 1) for each in judged)


async def test_values_are_those_of_the_rollouts_alone(new_search: SearchFactory) -> None:
    """A solution is searched because it is wrong: were it counted too, its steps would seem worse than they are."""
    success, steps, rollouts = 0.8, 5, 3
    right, total, expected = 0.0, 0, 0.0
    for seed in range(60):
        search = new_search(engine=Scripted(success=success, steps=steps), scored=False, seed=seed)
        seen = set()
        for each in await labelled(search, FirstError(solutions=4, rollouts=rollouts)):
            for step, value, count in list(zip(each.path.steps, each.values, each.counts, strict=True))[:-1]:
                assert (value is None) == (count == 0)
                if value is None or step.index in seen:
                    continue
                seen.add(step.index)
                assert count == rollouts
                if step.text.startswith("right"):
                    right, total, expected = (
                        right + value * count,
                        total + count,
                        expected + success ** (steps - step.depth) * count,
                    )
                else:
                    assert value == 0
    assert total > 300
    assert right / total == pytest.approx(expected / total, abs=4 * math.sqrt(0.25 / total))


async def test_no_search_is_spent_on_what_is_known(new_search: SearchFactory) -> None:
    """The rollouts of the last step but one are short and mostly right, and there is nothing to be found in them."""
    for seed in range(10):
        search = new_search(engine=Scripted(success=0.6, steps=2), scored=False, seed=seed)
        await labelled(search, FirstError(solutions=12, rollouts=4, searches=3))
        assert len(continued(search.tree)) == 3
        assert len(tips(search.tree)) == 12 + 3 * 4


async def test_a_step_that_was_tried_is_not_tried_again(new_search: SearchFactory) -> None:
    """Whichever solution it stands in: paths that are alike token by token are one state."""
    for seed in range(10):
        search = new_search(engine=Terse(success=0.7, steps=4), scored=False, seed=seed)
        await labelled(search, FirstError(solutions=8, rollouts=4, searches=8))
        tried = continued(search.tree)
        assert len(tried) == len(set(tried))


async def test_whatever_leads_to_a_right_answer_is_good(new_search: SearchFactory) -> None:
    """With one rollout a try many right steps seem bad, until what was written elsewhere shows that they are not."""
    for seed in range(20):
        search = new_search(engine=Terse(success=0.7, steps=5), scored=False, seed=seed)
        judged = await labelled(search, FirstError(solutions=6, rollouts=1, searches=8))
        good = {words(each.path)[:depth] for each in judged if each.labels[-1] for depth in range(1, 6)}
        for each in judged:
            for depth, label in enumerate(each.labels, start=1):
                assert label or words(each.path)[:depth] not in good


async def test_each_solution_is_labelled_once(new_search: SearchFactory) -> None:
    search = new_search(engine=Terse(success=0.8, steps=3), scored=False)
    judged = await labelled(search, FirstError(solutions=8))
    assert len({each.path.text for each in judged}) == len(judged) > 1


async def test_longer_solutions_are_not_searched(new_search: SearchFactory) -> None:
    search = new_search(engine=Scripted(success=0.9, steps=6), scored=False, seed=3)
    judged = await labelled(search, FirstError(solutions=6, max_steps=5))
    assert len(tips(search.tree)) == 6
    assert 0 < len(judged) < 6 and all(sum(each.labels) == 6 for each in judged)


async def test_what_is_cut_off_is_not_searched(new_search: SearchFactory) -> None:
    search = new_search(engine=Scripted(success=0.9, steps=4), scored=False, sampling=Sampling(max_tokens=40))
    assert await labelled(search, FirstError(solutions=6)) == []
    assert len(tips(search.tree)) == 6


async def test_the_cost_is_the_engines_own_count(new_search: SearchFactory) -> None:
    engine = Scripted(parameters=1000)
    search = new_search(engine=engine, scored=False)
    await labelled(search, FirstError(solutions=8))
    assert len(tips(search.tree)) > 8
    assert search.tree.cost.engine == engine.usage


@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 9), st.integers(1, 9), st.integers(1, 12), st.booleans())
async def test_there_are_never_more_continuations_than_it_says(
    solutions: int, rollouts: int, searches: int, max_steps: int, steps: int, terse: bool
) -> None:
    how = FirstError(solutions=solutions, rollouts=rollouts, searches=searches + 1, max_steps=max_steps)
    question = "What is six times seven?"
    search = Search(
        Tree.plant(question, [], list(question.encode()), solutions),
        engine=(Terse if terse else Scripted)(success=0.8, steps=steps),
        verifier=None,
        sampling=Sampling(),
        separator="\n\n",
        budget=Budget(samples=how.samples),
        aggregate="last",
    )
    await labelled(search, how)
    assert search.tree.stopped is None
    assert len(tips(search.tree)) <= how.samples


@pytest.mark.parametrize(("max_steps", "tries"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (64, 6), (65, 7)])
def test_halving_takes_a_known_number_of_tries(max_steps: int, tries: int) -> None:
    """The last step is not tried: that it gives the wrong answer is known."""
    assert FirstError(solutions=4, rollouts=8, searches=3, max_steps=max_steps).samples == 4 + 3 * 8 * tries


def test_the_choice_between_wrong_solutions_is_the_papers() -> None:
    """OmegaPRM: alpha^(1 - MC) * beta^(length / L) + c * sqrt(sum of visits) / (1 + visits)."""
    how = FirstError(alpha=0.5, beta=0.9, length=500, exploration=0.125)
    assert how.worth(value=0.75, tokens=250, visits=0, of=0) == pytest.approx(0.5**0.25 * 0.9**0.5)
    assert how.worth(value=0.25, tokens=500, visits=1, of=9) == pytest.approx(0.5**0.75 * 0.9 + 0.125 * 3 / 2)
    assert how.worth(value=0.8, tokens=99, visits=0, of=4) > how.worth(value=0.2, tokens=99, visits=0, of=4)
    assert how.worth(value=0.8, tokens=50, visits=0, of=4) > how.worth(value=0.8, tokens=99, visits=0, of=4)
    assert how.worth(value=0.8, tokens=99, visits=0, of=4) > how.worth(value=0.8, tokens=99, visits=4, of=4)


class Longest(FirstError):
    """Holds long ones to be telling."""

    def worth(self, *, value: float, tokens: int, visits: int, of: int) -> float:
        return float(tokens)


async def test_the_wrong_solution_that_is_worth_most_is_searched(new_search: SearchFactory) -> None:
    for seed in range(10):
        search = new_search(engine=Scripted(success=0.7, steps=4), scored=False, seed=seed)
        await labelled(search, Longest(solutions=12, searches=1))
        tree = search.tree
        solutions = [tip for tip in tips(tree) if all(node.ordinal == 0 for node in tree.path(tip).nodes[1:])]
        wrong = [tip for tip in solutions if not await comes_right(tree.path(tip))]
        (searched,) = {tip.length for tip in solutions if any(node.children > 1 for node in tree.path(tip).nodes)}
        assert searched == max(tip.length for tip in wrong)


async def test_searches_are_counted_by_where_what_they_search_was_started(
    new_search: SearchFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def untried_first(self: FirstError, *, value: float, tokens: int, visits: int, of: int) -> float:
        asked.append((of, visits))
        return -visits

    monkeypatch.setattr(FirstError, "worth", untried_first)
    search = new_search(engine=Scripted(success=0.85, steps=8), scored=False, seed=1)
    await labelled(search, FirstError(solutions=12, searches=3))
    visits = {number: {seen for of, seen in asked if of == number} for number in range(3)}
    assert visits == {0: {0}, 1: {0, 1}, 2: {0, 1}}, "the second search goes to another start than the first"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solutions": 0}, "solutions is 0; it must be at least 1"),
        ({"max_steps": 0}, "max_steps is 0; it must be at least 1"),
        ({"alpha": -0.5}, r"alpha is -0\.5; it must lie above 0 and not above 1"),
        ({"beta": 1.5}, r"beta is 1\.5; it must lie above 0 and not above 1"),
        ({"exploration": -1.0}, r"exploration is -1\.0; it must not be negative"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FirstError(**options)
