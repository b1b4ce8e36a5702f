"""The reference toolkit's beam search and DVTS, step by step against scripts worked out by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.cost import Usage
from outthink.engines import Request, Sampling, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.registry import make
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.search_and_learn import (
    SearchAndLearn,
    SearchAndLearnBeam,
    SearchAndLearnDvts,
    returned,
)
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

GREEDY = "greedy "


class Script(ScriptedEngine):
    """Writes children as they are listed: under the text of their parent, with its score, in the order of asking.

    `name score` goes on, `name score.` ends there, `name score/` is cut. Under "greedy " and the text stands what is
    written there at temperature 0.
    """

    def __init__(self, children: Mapping[str, str]) -> None:
        super().__init__()
        self._children = {parent: [child.strip() for child in listed.split(",")] for parent, listed in children.items()}
        self._asked: dict[str, int] = defaultdict(int)

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        parent = path.node.text.split(" ")[0] if path.nodes else ""
        key = GREEDY + parent if request.sampling.temperature == 0 else parent
        said = self._children[key][self._asked[key]]
        self._asked[key] += 1
        finish = {".": "end", "/": "length"}.get(said[-1], "step")
        text = said + "\n\n" if finish == "step" else said
        yield Step(sibling=0, ids=list(text.encode()), text=text, finish=finish, usage=Usage())  # type: ignore[arg-type]


class Told(ScriptedVerifier):
    """Takes the scores from the text."""

    async def score(self, path: Path) -> Scores:
        return Scores(
            values=[int(step.text.split(" ")[1].strip("\n./").split("}")[0]) / 100 for step in path.unscored],
            usage=Usage(),
        )


def names(search: Search) -> list[str]:
    """Of the steps that end the solutions that vote, in alphabetical order."""
    return sorted(leaf.text.split(" ")[0] for leaf in search.tree.leaves)


async def theirs(strategy: SearchAndLearn, search: Search) -> list[str]:
    return [each.node.text.split(" ")[0] for each in await returned(strategy, search.tree, "last")]


BEAM = {
    # D ends; A and C are the best of those that go on, and get two children each, in turn.
    "": "A 90, B 20, C 80, D 50.",
    # The pool stays four strong, though three have ended now: C1 and A2 are all that goes on.
    "A": "A1 70., A2 10",
    "C": "C1 60, C2 90.",
    # Seven ended where four were asked for.
    "C1": "C1a 30., C1b 40.",
    "A2": "A2a 95., A2b 20/",
}


async def test_beam_search_keeps_its_pool_full_and_returns_the_first_to_end(new_search: SearchFactory) -> None:
    strategy = SearchAndLearnBeam(n=4, width=2)
    search = new_search(engine=Script(BEAM), verifier=Told())
    await search.run(strategy)
    written = sorted(node.text.split(" ")[0] for node in search.tree.nodes[1:])
    assert written == sorted(["A", "B", "C", "D", "A1", "A2", "C1", "C2", "A2a", "A2b", "C1a", "C1b"])
    # A round's children stand in the order of the pool: A, C, A, C, then C1, A2, C1, A2.
    assert await theirs(strategy, search) == ["D", "A1", "C2", "C1a"]
    assert names(search) == ["A1", "C1a", "C2", "D"]


async def test_beam_search_may_return_the_best_of_those_that_ended_and_takes_a_cut_for_an_end(
    new_search: SearchFactory,
) -> None:
    strategy = SearchAndLearnBeam(n=4, width=2, sort_completed=True)
    search = new_search(engine=Script(BEAM | {"A2": "A2a 95., A2b 99/"}), verifier=Told())
    await search.run(strategy)
    assert await theirs(strategy, search) == ["A2b", "A2a", "C2", "A1"]
    # What the model did not finish has no vote of ours.
    assert names(search) == ["A1", "A2a", "C2"]


@pytest.mark.parametrize(("filtered", "expected"), [(False, ["A1", "B1"]), (True, ["A1", "C1"])])
async def test_beam_search_may_keep_the_first_of_equal_texts(
    new_search: SearchFactory, filtered: bool, expected: list[str]
) -> None:
    """A and B say the same; without the filter both are kept, and the third, which is worse, is dropped."""
    strategy = SearchAndLearnBeam(n=2, width=1, filter_duplicates=filtered)
    script = {"": "A 90, A 90", "A": "A1 10., B1 20."}
    if filtered:
        # A alone is kept, and fills the pool of two.
        script["A"] = "A1 10., C1 20."
    search = new_search(engine=Script(script), verifier=Told())
    await search.run(strategy)
    assert await theirs(strategy, search) == expected
    kept = [node for node in search.tree.nodes[1:] if node.children]
    assert len(kept) == (1 if filtered else 2)


async def test_of_equal_scores_beam_search_keeps_the_later_and_dvts_the_first(new_search: SearchFactory) -> None:
    script = {"": "A 50, B 50", "A": "A1 10., A2 10.", "B": "B1 10., B2 10."}
    found = []
    for strategy in (SearchAndLearnBeam(n=2, width=2), SearchAndLearnDvts(n=2, width=2, lookahead=0)):
        search = new_search(engine=Script(script), verifier=Told())
        await search.run(strategy)
        found.append(await theirs(strategy, search))
    assert found == [["B1", "B2"], ["A1", "A2"]]


async def test_the_last_step_is_written_to_the_end(new_search: SearchFactory) -> None:
    script = {"": "A 50, B 40", "A": "A1 60, A2 70", "A1": "A1a 10, A1b 0", "A1a": "A1c 20.", "A2": "A2a 80."}
    strategy = SearchAndLearnBeam(n=2, width=2, max_steps=2)
    search = new_search(engine=Script(script), verifier=Told())
    await search.run(strategy)
    assert await theirs(strategy, search) == ["A1c", "A2a"] and names(search) == ["A1c", "A2a"]


DVTS = {
    # Two subtrees: the first keeps A, though B has ended; the second is over, since its best child D has.
    "": "A 90, B 30., C 20, D 60.",
    # A1 is the best and has a box, so the first subtree is over too, though A1 goes on.
    "A": r"A1 \boxed{7} 50, A2 40.",
}


class ToldBehind(Told):
    """The score stands at the end of the text."""

    async def score(self, path: Path) -> Scores:
        return Scores(
            values=[int(step.text.strip("\n./").split(" ")[-1]) / 100 for step in path.unscored], usage=Usage()
        )


async def test_dvts_returns_the_unfinished_siblings_of_each_subtrees_last_step(new_search: SearchFactory) -> None:
    strategy = SearchAndLearnDvts(n=4, width=2, lookahead=0)
    search = new_search(engine=Script(DVTS), verifier=ToldBehind())
    await search.run(strategy)
    assert await theirs(strategy, search) == ["A1", "A2", "C", "D"]
    # B ended in an earlier step and is not returned; A1 and C did not end.
    assert names(search) == ["A2", "D"]


async def test_dvts_judges_a_step_by_the_greedy_one_behind_it_and_drops_that(new_search: SearchFactory) -> None:
    strategy = SearchAndLearnDvts(n=2, width=2)
    script = {
        "": "A 90, B 20",
        f"{GREEDY}A": "a 10",
        f"{GREEDY}B": "b 80.",
        "B": "B1 30., B2 40",
        f"{GREEDY}B2": "c 20",
    }
    search = new_search(engine=Script(script), verifier=Told())
    await search.run(strategy)
    found = await returned(strategy, search.tree, "last")
    assert [each.node.text.split(" ")[0] for each in found] == ["B1", "B2"]
    # B1 ended, so nothing is ahead of it; it is the better of the two, and the subtree is over.
    assert [search.tree.path(each.judged).scores for each in found] == [[0.2, 0.3], [0.2, 0.4, 0.2]]
    assert names(search) == ["B1"]


STRATEGIES: list[SearchAndLearnBeam | SearchAndLearnDvts] = [
    SearchAndLearnBeam(n=8, width=4),
    SearchAndLearnBeam(n=6, width=4, max_steps=2, sort_completed=True),
    SearchAndLearnBeam(n=8, width=2, filter_duplicates=True),
    SearchAndLearnDvts(n=8, width=4),
    SearchAndLearnDvts(n=8, width=2, lookahead=0, max_steps=2),
]


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 1000), steps=st.integers(1, 5), cap=st.integers(10, 200))
async def test_n_are_returned_each_once_and_no_more_than_n_vote(
    new_search: SearchFactory, strategy: SearchAndLearnBeam | SearchAndLearnDvts, seed: int, steps: int, cap: int
) -> None:
    search = new_search(
        engine=ScriptedEngine(steps=steps),
        verifier=ScriptedVerifier(noise=0.3),
        seed=seed,
        budget=Budget(samples=strategy.n),
        sampling=Sampling(max_tokens=cap),
    )
    await search.run(strategy)
    found = await returned(strategy, search.tree, "last")
    assert len(found) == len({each.node.index for each in found}) == strategy.n
    # What they return is read off the stored tree as it was when it grew: what of it is finished, votes.
    voting = {leaf.index for leaf in search.tree.leaves}
    assert voting == {each.node.index for each in found if each.node.finished}
    assert search.tree.stopped is None


async def test_a_search_that_a_budget_ended_returns_nothing(new_search: SearchFactory) -> None:
    strategy = SearchAndLearnBeam(n=4)
    search = new_search(budget=Budget(tokens=100))
    await search.run(strategy)
    assert search.tree.stopped == "tokens" and not search.tree.leaves
    assert await returned(strategy, search.tree, "last") == []


def test_both_are_strategies_and_refuse_what_makes_no_sense() -> None:
    assert all(isinstance(strategy, Strategy) and isinstance(strategy, SearchAndLearn) for strategy in STRATEGIES)
    for wrong in ({"n": 4, "width": 5}, {"n": 4, "width": 0}, {"max_steps": 0}):
        with pytest.raises(UsageError, match=r"width|max_steps"):
            make(SearchAndLearnBeam, wrong, "strategy")
    for wrong in ({"n": 6, "width": 4}, {"lookahead": -1}, {"max_steps": 0}):
        with pytest.raises(UsageError, match=r"width|lookahead|max_steps"):
            make(SearchAndLearnDvts, wrong, "strategy")
