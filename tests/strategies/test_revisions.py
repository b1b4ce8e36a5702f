import math
import zlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.answer import extract_answer
from outthink.budget import Budget
from outthink.cost import Usage
from outthink.engines import Request, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.engines.scripted import scripted_answer
from outthink.errors import BudgetExhausted, UsageError
from outthink.registry import make_strategy
from outthink.search import Search
from outthink.select import Candidate, majority
from outthink.strategies.beam import Beam
from outthink.strategies.revisions import REVISE, Revisions
from outthink.strategies.sample import Sample
from outthink.tree import Node, Path, Tree
from outthink.verifiers import Scores
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


class Told(ScriptedEngine):
    """Writes solutions with the answers it is told, in one step."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self._answers = list(answers)

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        text = f"The answer is {self._answers.pop(0)}."
        yield Step(sibling=0, ids=list(text.encode()), text=text, finish="end", usage=Usage())


class Scored(ScriptedVerifier):
    """Gives the scores it is told, in the order it is asked."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self._scores = list(scores)

    async def score(self, path: Path) -> Scores:
        return Scores(values=[self._scores.pop(0)], usage=Usage())


def finished(tree: Tree) -> list[Node]:
    return [node for node in tree.nodes if node.finished]


def chain_of(tree: Tree, node: Node) -> int:
    """The first attempt of a node's chain, by its place below the root."""
    while node.parent >= 0:
        last, node = node, tree.nodes[node.parent]
    return last.ordinal


async def test_each_attempt_sees_the_last_ones_of_its_chain(new_search: SearchFactory) -> None:
    search = new_search()
    await search.run(Revisions(n=4, sequential=4, context=2, vote="all"))
    tree = search.tree
    attempts = finished(tree)
    texts = [tree.path(node).text for node in attempts]
    assert len(attempts) == 4 and tree.leaves == attempts
    assert tree.path(attempts[0]).messages == tree.messages
    for place in (1, 2, 3):
        shown = texts[max(0, place - 2) : place]
        expected = list(tree.messages)
        for text in shown:
            expected += [{"role": "assistant", "content": text}, {"role": "user", "content": REVISE}]
        assert tree.path(attempts[place]).messages == expected
        assert tree.path(attempts[place]).start.parent == attempts[place - 1].index


@pytest.mark.parametrize(
    ("answers", "scores", "standing"),
    [
        (["7", "8", "7"], [0.4, 0.6, 0.3], 0),  # 7 has 0.7 against 0.6; the better of its two attempts stands
        (["7", "8", "7"], [0.2, 0.6, 0.3], 1),  # 8 has 0.6 against 0.5
        (["7", "8", "9"], [0.1, 0.2, 0.9], 2),
        (["7.0", "8", "7"], [0.4, 0.5, 0.45], 2),  # 7.0 is 7
    ],
)
async def test_the_best_attempt_with_the_winning_answer_stands_for_its_chain(
    new_search: SearchFactory, answers: Sequence[str], scores: Sequence[float], standing: int
) -> None:
    search = new_search(engine=Told(*answers), verifier=Scored(*scores))
    await search.run(Revisions(n=3, sequential=3))
    (leaf,) = search.tree.leaves
    assert leaf is finished(search.tree)[standing]
    assert (leaf.weight, leaf.score) == (1.0, scores[standing])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(chains=st.integers(1, 4), length=st.integers(1, 5), seed=st.integers(0, 999))
async def test_every_chain_casts_one_vote_for_its_weighted_answer(
    new_search: SearchFactory, chains: int, length: int, seed: int
) -> None:
    strategy = Revisions(n=chains * length, sequential=length)
    search = new_search(
        engine=ScriptedEngine(success=0.6, wrong_answers=2),
        verifier=ScriptedVerifier(noise=0.3),
        budget=Budget(samples=strategy.samples),
        seed=seed,
    )
    await search.run(strategy)
    tree = search.tree
    assert tree.stopped is None and len(finished(tree)) == strategy.samples == chains * length
    sums: dict[int, dict[str | None, float]] = defaultdict(lambda: defaultdict(float))
    for node in finished(tree):
        sums[chain_of(tree, node)][extract_answer(tree.path(node).text)] += search.value(node)
    assert sorted(chain_of(tree, leaf) for leaf in tree.leaves) == list(range(chains))
    for leaf in tree.leaves:
        answers = sums[chain_of(tree, leaf)]
        assert answers[extract_answer(tree.path(leaf).text)] == max(answers.values())


async def test_chains_that_learn_nothing_vote_like_as_many_samples(new_search: SearchFactory) -> None:
    """The scripted engine writes each attempt afresh: a flat vote over all is the binomial's."""
    problems, solved, n = 400, 0.8**3, 9
    right = 0
    for number in range(problems):
        question = f"problem {number}"
        engine = ScriptedEngine(success=0.8, steps=3, wrong_answers=1)
        search = new_search(engine=engine, scored=False, question=question, seed=number)
        await search.run(Revisions(n=n, sequential=3, vote="all"))
        answers = [extract_answer(search.tree.path(leaf).text) for leaf in search.tree.leaves]
        votes = [Candidate(answer=answer, key=answer, score=None) for answer in answers]
        right += majority(votes).answer == scripted_answer(question)
    expected = sum(math.comb(n, k) * solved**k * (1 - solved) ** (n - k) for k in range(n // 2 + 1, n + 1))
    assert right / problems == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / problems))


async def test_revisions_over_beams_best(new_search: SearchFactory) -> None:
    strategy = make_strategy(
        {"kind": "revisions", "n": 6, "sequential": 3, "inner": {"kind": "beam", "n": 4, "width": 2}}
    )
    assert isinstance(strategy, Revisions) and strategy.inner == Beam(n=4, width=2)
    assert strategy.samples == 2 * (4 + 2)
    search = new_search(budget=Budget(samples=strategy.samples))
    await search.run(strategy)
    tree = search.tree
    assert tree.stopped is None and len(tree.leaves) == 2 and len(finished(tree)) == strategy.samples
    begun = [tree.path(node).start.ordinal for node in finished(tree) if tree.path(node).start.parent == 0]
    assert sorted(begun) == [0] * 4 + [1] * 4, "each chain has a beam search of its own"
    assert sorted(chain_of(tree, leaf) for leaf in tree.leaves) == [0, 1]


async def test_a_beginning_puts_its_best_solution_last(new_search: SearchFactory) -> None:
    answers, scores = ["1", "2", "3"], [0.5, 0.9, 0.1]

    class Several(Told):
        async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
            for sibling in range(request.n):
                async for step in super().sample(path, request):
                    yield replace(step, sibling=sibling)

    search = new_search(engine=Several(*answers, "4"), verifier=Scored(*scores, 0.2))
    await search.run(Revisions(n=2, sequential=2, inner=Sample(n=3)))
    shown = [message["content"] for message in search.tree.path(finished(search.tree)[3]).messages]
    assert shown[1::2] == ["The answer is 3.", "The answer is 1.", "The answer is 2."]
    assert [leaf.score for leaf in search.tree.leaves] == [0.9]


async def test_cut_attempts_are_not_shown_and_do_not_vote(new_search: SearchFactory) -> None:
    class Rambling(ScriptedEngine):
        """Cuts half of its solutions."""

        async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
            async for step in super().sample(path, request):
                cut = step.finish == "end" and zlib.crc32(step.text.encode()) % 2
                yield replace(step, finish="length") if cut else step

    search = new_search(engine=Rambling())
    await search.run(Revisions(n=12, sequential=6, vote="all"))
    tree = search.tree
    cut = [tree.path(node).text for node in tree.nodes if node.finish == "length"]
    assert 0 < len(tree.leaves) == 12 - len(cut) < 12
    shown = {message["content"] for chat in tree.turns.values() for message in chat}
    assert shown.isdisjoint(cut)


async def test_a_chain_that_no_longer_fits_votes_with_what_it_has(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(context=300))
    await search.run(Revisions(n=8, sequential=4))
    assert len(search.tree.leaves) == 2
    assert 2 < len(finished(search.tree)) < 8


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(tokens=st.integers(1, 1200), beam=st.booleans(), seed=st.integers(0, 99))
async def test_a_token_budget_ends_it_anywhere_with_one_vote_a_chain(
    new_search: SearchFactory, tokens: int, beam: bool, seed: int
) -> None:
    engine, verifier = ScriptedEngine(), ScriptedVerifier()
    search = new_search(engine=engine, verifier=verifier, budget=Budget(tokens=tokens), seed=seed)
    await search.run(Revisions(n=9, sequential=3, inner=Beam(n=2, width=2) if beam else None))
    assert search.tree.cost.engine == engine.usage and search.tree.cost.verifier == verifier.usage
    assert engine.usage.generated_tokens <= tokens
    assert all(leaf.finished and leaf.score is not None for leaf in search.tree.leaves)
    chains = [chain_of(search.tree, leaf) for leaf in search.tree.leaves]
    # A beginning that the budget cut short has not been ranked: all its solutions stand.
    assert len(chains) <= (6 if beam else 3) and (beam or len(set(chains)) == len(chains))


async def test_an_attempt_not_yet_scored_at_the_end_does_not_vote(new_search: SearchFactory) -> None:
    class Spent(ScriptedVerifier):
        """Has scored two attempts when the budget is spent."""

        async def score(self, path: Path) -> Scores:
            if self.usage.calls == 2:
                raise BudgetExhausted("tokens")
            return await super().score(path)

    search = new_search(verifier=Spent())
    await search.run(Revisions(n=4, sequential=4))
    assert len(finished(search.tree)) == 3 and finished(search.tree)[2].score is None
    (leaf,) = search.tree.leaves
    assert leaf.score is not None


async def test_latency_does_not_change_the_tree(new_search: SearchFactory) -> None:
    async def digest(search: Search) -> str:
        await search.run(Revisions(n=8, sequential=4, inner=Sample(n=2)))
        return search.tree.digest()

    slow = new_search(engine=ScriptedEngine(seconds_per_token=1e-6), verifier=ScriptedVerifier(seconds_per_call=1e-4))
    assert await digest(new_search()) == await digest(slow) != await digest(new_search(seed=1))


async def test_one_attempt_a_chain_is_sampling(new_search: SearchFactory) -> None:
    search = new_search()
    await search.run(Revisions(n=5, sequential=1))
    assert len(search.tree.leaves) == 5 and search.tree.turns == {}
    assert [leaf.weight for leaf in search.tree.leaves] == [1.0] * 5


def test_it_needs_a_verifier_unless_all_attempts_vote() -> None:
    assert Revisions().ranks and Revisions(vote="all", inner=Sample(n=2)).ranks
    assert not Revisions(vote="all").ranks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0, "sequential": 1}, "n is 0"),
        ({"n": 6, "sequential": 4}, "n must be a multiple of sequential"),
        ({"sequential": 0}, "sequential 0"),
        ({"context": 0}, "context is 0"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Revisions(**options)  # type: ignore[arg-type]
