"""Accounts against counting token by token, against Kinetics' closed form, and against every subset of a pool."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.cost import Cost, Usage
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.shape import Shape
from outthink.strategies.beam import Beam
from outthink.strategies.rsd import Rsd
from outthink.strategies.sample import Sample
from outthink.study.account import Account, Work, account
from outthink.tree import Node, Tree
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

WRITER = Shape(parameters=1000, layers=3, width=10, kv_width=8)
JUDGE = Shape(parameters=500, layers=2, width=6, kv_width=4)
MODELS = {"engine": WRITER, "verifier": JUDGE}
TOKEN = 2 * 3 * 8
"""Bytes that the writer keeps of a token."""


def grown(prompt: int) -> Tree:
    return Tree.plant("?", [], range(prompt), 0)


def add(tree: Tree, parent: Node, size: int, engine: Usage, verifier: Usage | None = None, turn: bool = False) -> Node:
    node = Node(
        index=len(tree.nodes),
        parent=parent.index,
        ordinal=0,
        depth=parent.depth + 1,
        length=0 if turn else parent.length + size,
        seed=0,
        ids=array("i", range(size)),
        text="x",
        finish="step",
        cost=Cost(engine=engine, verifier=verifier or Usage()),
        turn=turn,
    )
    tree.nodes.append(node)
    return node


def sampled(prompt: int, lengths: Sequence[int], judged: bool = False) -> Tree:
    """A tree of independent samples: the first computes the prompt, the others find it cached, all but its last token,
    that each computes for itself."""
    tree = grown(prompt)
    for place, length in enumerate(lengths):
        computed = 1 if place else prompt
        written = Usage(prompt_tokens=computed, cached_tokens=prompt - computed, generated_tokens=length)
        extra = 2 if place else prompt
        read = Usage(scored_tokens=extra + length, cached_tokens=prompt - extra, calls=1)
        add(tree, tree.root, length, written, read if judged else None)
    return tree


def test_kinetics_closed_form() -> None:
    """C = 2NP(L_in + L_out) + attention, and I times 2 L_in D L_out + N D L_out^2 bytes, up to whole tokens."""
    n, before, after = 5, 40, 90
    tree = grown(before)
    for place in range(n):
        p = before if place == 0 else 0
        add(tree, tree.root, after, Usage(prompt_tokens=p, cached_tokens=before - p, generated_tokens=after))
    done = account(tree, MODELS).engine
    heads = 3 * 10
    attention = 4 * heads * (before * (before + 1) / 2 + n * (before * after + after * (after + 1) / 2))
    assert done.flops == 2 * 1000 * (before + n * after) + attention
    kept = 3 * 8
    assert done.read == 2 * kept * (before * after + n * after * (after + 1) / 2)
    assert done[:3] == (before, (n - 1) * before, n * after)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Any tree of steps and later prompts, with any part of what each step follows upon cached."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    tree = grown(rng.randint(1, 6))
    lengths = {0: len(tree.root.ids)}
    for _ in range(rng.randint(0, 12)):
        parent = rng.choice(tree.nodes)
        if rng.random() < 0.2:
            node = add(tree, parent, rng.randint(1, 5), Usage(), turn=True)
            lengths[node.index] = len(node.ids)
            continue
        size, above = rng.randint(0, 5), lengths[parent.index]
        cached = rng.randint(0, above)
        bill = Usage(prompt_tokens=above - cached, cached_tokens=cached, generated_tokens=size)
        node = add(tree, parent, size, bill)
        lengths[node.index] = above + size
    return tree


def tokens_above(tree: Tree, node: Node) -> list[tuple[int, int]]:
    """Every token from its prompt up to the node, as the node that holds it and its place there."""
    above = [] if node.starts else tokens_above(tree, tree.nodes[node.parent])
    return above + [(node.index, place) for place in range(len(node.ids))]


@settings(deadline=None)
@given(trees())
def test_every_token_counted_by_itself(tree: Tree) -> None:
    flops = 0.0
    readers: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for node in tree.nodes[1:]:
        if node.starts:
            continue
        path = tokens_above(tree, node)
        start = tree.path(node).start.index
        bill, above = node.cost.engine, len(path) - len(node.ids)
        positions = [*range(bill.cached_tokens, bill.cached_tokens + bill.prompt_tokens), *range(above, len(path))]
        flops += sum(WRITER.flops(1, position + 1) for position in positions)
        for position in range(above, len(path)):
            # Paths of one prompt are written side by side: what they share is read once.
            readers.setdefault((start, position), set()).update(path[: position + 1])
    done = account(tree, MODELS).engine
    assert done.flops == pytest.approx(flops)
    assert done.read == sum(map(len, readers.values())) * TOKEN


lengths = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@settings(deadline=None)
@given(lengths, st.integers(1, 6), st.integers(5, 12))
def test_some_of_a_pools_samples_cost_what_they_would_have_cost_alone(sizes: list[int], n: int, prompt: int) -> None:
    n = min(n, len(sizes))
    pool = account(sampled(prompt, sizes, judged=True), MODELS)
    subsets = [account(sampled(prompt, subset, judged=True), MODELS) for subset in combinations(sizes, n)]
    for mine, alone in zip(
        pool.of(n, len(sizes)), ([s.engine for s in subsets], [s.verifier for s in subsets]), strict=True
    ):
        mean = Work(*(sum(each) / len(alone) for each in zip(*alone, strict=True)))
        assert mine[:3] == pytest.approx(mean[:3])
        assert mine.read == pytest.approx(mean.read)
        assert mine.flops == pytest.approx(mean.flops)


@settings(deadline=None)
@given(kinds=st.lists(st.sampled_from("abc"), min_size=2, max_size=7), n=st.integers(1, 7), prompt=st.integers(2, 9))
def test_copies_are_judged_if_one_of_them_is_drawn(kinds: list[str], n: int, prompt: int) -> None:
    """The first of a kind pays for all of it, and the first of all for the prompt, whichever are drawn."""
    lengths = {"a": 3, "b": 5, "c": 8}

    def pool(drawn: Sequence[str]) -> Tree:
        tree = grown(prompt)
        for place, kind in enumerate(drawn):
            extra = 1 if place else prompt
            read = Usage(scored_tokens=extra + lengths[kind], cached_tokens=prompt - extra, calls=1)
            node = add(tree, tree.root, lengths[kind], Usage(), Usage() if kind in drawn[:place] else read)
            node.text, node.score = kind, 0.5
        return tree

    n = min(n, len(kinds))
    alone = [account(pool(subset), MODELS).verifier for subset in combinations(kinds, n)]
    told = account(pool(kinds), MODELS).of(n, len(kinds))[1]
    assert told.computed == pytest.approx(sum(each.computed for each in alone) / len(alone))
    assert told.cached == pytest.approx(sum(each.cached for each in alone) / len(alone))
    assert told.flops == pytest.approx(sum(each.flops for each in alone) / len(alone))


def test_all_of_a_pool_is_the_pool() -> None:
    whole = account(sampled(20, [7, 3, 9, 4], judged=True), MODELS)
    engine, verifier = whole.of(4, 4)
    assert engine == pytest.approx(whole.engine)
    assert verifier == pytest.approx(whole.verifier)


def test_samples_that_were_never_begun_cost_nothing_of_their_own() -> None:
    """A search that broke down after two samples of four: any one of the four cost half a sample on average."""
    broken = account(sampled(1, [6, 6]), {})
    assert broken.of(1, 4)[0].written == 3
    assert broken.of(2, 4)[0].written == 6


def test_where_every_sample_computes_the_prompt_none_of_it_is_shared() -> None:
    tree = grown(10)
    for _ in range(4):
        add(tree, tree.root, 5, Usage(prompt_tokens=10, generated_tokens=5))
    assert account(tree, MODELS).of(1, 4)[0].computed == 10


def test_a_sample_that_was_not_judged_says_nothing_of_the_verifiers_prompt() -> None:
    tree = sampled(10, [5, 5, 5, 5], judged=True)
    tree.nodes[2].cost = replace(tree.nodes[2].cost, verifier=Usage())
    assert account(tree, MODELS).once_verifier.computed == 10 - 2


@pytest.mark.parametrize(("n", "pool"), [(0, 4), (5, 4)])
def test_more_samples_than_there_are_cannot_be_drawn(n: int, pool: int) -> None:
    with pytest.raises(ValueError, match=f"{n} samples of {pool}"):
        account(sampled(3, [2] * 4), MODELS).of(n, pool)


def test_what_left_no_step_lies_where_the_rest_lies() -> None:
    tree = sampled(4, [6])
    known = account(tree, MODELS).engine
    tree.root.cost = Cost(engine=Usage(prompt_tokens=2, generated_tokens=8))
    done = account(tree, MODELS).engine
    # Ten tokens at positions 1 to 10 were written down, ten more are as far up on average.
    assert done.flops == pytest.approx(2 * known.flops)
    assert done.read == pytest.approx(known.read + 8 * 5.5 * TOKEN)
    assert done.written == 14


def test_a_search_that_left_nothing_but_a_bill_has_a_cost() -> None:
    tree = grown(7)
    tree.root.cost = Cost(engine=Usage(prompt_tokens=7, generated_tokens=3))
    done = account(tree, MODELS).engine
    assert done.flops == WRITER.flops(10, 70)


def test_calls_share_a_verifiers_bill() -> None:
    """Two readings of six tokens each, half of them cached, are two spans of positions 4 to 6."""
    tree = grown(3)
    add(tree, tree.root, 3, Usage(), Usage(scored_tokens=6, cached_tokens=6, calls=2))
    assert account(tree, MODELS).verifier.flops == JUDGE.flops(6, 2 * (4 + 5 + 6))


def test_a_verifier_that_writes_reads_its_own_keys_and_values() -> None:
    tree = grown(3)
    add(tree, tree.root, 3, Usage(), Usage(prompt_tokens=4, generated_tokens=4, calls=1))
    done = account(tree, MODELS).verifier
    assert (done.computed, done.written) == (4, 4)
    assert done.read == 4 * 4.5 * 2 * 2 * 4


def test_a_verifier_that_runs_no_model_costs_nothing_though_it_has_no_shape() -> None:
    tree = grown(3)
    add(tree, tree.root, 3, Usage(generated_tokens=3), Usage(calls=1))
    assert account(tree, {"engine": WRITER}).verifier == Work()


def test_what_is_unknown_is_not_nothing() -> None:
    tree = sampled(5, [4, 4], judged=True)
    unknown = account(tree, {})
    assert (unknown.engine.computed, unknown.engine.written, unknown.verifier.computed) == (6, 8, 15)
    for work in (unknown.engine, unknown.verifier, *unknown.of(1, 2)):
        assert math.isnan(work.flops)
    assert math.isnan(unknown.engine.read) and math.isnan(unknown.of(1, 2)[0].read)
    narrow = account(tree, {"engine": Shape(parameters=3)}).engine
    assert narrow.flops == 2 * 3 * 14 and math.isnan(narrow.read)


def test_what_was_written_or_scored_elsewhere_and_not_counted_is_unknown() -> None:
    tree = grown(3)
    step = add(tree, tree.root, 0, Usage())
    done = account(tree, MODELS)
    assert all(math.isnan(each) for each in done.engine) and done.verifier == Work()
    assert all(math.isnan(each) for each in done.of(1, 1)[0])
    step.score = 0.5
    assert all(math.isnan(each) for each in account(tree, MODELS).verifier)
    # Rules look at every step and compute no tokens.
    step.cost = Cost(engine=Usage(generated_tokens=1), verifier=Usage(calls=1))
    assert account(tree, MODELS).verifier == Work()


def test_a_search_that_came_to_nothing_cost_nothing() -> None:
    assert account(grown(3), {}).engine == Work()


async def test_what_a_search_did_is_what_its_models_counted(new_search: SearchFactory) -> None:
    engine = ScriptedEngine(parameters=1000, layers=3, width=10, kv_width=8)
    verifier = ScriptedVerifier(parameters=500, layers=2, width=6)
    search = new_search(engine=engine, verifier=verifier)
    await search.run(Beam(n=8))
    made = account(search.tree, {"engine": engine.shape, "verifier": verifier.shape})
    used = engine.usage
    assert made.engine[:3] == (used.prompt_tokens, used.cached_tokens, used.generated_tokens)
    assert made.verifier.computed == verifier.usage.scored_tokens
    flat = account(search.tree, {"engine": Shape(parameters=1000), "verifier": Shape(parameters=500)})
    assert (flat.engine.flops, flat.verifier.flops) == (used.flops, verifier.usage.flops)
    assert made.engine.flops > flat.engine.flops and made.verifier.flops > flat.verifier.flops


async def test_each_of_two_engines_pays_its_own_rate(new_search: SearchFactory) -> None:
    draft, target = ScriptedEngine(success=0.6, parameters=3, layers=1, width=1), ScriptedEngine(parameters=50)
    search = new_search(engine=draft, partners={"target": target})
    await search.run(Rsd(n=4))
    spent = draft.usage.flops + target.usage.flops
    assert 0 < draft.usage.flops < target.usage.flops
    flat = {"engine": Shape(parameters=3), "partners.target": Shape(parameters=50)}
    assert account(search.tree, flat).engine.flops == pytest.approx(spent)
    attending = account(search.tree, {"engine": draft.shape, "partners.target": target.shape}).engine.flops
    least, most = (4 * tokens * (tokens + 1) / 2 for tokens in (1, draft.usage.generated_tokens + len(search.root.ids)))
    assert least < attending - spent < most


async def test_where_one_of_two_engines_is_unknown_so_are_the_flops(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(success=0.6), partners={"target": ScriptedEngine(parameters=50)})
    await search.run(Rsd(n=4))
    done = account(search.tree, {"engine": None, "partners.target": Shape(parameters=50)}).engine
    assert math.isnan(done.flops) and done.written > 0


async def test_a_pool_of_one_search_is_as_the_strategy_left_it(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(parameters=10), verifier=ScriptedVerifier(parameters=10))
    await search.run(Sample(n=12))
    made: Account = account(search.tree, MODELS)
    prompt = len(search.tree.root.ids)
    assert (made.once_engine.computed, made.once_verifier.computed) == (prompt, prompt)
    assert made.of(1, 12)[0].computed == prompt
    assert made.of(3, 12)[0].written == pytest.approx(made.engine.written / 4)
