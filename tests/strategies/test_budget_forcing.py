"""Budget forcing on the scripted engine: what ends early goes on, what goes on too long is made to answer."""

from dataclasses import replace
from typing import Any

import pytest

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines import Request, Sampling
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.strategies.budget_forcing import BudgetForcing
from outthink.tree import Path

END = 0  # what an engine would sample to end its turn; no scripted text holds it


class Ending(ScriptedEngine):
    """Samples an end of turn, which has an id and no text."""

    async def sample(self, path: Path, request: Request) -> Any:
        async for step in super().sample(path, request):
            yield replace(step, ids=[*step.ids, END]) if step.finish == "end" else step


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_an_early_end_is_taken_away_so_many_times(new_search: SearchFactory, times: int) -> None:
    search = new_search(engine=ScriptedEngine(steps=3), scored=False, budget=Budget(samples=2))
    await search.run(BudgetForcing(n=2, times=times))
    tree = search.tree
    assert tree.stopped is None and len(tree.leaves) == 2
    for leaf in tree.leaves:
        text = tree.path(leaf).text
        assert text.count("Wait") == times and text.count("The answer is") == times + 1
    assert sum(node.finished and node.weight == 0 for node in tree.nodes) == 2 * times


async def test_the_state_holds_no_end_of_turn_but_the_last(new_search: SearchFactory) -> None:
    search = new_search(engine=Ending(steps=2), scored=False)
    await search.run(BudgetForcing(times=2))
    (leaf,) = search.tree.leaves
    path = search.tree.path(leaf)
    assert path.ids.index(END) == len(path.ids) - 1
    assert bytes(path.ids[:-1]).decode() == search.tree.question + path.text
    first = next(node for node in search.tree.nodes if node.finished)
    assert first.ids[-1] == END and path.text.startswith(search.tree.path(first).text + "\n\nWait")


async def test_who_used_the_tokens_is_not_made_to_go_on(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=4), scored=False)
    await search.run(BudgetForcing(tokens=45))
    (leaf,) = search.tree.leaves
    assert leaf.length >= 45 and "Wait" not in search.tree.path(leaf).text
    assert len(search.tree.nodes) == 5


async def test_who_uses_up_the_tokens_is_made_to_answer(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=6), scored=False)
    await search.run(BudgetForcing(tokens=30, closing="So the final answer:"))
    (leaf,) = search.tree.leaves
    nodes = search.tree.path(leaf).nodes
    (closing,) = (place for place, node in enumerate(nodes) if node.text == "So the final answer:")
    assert nodes[closing - 2].length < 30 <= nodes[closing - 1].length
    assert closing < len(nodes) - 1 and "Wait" not in search.tree.path(leaf).text


async def test_forced_words_take_room_but_are_not_written(new_search: SearchFactory) -> None:
    engine = ScriptedEngine(steps=3)
    search = new_search(engine=engine, scored=False)
    await search.run(BudgetForcing(times=1))
    (forced,) = (node for node in search.tree.nodes if node.text.endswith("Wait"))
    assert forced.cost.engine.generated_tokens == 0 and len(forced.ids) == len(forced.text)
    assert search.tree.cost.engine == engine.usage
    continued = search.tree.nodes[forced.index + 1]
    assert continued.parent == forced.index and continued.cost.engine.cached_tokens >= forced.length


async def test_what_ended_stands_where_its_continuation_does_not_end(new_search: SearchFactory) -> None:
    """Cut at its cap, or stopped by the budget, a continuation has no answer; the one before it still has."""
    free = new_search(engine=ScriptedEngine(steps=3), scored=False)
    await free.run(BudgetForcing(times=0))
    (whole,) = free.tree.leaves
    sampling = Sampling(max_tokens=whole.length + 20)
    for options in (
        {"sampling": sampling},
        {"budget": Budget(tokens=whole.length + 5)},
        {"budget": Budget(tokens=whole.length)},
        {"sampling": Sampling(max_tokens=whole.length + 3)},
    ):
        search = new_search(engine=ScriptedEngine(steps=3), scored=False, **options)
        await search.run(BudgetForcing(times=1))
        (leaf,) = search.tree.leaves
        assert search.tree.path(leaf).text == free.tree.path(whole).text
        assert any(node.text.endswith("Wait") for node in search.tree.nodes)


async def test_the_same_seed_gives_the_same_tree_at_the_models_own_cost(new_search: SearchFactory) -> None:
    digests = []
    for delay in (0.0, 1e-6):
        for steps in (1, 4):
            engine = ScriptedEngine(seconds_per_token=delay, steps=steps, parameters=3)
            search = new_search(engine=engine)
            await search.run(BudgetForcing(n=4, times=2))
            assert search.tree.cost.engine == engine.usage
            digests.append(search.tree.digest())
    assert digests[:2] == digests[2:]


@pytest.mark.parametrize("tokens", [1, 60, 150, 260])
async def test_tokens_are_never_exceeded(new_search: SearchFactory, tokens: int) -> None:
    engine = ScriptedEngine(steps=4)
    search = new_search(engine=engine, scored=False, budget=Budget(tokens=tokens, samples=3))
    await search.run(BudgetForcing(n=3, times=2))
    assert search.tree.stopped == "tokens" and engine.usage.generated_tokens <= tokens
    assert len(search.tree.leaves) <= 3


async def test_an_engine_without_token_ids_of_words_is_refused(new_search: SearchFactory) -> None:
    class Mute(ScriptedEngine):
        def __getattribute__(self, name: str) -> Any:
            if name == "tokenize":
                raise AttributeError(name)
            return super().__getattribute__(name)

    with pytest.raises(UsageError, match="Mute cannot tell a text's token ids"):
        await new_search(engine=Mute(), scored=False).run(BudgetForcing())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"tokens": 0}, "tokens is 0"),
        ({"times": -1}, "times is -1"),
        ({"word": " "}, "must say something"),
        ({"closing": ""}, "must say something"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        BudgetForcing(**options)
