import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace

import pytest

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.cost import Usage
from outthink.engines import Request, Sampling, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import BudgetExhausted, EngineError, UsageError, VerifierError
from outthink.packing import pack, unpack
from outthink.search import Search
from outthink.strategies.beam import Beam
from outthink.strategies.dvts import Dvts
from outthink.strategies.sample import Sample
from outthink.tree import Message, Path
from outthink.verifiers import Scores
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


async def test_children_are_one_step_long_scored_and_in_the_order_asked_for(new_search: SearchFactory) -> None:
    search = new_search()
    children = await search.expand([search.root], 3)
    assert [child.ordinal for child in children] == [0, 1, 2]
    assert all(child.depth == 1 and child.open and child.text.endswith("\n\n") for child in children)
    assert all(child.score is not None for child in children)
    grandchildren = await search.expand(children, [2, 0, 1])
    assert [node.parent for node in grandchildren] == [children[0].index] * 2 + [children[2].index]


async def test_whole_solutions_are_chains_of_steps_scored_in_one_pass(new_search: SearchFactory) -> None:
    verifier = ScriptedVerifier()
    search = new_search(engine=ScriptedEngine(steps=5), verifier=verifier)
    leaves = await search.complete([search.root], 4)
    assert all(leaf.finished and leaf.depth == 5 for leaf in leaves)
    assert len(search.tree.nodes) == 1 + 4 * 5
    assert all(len(search.tree.path(leaf).scores) == 5 for leaf in leaves)
    assert verifier.usage.calls == 4


async def test_the_same_seed_gives_the_same_tree_and_another_one_another(new_search: SearchFactory) -> None:
    async def digest(seed: int) -> str:
        search = new_search(seed=seed)
        await search.run(Dvts(n=8, width=4))
        return search.tree.digest()

    assert await digest(1) == await digest(1)
    assert await digest(1) != await digest(2)


async def test_latency_changes_the_order_of_writing_but_not_the_tree(new_search: SearchFactory) -> None:
    slow = new_search(engine=ScriptedEngine(seconds_per_token=1e-5), verifier=ScriptedVerifier(seconds_per_call=1e-3))
    fast = new_search()
    for search in (slow, fast):
        await search.run(Dvts(n=8, width=4))
    assert slow.tree.digest() == fast.tree.digest()


async def test_a_child_is_scored_while_its_siblings_are_being_written(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(seconds_per_token=1e-3))
    first, second = await search.expand([search.root], 2)
    assert first.scored is not None and first.scored < second.written


async def test_a_step_is_scored_once(new_search: SearchFactory) -> None:
    verifier = ScriptedVerifier()
    search = new_search(verifier=verifier)
    await search.run(Beam(n=8, width=4))
    written = sum(node.cost.engine.generated_tokens for node in search.tree.nodes)
    assert verifier.usage.scored_tokens == written + len(search.tree.root.ids)


@pytest.mark.parametrize("strategy", [Sample(n=6), Beam(n=8, width=2), Dvts(n=8, width=4)])
async def test_the_trees_cost_is_the_models_own_count(
    new_search: SearchFactory, strategy: Sample | Beam | Dvts
) -> None:
    engine, verifier = ScriptedEngine(parameters=1000), ScriptedVerifier(parameters=500)
    search = new_search(engine=engine, verifier=verifier)
    await search.run(strategy)
    assert search.tree.cost.engine == engine.usage
    assert search.tree.cost.verifier == verifier.usage


class Abandoned(ScriptedEngine):
    """Reports tokens of a sibling that did not reach a step's end."""

    async def sample(self, path: Path, request: Request) -> AsyncIterator[Step]:
        try:
            async for step in super().sample(path, request):
                yield step
        finally:
            request.abandoned(Usage(generated_tokens=5))


async def test_what_left_no_step_behind_is_paid_all_the_same(new_search: SearchFactory) -> None:
    search = new_search(engine=Abandoned())
    (child,) = await search.expand([search.root], 1)
    assert search.root.cost.engine.generated_tokens == 5
    assert search.tree.cost.engine.generated_tokens == 5 + len(child.ids)


async def test_no_more_solutions_than_samples(new_search: SearchFactory) -> None:
    async def greedy_for_more(search: Search) -> None:
        while True:
            await search.complete([search.root], 2)

    search = new_search(budget=Budget(samples=5))
    await search.run(greedy_for_more)
    assert search.tree.stopped == "samples"
    assert len(search.tree.leaves) == 5


@pytest.mark.parametrize("tokens", [1, 60, 137, 400])
async def test_a_token_budget_is_never_exceeded_and_the_best_so_far_is_kept(
    new_search: SearchFactory, tokens: int
) -> None:
    engine = ScriptedEngine()
    search = new_search(engine=engine, budget=Budget(tokens=tokens), sampling=Sampling(max_step_tokens=40))
    await search.run(Beam(n=16, width=4))
    assert search.tree.stopped == "tokens"
    assert engine.usage.generated_tokens == search.tree.cost.engine.generated_tokens <= tokens
    assert engine.usage.generated_tokens > tokens - 40


async def test_a_time_budget_ends_the_search_and_keeps_what_is_written(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(seconds_per_token=1e-3, steps=1000), budget=Budget(seconds=0.1))
    began = time.perf_counter()
    await search.run(Beam(n=4, width=2, max_steps=1000))
    assert search.tree.stopped == "seconds"
    assert len(search.tree.nodes) > 1
    assert time.perf_counter() - began < 5


async def test_a_step_is_cut_at_its_cap_and_a_solution_at_its_own(new_search: SearchFactory) -> None:
    search = new_search(sampling=Sampling(max_step_tokens=4))
    (child,) = await search.expand([search.root], 1)
    assert (len(child.ids), child.finish) == (4, "length")
    for whole in (True, False):
        search = new_search(engine=ScriptedEngine(steps=50), sampling=Sampling(max_tokens=60))
        if whole:
            await search.run(Sample(n=2))
        else:
            await search.run(Beam(n=2, width=1))
        assert max(node.length for node in search.tree.nodes) <= 60
        assert search.tree.leaves == []


async def test_a_full_context_is_reported_as_such(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(context=60))
    await search.run(Sample(n=1))
    assert [node.finish for node in search.tree.nodes[1:]][-1] == "context"
    assert search.tree.leaves == []


async def test_a_failing_engine_ends_the_search_with_its_own_error(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(fault_rate=1.0))
    with pytest.raises(EngineError, match="scripted fault"):
        await search.run(Beam(n=4, width=2))


@pytest.mark.parametrize("values", [[float("nan")], [float("inf")], [-0.1], [1.5], [], [0.5, 0.5]])
async def test_what_is_no_score_is_refused(new_search: SearchFactory, values: list[float]) -> None:
    class Broken(ScriptedVerifier):
        async def score(self, path: Path) -> Scores:
            return Scores(values=values, usage=Usage(calls=1))

    search = new_search(verifier=Broken())
    with pytest.raises(VerifierError, match="score"):
        await search.expand([search.root], 1)
    assert search.tree.cost.verifier.calls == 1, "it is paid for all the same"


class Constant(ScriptedVerifier):
    """Its word hangs on what a path says alone."""

    deterministic = True


async def test_copies_of_a_solution_are_scored_once(new_search: SearchFactory) -> None:
    verifier = Constant(seconds_per_call=1e-3)
    search = new_search(verifier=verifier, sampling=Sampling(temperature=0.0))
    leaves = await search.complete([search.root], 4)
    assert len({search.tree.path(leaf).text for leaf in leaves}) == 1, "greedy writing repeats itself"
    scores = [search.tree.path(leaf).scores for leaf in leaves]
    assert len(scores[0]) == leaves[0].depth and all(each == scores[0] for each in scores)
    assert verifier.usage.calls == search.tree.cost.verifier.calls == 1


async def test_a_verifier_that_draws_is_asked_about_every_copy(new_search: SearchFactory) -> None:
    verifier = ScriptedVerifier()
    search = new_search(verifier=verifier, sampling=Sampling(temperature=0.0))
    await search.complete([search.root], 4)
    assert verifier.usage.calls == 4


async def test_copies_are_told_apart_by_how_much_of_them_has_no_score(new_search: SearchFactory) -> None:
    verifier = Constant()
    search = new_search(verifier=verifier, sampling=Sampling(temperature=0.0))
    (step,) = await search.expand([search.root], 1)
    (leaf,) = await search.complete([step], 1)
    (whole,) = await search.complete([search.root], 1)
    assert search.tree.path(leaf).text == search.tree.path(whole).text
    assert verifier.usage.calls == 3, "an outcome model's score is the score of all the steps that it is asked about"


async def test_no_two_searches_share_what_they_pay_for(new_search: SearchFactory) -> None:
    verifier = Constant()
    for _ in range(2):
        search = new_search(verifier=verifier, sampling=Sampling(temperature=0.0))
        await search.complete([search.root], 2)
        assert search.tree.cost.verifier.calls == 1


async def test_ranking_without_a_verifier_says_what_to_do(new_search: SearchFactory) -> None:
    search = new_search(scored=False)
    with pytest.raises(UsageError, match="name a verifier"):
        await search.run(Beam(n=4, width=2))


async def test_cancelling_leaves_no_task_behind_and_keeps_the_tree(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(seconds_per_token=1e-3, steps=1000))
    before = asyncio.all_tasks()
    running = asyncio.create_task(search.run(Dvts(n=8, width=4, max_steps=1000)))
    while len(search.tree.nodes) < 10:
        await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == before
    assert len(search.tree.nodes) >= 10


async def test_an_engine_without_ids_is_held_to_its_caps_by_count(new_search: SearchFactory) -> None:
    """By text, siblings are told apart by it, and a step's tokens are those on its bill."""

    class ByText(ScriptedEngine):
        async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
            async for step in super().sample(path, request):
                yield replace(step, ids=())

    search = new_search(engine=ByText(steps=4), budget=Budget(tokens=120))
    await search.run(Beam(n=4, width=2))
    tree = search.tree
    assert tree.stopped == "tokens" and tree.cost.engine.generated_tokens <= 120
    for node in tree.nodes[1:]:
        assert tree.tokens(node) == node.cost.engine.generated_tokens == len(node.text.encode())
    assert max(len(siblings) for siblings in tree.offspring().values()) == 4
    unlimited = new_search(engine=ByText(steps=4))
    await unlimited.run(Beam(n=4, width=2))
    assert (
        len(unlimited.tree.leaves) == 4 and len({node.parent for node in unlimited.tree.nodes if node.depth == 2}) == 2
    )


async def test_a_cap_at_the_very_end_of_a_step_writes_no_step_after_it(new_search: SearchFactory) -> None:
    free = new_search(engine=ScriptedEngine(steps=4), scored=False)
    await free.complete([free.root], 1)
    cap = free.tree.nodes[2].length
    capped = new_search(engine=ScriptedEngine(steps=4), scored=False, sampling=Sampling(max_tokens=cap))
    (tip,) = await capped.complete([capped.root], 1)

    assert (tip.depth, tip.length, tip.finish) == (2, cap, "length")
    assert len(capped.tree.nodes) == 3


async def test_a_solution_that_the_budget_cuts_at_the_very_end_of_a_step_frees_its_seat(
    new_search: SearchFactory,
) -> None:
    free = new_search()
    (leaf,) = await free.complete([free.root], 1)
    two_steps = free.tree.path(leaf).nodes[1].length
    search = new_search(budget=Budget(samples=1, tokens=two_steps))
    (cut,) = await search.complete([search.root], 1)
    assert (cut.length, cut.open) == (two_steps, True)
    # There is a seat for another solution, but nothing to write it with.
    with pytest.raises(BudgetExhausted, match="tokens"):
        await search.complete([search.root], 1)


async def test_another_prompt_starts_anew_below_what_it_answers_to(new_search: SearchFactory) -> None:
    engine = ScriptedEngine(steps=3, parameters=1)
    search = new_search(engine=engine)
    (first,) = await search.complete([search.root], 1)
    messages = [{"role": "user", "content": "Try again."}]
    turn = await search.ask(first, messages)
    (second,) = await search.complete([turn], 1)

    path = search.tree.path(second)
    assert second.finished and len(path.nodes) == 3 and path.start is turn and path.messages == messages
    assert path.ids[: len(turn.ids)] == list(b"Try again.") and first.text not in path.text
    assert turn.parent == first.index and len(path.scores) == 3
    assert search.tree.leaves == [first, second]
    assert search.tree.cost.engine == engine.usage
    again = unpack(pack(search.tree))
    assert again.digest() == search.tree.digest() and again.path(again.nodes[-1]).messages == messages


async def test_a_reply_that_is_no_solution_takes_no_seat_no_score_and_no_vote(new_search: SearchFactory) -> None:
    search = new_search(budget=Budget(samples=1))
    (solution,) = await search.complete([search.root], 1)
    aside = await search.ask(solution, [{"role": "user", "content": "What is wrong?"}], weight=0.0)
    replies = await search.complete([aside], 2)

    assert all(reply.finished and reply.weight == 0 for reply in replies)
    assert all(not search.tree.path(reply).scores for reply in replies)
    assert search.tree.leaves == [solution]


async def test_parts_of_a_search_share_its_tree_and_budget_but_no_chance(new_search: SearchFactory) -> None:
    search = new_search(budget=Budget(samples=3))
    (child,) = await search.expand([search.root], 1)
    parts = [search.part(0), search.part(1), search.part(0, root=child), search.part(0).part(1)]
    assert [part.root for part in parts] == [search.root, search.root, child, search.root]
    assert len({part.rng().random() for part in (search, *parts)}) == 4
    await parts[0].complete([parts[0].root], 2)
    with pytest.raises(BudgetExhausted):
        await parts[1].complete([parts[1].root], 2)
    assert parts[1].tree is search.tree


async def test_steps_left_unscored_are_scored_with_what_follows(new_search: SearchFactory) -> None:
    verifier = ScriptedVerifier()
    search = new_search(verifier=verifier)
    children = await search.expand([search.root], 2, scored=False)
    assert verifier.usage.calls == 0 and all(child.score is None for child in children)
    await search.expand(children[:1], 1)
    assert verifier.usage.calls == 1 and children[0].score is not None and children[1].score is None


async def test_partners_continue_what_the_engine_began(new_search: SearchFactory) -> None:
    weak, strong = ScriptedEngine(success=0.0, steps=2), ScriptedEngine(success=1.0, steps=2)
    search = new_search(engine=weak, partners={"strong": strong})
    (draft,) = await search.expand([search.root], 1)
    (better,) = await search.complete([search.root], 1, by="strong")

    assert draft.text.startswith("wrong") and search.tree.path(better).text.startswith("right")
    assert search.tree.cost.engine == weak.usage + strong.usage
    with pytest.raises(UsageError, match="no partner engine 'wise', but strong"):
        await search.expand([draft], 1, by="wise")


async def test_a_partner_of_another_vocabulary_answers_its_own_prompts_only(new_search: SearchFactory) -> None:
    class Foreign(ScriptedEngine):
        async def encode(self, messages: Sequence[Message]) -> list[int]:
            return [letter + 1 for letter in await super().encode(messages)]

    search = new_search(partners={"other": Foreign()})
    with pytest.raises(UsageError, match="name a model of the same family"):
        await search.expand([search.root], 1, by="other")
    turn = await search.ask(search.root, search.tree.messages, by="other")
    (leaf,) = await search.complete([turn], 1, by="other")
    assert leaf.finished


async def test_prompts_are_numbered_in_the_order_they_are_asked(new_search: SearchFactory) -> None:
    class Slow(ScriptedEngine):
        async def encode(self, messages: Sequence[Message]) -> list[int]:
            await asyncio.sleep(0.003 / len(messages[0]["content"]))
            return await super().encode(messages)

    search = new_search(engine=Slow())
    turns = await asyncio.gather(
        *(search.ask(search.root, [{"role": "user", "content": "?" * size}]) for size in (1, 2, 4))
    )
    assert [turn.ordinal for turn in turns] == [0, 1, 2]
    assert [turn.index for turn in turns] == [3, 2, 1]


async def test_words_put_into_its_mouth_are_gone_on_from(new_search: SearchFactory) -> None:
    engine = ScriptedEngine(steps=3)
    search = new_search(engine=engine)
    (step,) = await search.expand([search.root], 1)
    forced = await search.force(step, "right now ")
    (leaf,) = await search.complete([forced], 1)
    path = search.tree.path(leaf)
    assert forced.parent == step.index and forced.open and forced.ids.tolist() == list(b"right now ")
    assert forced.length == step.length + 10 and path.text.startswith(step.text + "right now ")
    assert len(path.scores) == len(path.steps) and search.tree.cost.engine == engine.usage


async def test_a_finished_solution_that_is_made_to_go_on_passes_its_seat(new_search: SearchFactory) -> None:
    search = new_search(budget=Budget(samples=1))
    (leaf,) = await search.complete([search.root], 1)
    forced = await search.force(leaf, " Or not?")
    assert forced.parent == leaf.parent and forced.text == leaf.text + " Or not?" and forced.open
    (other,) = await search.expand([forced], 1)
    assert other.finished and search.tree.leaves == [leaf, other]
    with pytest.raises(BudgetExhausted):
        await search.expand([search.root], 1)


async def test_a_withdrawn_solution_frees_its_seat_once(new_search: SearchFactory) -> None:
    search = new_search(budget=Budget(samples=2))
    first, second = await search.complete([search.root], 2)
    search.withdraw(first)
    search.withdraw(first)
    search.withdraw(search.tree.nodes[1])
    assert search.tree.leaves == [second]
    (third,) = await search.complete([search.root], 1)
    assert search.tree.leaves == [second, third]
    with pytest.raises(BudgetExhausted):
        await search.complete([search.root], 1)
