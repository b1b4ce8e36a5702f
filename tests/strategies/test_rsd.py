"""Reward-guided speculative decoding: a weak scripted engine drafts, a strong one rewrites."""

from typing import Any

import pytest

from conftest import SearchFactory
from outthink.answer import extract_answer
from outthink.budget import Budget
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.engines.scripted import scripted_answer
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.rsd import Rsd
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


def drafted(search: Search) -> list[bool]:
    """For each written step whether it was kept or rejected as a draft: only what goes on or ends counts."""
    return [node.weight > 0 for node in search.tree.nodes[1:]]


async def test_good_drafts_are_kept_and_the_target_writes_nothing(new_search: SearchFactory) -> None:
    target = ScriptedEngine()
    search = new_search(engine=ScriptedEngine(success=1.0, steps=5), partners={"target": target})
    await search.run(Rsd(n=4, threshold=0.5))
    assert target.usage.calls == 0 and len(search.tree.leaves) == 4 and all(drafted(search))


async def test_bad_drafts_are_rewritten_and_are_no_solutions(new_search: SearchFactory) -> None:
    draft, target = ScriptedEngine(success=0.0, steps=3), ScriptedEngine(success=1.0, steps=3)
    search = new_search(engine=draft, partners={"target": target}, budget=Budget(samples=2))
    await search.run(Rsd(n=2, threshold=0.5))
    tree = search.tree
    assert tree.stopped is None and len(tree.leaves) == 2 and len(tree.nodes) == 1 + 2 * 3 * 2
    assert all(extract_answer(tree.path(leaf).text) == scripted_answer(tree.question) for leaf in tree.leaves)
    rejected = [node for node in tree.nodes if node.text.startswith("wrong")]
    assert len(rejected) == 6 and all(node.weight == 0 and node.score is not None for node in rejected)
    assert target.usage.calls == draft.usage.calls == 6


async def test_the_targets_step_stays_whatever_it_is_worth(new_search: SearchFactory) -> None:
    engines = [ScriptedEngine(success=0.0, steps=3) for _ in range(2)]
    search = new_search(engine=engines[0], partners={"strong": engines[1]})
    await search.run(Rsd(target="strong"))
    (leaf,) = search.tree.leaves
    assert leaf.depth == 3 and engines[1].usage.calls == 3


async def test_what_is_kept_is_worth_the_threshold(new_search: SearchFactory) -> None:
    search = new_search(
        engine=ScriptedEngine(success=0.7, steps=6),
        verifier=ScriptedVerifier(noise=0.2),
        partners={"target": ScriptedEngine(success=1.0, steps=6)},
    )
    await search.run(Rsd(n=6))
    for siblings in search.tree.offspring().values():
        rejected = [node for node in siblings if node.weight == 0]
        assert all((node.score or 0.0) < 0.7 for node in rejected)
        assert len([node for node in siblings if node.weight]) == (6 if siblings[0].depth == 1 else 1)
    assert len(search.tree.leaves) == 6


async def test_after_the_last_step_the_target_writes_to_the_end(new_search: SearchFactory) -> None:
    target = ScriptedEngine(success=1.0, steps=8)
    search = new_search(engine=ScriptedEngine(success=1.0, steps=8), partners={"target": target})
    await search.run(Rsd(threshold=0.0, max_steps=3))
    (leaf,) = search.tree.leaves
    assert leaf.depth == 8 and target.usage.calls == 1
    assert target.usage.generated_tokens == leaf.length - search.tree.nodes[3].length


async def test_the_same_seed_gives_the_same_tree_at_the_models_own_cost(new_search: SearchFactory) -> None:
    digests = []
    for delay in (0.0, 1e-6):
        draft, target = ScriptedEngine(success=0.6, seconds_per_token=delay), ScriptedEngine(parameters=5)
        verifier = ScriptedVerifier(noise=0.1)
        search = new_search(engine=draft, verifier=verifier, partners={"target": target})
        await search.run(Rsd(n=5))
        assert search.tree.cost.engine == draft.usage + target.usage
        assert search.tree.cost.verifier == verifier.usage
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("tokens", [1, 50, 120])
async def test_tokens_of_both_engines_are_never_exceeded(new_search: SearchFactory, tokens: int) -> None:
    draft, target = ScriptedEngine(success=0.5), ScriptedEngine()
    search = new_search(engine=draft, partners={"target": target}, budget=Budget(tokens=tokens))
    await search.run(Rsd(n=4))
    assert search.tree.stopped == "tokens"
    assert draft.usage.generated_tokens + target.usage.generated_tokens <= tokens
    assert all(leaf.finished for leaf in search.tree.leaves)


async def test_without_the_partner_it_says_what_to_do(new_search: SearchFactory) -> None:
    search = new_search(partners={"other": ScriptedEngine()})
    with pytest.raises(UsageError, match="no partner engine 'target', but other"):
        await search.run(Rsd())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"n": 0}, "n is 0"), ({"threshold": 1.1}, "threshold is 1.1"), ({"max_steps": 0}, "max_steps is 0")],
)
def test_options_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Rsd(**options)
