from collections.abc import AsyncGenerator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines import Request, Sampling, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.packing import pack, unpack
from outthink.registry import make_strategy
from outthink.strategies.self_refine import DONE, FEEDBACK, REFINE, SelfRefine
from outthink.tree import Path, Tree
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


class Critic(ScriptedEngine):
    """Gives the feedback it is told to, one a request, and then is content."""

    def __init__(self, *feedback: str, context: int | None = None) -> None:
        super().__init__(context=context)
        self._feedback = list(feedback)

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        if not path.messages[-1]["content"].startswith("Check"):
            async for step in super().sample(path, request):
                yield step
            return
        text = self._feedback.pop(0) if self._feedback else f"{DONE}."
        ids = text.encode()[: request.max_tokens]
        usage = self._count(len(path.start.ids), 0, len(ids), True)
        finish = "end" if len(ids) == len(text.encode()) else "length"
        yield Step(sibling=0, ids=list(ids), text=ids.decode(), finish=finish, usage=usage)


def written(tree: Tree) -> list[str]:
    return [tree.path(node).text for node in tree.nodes if node.finished]


async def test_solve_feedback_refine_until_content(new_search: SearchFactory) -> None:
    engine = Critic("Step 2 is off.", "Step 3 is off.")
    search = new_search(engine=engine)
    await search.run(SelfRefine())
    texts = written(search.tree)
    assert texts[1::2] == ["Step 2 is off.", "Step 3 is off.", "Nothing to change."]
    assert len(texts) == 6
    (leaf,) = search.tree.leaves
    path = search.tree.path(leaf)
    assert path.text == texts[4], "the last solution, and none before it"
    assert path.messages == [
        {"role": "user", "content": search.tree.question},
        {"role": "assistant", "content": texts[2]},
        {"role": "user", "content": FEEDBACK},
        {"role": "assistant", "content": texts[3]},
        {"role": "user", "content": REFINE},
    ]


async def test_content_at_once_leaves_the_first_solution(new_search: SearchFactory) -> None:
    search = new_search(engine=Critic("All is right: NOTHING to change!"))
    await search.run(SelfRefine())
    assert written(search.tree)[0] == search.tree.path(search.tree.leaves[0]).text
    assert len(search.tree.turns) == 1


async def test_never_content_ends_after_the_last_round_within_its_samples(new_search: SearchFactory) -> None:
    strategy = SelfRefine(n=3, rounds=2)
    verifier = ScriptedVerifier()
    search = new_search(verifier=verifier, budget=Budget(samples=strategy.samples))
    await search.run(strategy)
    assert search.tree.stopped is None
    assert strategy.samples == 9 == verifier.usage.calls, "feedback takes no seat and no score"
    assert len(search.tree.leaves) == 3
    assert len(search.tree.turns) == 3 * 2 * 2


async def test_its_words_can_be_replaced(new_search: SearchFactory) -> None:
    engine = Critic("fine", "FINE, too")
    search = new_search(engine=engine)
    await search.run(make_strategy({"kind": "self-refine", "feedback": "Check.", "refine": "Redo.", "done": "fine, "}))
    assert [chat[-1]["content"] for chat in search.tree.turns.values()] == ["Check.", "Redo.", "Check."]


@pytest.mark.parametrize("limit", ["context", "feedback", "first"])
async def test_a_chain_ends_with_what_it_has(new_search: SearchFactory, limit: str) -> None:
    context = 200 if limit == "context" else None
    sampling = Sampling(max_tokens={"context": 1024, "feedback": 100, "first": 20}[limit])
    search = new_search(engine=Critic("x" * 150, context=context), sampling=sampling, question="Why?")
    await search.run(SelfRefine())
    assert len(search.tree.leaves) == (0 if limit == "first" else 1)
    assert len(search.tree.turns) == (1 if limit == "feedback" else 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(tokens=st.integers(1, 1500), n=st.integers(1, 3), seed=st.integers(0, 99))
async def test_a_token_budget_ends_it_anywhere_with_a_valid_tree(
    new_search: SearchFactory, tokens: int, n: int, seed: int
) -> None:
    engine, verifier = ScriptedEngine(), ScriptedVerifier()
    search = new_search(engine=engine, verifier=verifier, budget=Budget(tokens=tokens), seed=seed)
    await search.run(SelfRefine(n=n, rounds=3))
    assert search.tree.cost.engine == engine.usage and search.tree.cost.verifier == verifier.usage
    assert engine.usage.generated_tokens <= tokens
    assert len(search.tree.leaves) <= n
    assert all(leaf.finished and leaf.score is not None for leaf in search.tree.leaves)
    assert unpack(pack(search.tree)).digest() == search.tree.digest()


async def test_a_sample_budget_keeps_one_vote_a_chain(new_search: SearchFactory) -> None:
    search = new_search(budget=Budget(samples=5))
    await search.run(SelfRefine(n=2))
    assert search.tree.stopped == "samples"
    assert len(search.tree.leaves) == 2


async def test_latency_does_not_change_the_tree(new_search: SearchFactory) -> None:
    fast = new_search()
    slow = new_search(engine=ScriptedEngine(seconds_per_token=1e-6), verifier=ScriptedVerifier(seconds_per_call=1e-4))
    for search in (fast, slow):
        await search.run(SelfRefine(n=3, rounds=2))
    assert fast.tree.digest() == slow.tree.digest()


@pytest.mark.parametrize(
    ("options", "message"), [({"n": 0}, "n is 0"), ({"rounds": 0}, "rounds is 0"), ({"done": " "}, "done is empty")]
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SelfRefine(**options)  # type: ignore[arg-type]
