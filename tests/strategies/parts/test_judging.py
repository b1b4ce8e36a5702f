"""Selection by the model's own judgement: comparisons, verdicts, tournaments and scrutiny."""

from collections.abc import AsyncGenerator, Callable
from itertools import combinations
from math import comb

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from grown import in_microseconds
from outthink.answer import extract_answer
from outthink.budget import Budget
from outthink.engines import Request, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import BudgetExhausted, UsageError
from outthink.packing import pack, unpack
from outthink.registry import make_strategy
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.parts.answers import rivals
from outthink.strategies.parts.judging import COMPARE, VERIFY, compared, verified
from outthink.strategies.parts.pairing import all_pairs, comparisons, pivot_pairs, ranked, ring_pairs
from outthink.strategies.sample import Sample
from outthink.strategies.scrutiny import Scrutiny
from outthink.strategies.tournament import Tournament
from outthink.tree import Node, Path, Tree
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

Reply = Callable[[str, int], str]
"""From a prompt and a seed, what the model says to it."""


class Judging(ScriptedEngine):
    """Writes solutions like any scripted engine, and says what it is told to say when it is asked about some."""

    def __init__(self, reply: Reply, *, context: int | None = None) -> None:
        super().__init__(success=0.5, steps=2, wrong_answers=40, parameters=1, context=context)
        self._reply = reply
        self.asked: list[str] = []

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        content = path.messages[-1]["content"]
        if not content.startswith("Problem:"):
            async for step in super().sample(path, request):
                yield step
            return
        for sibling in range(request.n):
            self.asked.append(content)
            said = self._reply(content, request.seed + sibling).encode()[: request.max_tokens]
            usage = self._count(len(path.start.ids) if not sibling else 0, 0, len(said), not sibling)
            yield Step(sibling=sibling, ids=list(said), text=said.decode(), finish="end", usage=usage)


def shown(content: str) -> list[int]:
    """The answers of the solutions in a prompt, in the order they are shown."""
    sections = content.split("Solution")[1:]
    return [int(extract_answer(section.split("\n\nWhich")[0].split("\n\nCheck")[0]) or -1) for section in sections[:2]]


def larger_wins(content: str, seed: int) -> str:
    first, second = shown(content)
    return "A" if first > second else "B"


def always_a(content: str, seed: int) -> str:
    return "A"


def share_of_hundred(content: str, seed: int) -> str:
    """A verdict that is "correct" as often as the answer's last two digits say, at random."""
    return f"Verdict: {'correct' if seed % 100 < shown(content)[0] % 100 else 'incorrect'}"


def answers(search: Search) -> list[str]:
    return [rival.answer for rival in rivals(search, search.tree.leaves)]


def finished(tree: Tree) -> list[Node]:
    """Of the solutions, voting or not."""
    return [node for node in tree.nodes if node.finished and tree.path(node).messages == tree.messages]


@pytest.mark.parametrize(("n", "expected"), [(16, 45), (32, 93)])
def test_a_pivot_tournament_has_as_many_comparisons_as_the_paper_says(n: int, expected: int) -> None:
    ring = ring_pairs(range(n))
    later = pivot_pairs(range(n), [3, 7])
    assert len(ring) + len(later) == comparisons(n, 2) == expected
    assert len(all_pairs(range(n))) == comb(n, 2) == {16: 120, 32: 496}[n]


@given(st.integers(2, 20), st.data())
def test_everybody_meets_both_neighbours_and_every_pivot(n: int, data: st.DataObject) -> None:
    seats = data.draw(st.permutations(range(n)))
    pivots = data.draw(st.lists(st.integers(0, n - 1), unique=True, min_size=1))
    ring, later = ring_pairs(seats), pivot_pairs(range(n), pivots)
    assert all(sum(player in pair for pair in ring) == 2 for player in range(n))
    met = {frozenset(pair) for pair in later}
    assert met == {frozenset((one, pivot)) for one in range(n) for pivot in pivots if one != pivot}
    assert len(later) == len(met) and len(ring) + len(later) == comparisons(n, len(pivots))


def test_players_are_ranked_by_their_mean_of_wins() -> None:
    assert ranked([[0.5, 0.5], [1.0], [0.0, 1.0, 0.5]]) == [1, 0, 2]


async def pair(new_search: SearchFactory, reply: Reply, **options: int) -> tuple[Search, Judging, list[Node]]:
    engine = Judging(reply)
    search = new_search(engine=engine)
    leaves = await search.complete([search.root], 12)
    return search, engine, [rival.best for rival in rivals(search, leaves)]


async def test_every_pair_is_shown_in_both_orders(new_search: SearchFactory) -> None:
    search, engine, (one, other, *_) = await pair(new_search, larger_wins)
    (share,) = await compared(search, [(one, other)], repeats=2)
    mine, others = (int(extract_answer(search.tree.path(each).text) or 0) for each in (one, other))
    assert share == float(mine > others)
    assert [shown(content) for content in engine.asked] == [[mine, others]] * 2 + [[others, mine]] * 2
    assert await compared(search, [(other, one)], repeats=1) == [1 - share]


@pytest.mark.parametrize("said", ["A", "B", "Both A and B are right.", "I cannot say.", "", "neither a nor b"])
async def test_who_prefers_a_place_or_names_nobody_prefers_nobody(new_search: SearchFactory, said: str) -> None:
    search, _, (one, other, *_) = await pair(new_search, lambda content, seed: said)
    assert await compared(search, [(one, other)], repeats=1) == [0.5]


@pytest.mark.parametrize("said", ["B", "B.", "**B**", "Solution B", "The answer is B because the sum is right."])
async def test_a_letter_is_found_where_it_stands(new_search: SearchFactory, said: str) -> None:
    def reply(content: str, seed: int) -> str:
        return said if shown(content) == order else said.replace("B", "A")

    search, _, (one, other, *_) = await pair(new_search, reply)
    order = [int(extract_answer(search.tree.path(each).text) or 0) for each in (one, other)]
    assert await compared(search, [(one, other)], repeats=1) == [0.0]


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("Step 1 holds.\n\nVerdict: correct", 1.0),
        ("verdict: **Incorrect**.", 0.0),
        ('I was to say "Verdict: correct" or not. Verdict: incorrect', 0.0),
        ("It is correct.", 0.5),
        ("Verdict: incorrectly put", 0.5),
    ],
)
async def test_the_last_verdict_counts_and_none_is_half_of_one(
    new_search: SearchFactory, said: str, share: float
) -> None:
    search, engine, (one, *_) = await pair(new_search, lambda content, seed: said)
    assert await verified(search, [one], repeats=3) == [share]
    assert len(engine.asked) == 3 and search.tree.path(one).text.strip() in engine.asked[0]


async def test_what_does_not_fit_into_the_context_is_a_tie(new_search: SearchFactory) -> None:
    engine = Judging(always_a)
    search = new_search(engine=engine)
    one, other = (await search.complete([search.root], 12))[:2]
    engine._context = 100
    assert await compared(search, [(one, other), (other, one)], repeats=1) == [0.5, 0.5]
    assert await verified(search, [one, other], repeats=2) == [0.5, 0.5]
    assert engine.asked == []


async def test_answers_are_told_apart_and_the_best_speaks_for_each(new_search: SearchFactory) -> None:
    search = new_search(engine=Judging(always_a), verifier=ScriptedVerifier(noise=0.3))
    leaves = await search.complete([search.root], 40)
    found = rivals(search, leaves)
    assert len({rival.answer for rival in found}) == len(found)
    assert sorted(each.index for rival in found for each in rival.solutions) == sorted(leaf.index for leaf in leaves)
    assert [rival.weight for rival in found] == sorted((rival.weight for rival in found), reverse=True)
    for rival in found:
        assert search.value(rival.best) == max(search.value(each) for each in rival.solutions)
    unscored = new_search(engine=Judging(always_a), scored=False)
    for rival in rivals(unscored, await unscored.complete([unscored.root], 40)):
        assert rival.best.length == min(each.length for each in rival.solutions)
    again = rivals(search, leaves[::-1])
    assert [(rival.answer, rival.best) for rival in again] == [(rival.answer, rival.best) for rival in found]


@pytest.mark.parametrize("pivots", [0, 50])
async def test_who_beats_everybody_takes_the_vote(new_search: SearchFactory, pivots: int) -> None:
    for seed in range(5):
        search = new_search(engine=Judging(larger_wins), seed=seed)
        await search.run(Tournament(inner=Sample(n=16), pivots=pivots))
        everybody = {extract_answer(search.tree.path(leaf).text) for leaf in finished(search.tree)}
        assert answers(search) == [str(max(map(int, filter(None, everybody))))]


@pytest.mark.parametrize("pivots", [1, 2, 3])
async def test_with_pivots_the_winner_loses_to_nobody_it_meets(new_search: SearchFactory, pivots: int) -> None:
    for seed in range(5):
        engine = Judging(larger_wins)
        search = new_search(engine=engine, seed=seed)
        await search.run(Tournament(inner=Sample(n=24), pivots=pivots))
        (winner,) = map(int, answers(search))
        met = [shown(content) for content in engine.asked if winner in shown(content)]
        assert len(met) >= 2 * (2 + pivots) and all(max(two) == winner for two in met)
        won = [leaf for leaf in finished(search.tree) if extract_answer(search.tree.path(leaf).text) == str(winner)]
        assert search.tree.leaves == won, "all that gave the answer vote"


async def test_the_best_of_the_ring_are_the_pivots(new_search: SearchFactory) -> None:
    n = 24
    engine = Judging(larger_wins)
    search = new_search(engine=engine)
    players = [rival.best for rival in rivals(search, await search.complete([search.root], 60))][:n]
    await Tournament()._play(search, players)
    met = [shown(content) for content in engine.asked]
    ring = met[: 2 * n]
    all_met = {player: {each for two in met if player in two for each in two} for player, _ in met}
    pivots = [player for player in all_met if len(all_met[player]) == n]
    assert len(pivots) == 2 and len(all_met) == n
    for pivot in pivots:
        games = [two for two in ring if pivot in two]
        assert len(games) == 4 and all(max(two) == pivot for two in games)


async def test_no_more_is_compared_than_said(new_search: SearchFactory) -> None:
    for n, expected in ((4, comb(4, 2)), (6, 15), (7, 18), (16, 45)):
        engine = Judging(larger_wins)
        strategy = Tournament()
        search = new_search(engine=engine)
        nodes = await search.complete([search.root], n)
        places = await strategy._play(search, nodes)
        assert sorted(places) == list(range(n)) and len(engine.asked) == 2 * expected
        engine.asked.clear()
        await Tournament(pivots=50)._play(search, nodes)
        assert len(engine.asked) == 2 * comb(n, 2)


async def test_a_tie_goes_to_the_answer_with_more_votes(new_search: SearchFactory) -> None:
    for strategy in (Tournament(inner=Sample(n=16)), Scrutiny(inner=Sample(n=16), margin=1.0)):
        plain = new_search(engine=Judging(always_a))
        await plain.run(Sample(n=16))
        search = new_search(engine=Judging(always_a))
        await search.run(strategy)
        written = finished(search.tree)
        winner = answers(search)
        for node in written:
            node.weight = 1.0
        assert winner == [rivals(search, written)[0].answer]


async def test_a_single_answer_is_not_judged(new_search: SearchFactory) -> None:
    for strategy in (Tournament(inner=Sample(n=1)), Scrutiny(inner=Sample(n=1))):
        engine = Judging(always_a)
        search = new_search(engine=engine)
        await search.run(strategy)
        assert engine.asked == [] and [leaf.weight for leaf in search.tree.leaves] == [1.0]


async def test_verdicts_weigh_and_the_closest_are_compared(new_search: SearchFactory) -> None:
    def reply(content: str, seed: int) -> str:
        if "Which of the two" in content:
            return larger_wins(content, seed)
        return f"Verdict: {'correct' if shown(content)[0] % 3 else 'incorrect'}"

    engine = Judging(reply)
    search = new_search(engine=engine)
    await search.run(Scrutiny(inner=Sample(n=16), verdicts=3, comparisons=2))
    everybody = {int(extract_answer(search.tree.path(leaf).text) or 0) for leaf in finished(search.tree)}
    close = [answer for answer in everybody if answer % 3]
    assert 1 < len(close) < len(everybody)
    assert answers(search) == [str(max(close))] and [leaf.weight for leaf in search.tree.leaves] == [1.0]
    asked = [content for content in engine.asked if "Which of the two" in content]
    assert len(engine.asked) - len(asked) == 3 * len(everybody)
    assert len(asked) == 2 * 2 * comb(len(close), 2)
    assert {frozenset(shown(content)) for content in asked} == {frozenset(two) for two in combinations(close, 2)}


async def test_what_is_far_below_the_best_keeps_a_vote_that_counts_its_share(new_search: SearchFactory) -> None:
    search = new_search(engine=Judging(share_of_hundred))
    await search.run(Scrutiny(inner=Sample(n=16), verdicts=20, margin=0.0))
    leaves = search.tree.leaves
    assert len(leaves) > 2 and all(0 < leaf.weight <= 1 for leaf in leaves)
    assert len(answers(search)) == len(leaves), "one solution speaks for each answer"
    for leaf in leaves:
        verdicts = [node for node in search.tree.nodes if node.parent >= 0 and _below(search.tree, node, leaf)]
        given = [node.text == "Verdict: correct" for node in verdicts if node.text.startswith("Verdict")]
        assert leaf.weight == sum(given) / 20 and len(given) == 20


def _below(tree: Tree, node: Node, leaf: Node) -> bool:
    return tree.nodes[tree.nodes[node.parent].parent] is leaf


async def test_where_all_verdicts_are_against_everybody_the_comparisons_decide(new_search: SearchFactory) -> None:
    def reply(content: str, seed: int) -> str:
        return larger_wins(content, seed) if "Which of the two" in content else "Verdict: incorrect"

    search = new_search(engine=Judging(reply))
    await search.run(Scrutiny(inner=Sample(n=8)))
    everybody = {int(extract_answer(search.tree.path(leaf).text) or 0) for leaf in finished(search.tree)}
    assert answers(search) == [str(max(everybody))] and [leaf.weight for leaf in search.tree.leaves] == [1.0]


@pytest.mark.parametrize("verdict", ["correct", "incorrect"])
async def test_a_search_that_ends_among_the_comparisons_goes_by_what_it_knows(
    new_search: SearchFactory, verdict: str
) -> None:
    def reply(content: str, seed: int) -> str:
        if "Which of the two" in content:
            raise BudgetExhausted("tokens")
        return f"Verdict: {verdict}"

    search = new_search(engine=Judging(reply))
    await search.run(Scrutiny(inner=Sample(n=16)))
    everybody, voting = finished(search.tree), search.tree.leaves
    assert search.tree.stopped == "tokens" and all(leaf.weight == 1.0 for leaf in voting)
    if verdict == "correct":
        assert len(voting) == len(answers(search)) < len(everybody), "one for each answer"
    else:
        assert voting == everybody, "as if nobody had been asked"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([Tournament(inner=Sample(n=10)), Scrutiny(inner=Sample(n=6), verdicts=2, comparisons=1)]),
    st.sampled_from([larger_wins, always_a]),
    st.integers(0, 5),
    st.integers(1, 1200) | st.none(),
)
async def test_budgets_hold_costs_add_up_and_the_same_seed_is_the_same_tree(
    new_search: SearchFactory, strategy: Strategy, reply: Reply, seed: int, tokens: int | None
) -> None:
    digests = []
    for _ in range(2):
        engine, verifier = Judging(reply if isinstance(strategy, Tournament) else share_of_hundred), ScriptedVerifier()
        search = new_search(engine=engine, verifier=verifier, budget=Budget(tokens=tokens, samples=10), seed=seed)
        await search.run(strategy)
        tree = search.tree
        digests.append(tree.digest())
        assert tree.cost.engine == engine.usage and tree.cost.verifier == verifier.usage
        assert tokens is None or engine.usage.generated_tokens <= tokens
        assert all(leaf.finished and tree.path(leaf).messages == tree.messages for leaf in tree.leaves)
        assert bool(tree.leaves) == bool(finished(tree)), "whatever ends it, somebody has a vote"
        assert unpack(pack(tree)) == in_microseconds(tree)
    assert digests[0] == digests[1]


async def test_they_are_named_in_recipes_with_their_parts() -> None:
    strategy = make_strategy({"kind": "scrutiny", "inner": {"kind": "tournament", "inner": {"kind": "beam", "n": 8}}})
    assert strategy.samples == 8 and strategy.ranks
    assert make_strategy("tournament") == Tournament() and not Tournament().ranks
    assert make_strategy("scrutiny") == Scrutiny() and Scrutiny().samples == 16 and not Scrutiny().ranks


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (Tournament, {"pivots": -1}, "pivots is -1"),
        (Tournament, {"repeats": 0}, "repeats is 0"),
        (Tournament, {"prompt": VERIFY}, "first"),
        (Scrutiny, {"verdicts": 0}, "verdicts is 0"),
        (Scrutiny, {"comparisons": 0}, "comparisons is 0"),
        (Scrutiny, {"margin": 1.5}, "margin is 1.5"),
        (Scrutiny, {"prompt": COMPARE}, "solution"),
    ],
)
def test_options_are_checked(kind: type[Strategy], options: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        kind(**options)
