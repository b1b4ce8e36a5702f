"""Auto: pilots, a level, and what the policy says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import RecipeError
from outthink.options import make
from outthink.search import Search
from outthink.strategies import Strategy
from outthink.strategies.auto import Auto
from outthink.strategies.parts.policy import Policy, ease, level, load_policy, save_policy
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

POLICY: dict[str, Any] = {
    "format": 1,
    "predictor": "score",
    "aggregate": "last",
    "pilots": 4,
    "select": "weighted",
    "axis": "samples",
    "edges": [0.5],
    "budgets": [
        {"budget": 8, "after": ["stop", {"kind": "beam", "n": 4, "width": 2}]},
        {"budget": 16, "after": [{"kind": "sample", "n": 12}, {"kind": "dvts", "n": 8}]},
    ],
    "provenance": {},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump({**POLICY, **changes}))
    return path


async def searched(new_search: SearchFactory, strategy: Strategy, success: float, **options: Any) -> Search:
    engine, verifier = ScriptedEngine(success=success, steps=3, parameters=3), ScriptedVerifier(parameters=2)
    budget = Budget(samples=strategy.samples) & options.pop("budget", Budget())
    search = new_search(engine=engine, verifier=verifier, budget=budget, **options)
    await search.run(strategy)
    assert (search.tree.cost.engine, search.tree.cost.verifier) == (engine.usage, verifier.usage)
    return search


@pytest.mark.parametrize(("n", "easy", "hard"), [(8, 4, 8), (15, 4, 8), (16, 16, 12), (99, 16, 12)])
async def test_the_policy_decides_by_the_pilots(
    new_search: SearchFactory, path: Path, n: int, easy: int, hard: int
) -> None:
    auto = Auto(policy=str(path), n=n)
    assert auto.samples == n and auto.ranks
    # A perfect verifier scores what is right above 0.5, and what is wrong below.
    surely = await searched(new_search, auto, 1.0)
    assert len(surely.tree.leaves) == easy
    hopeless = await searched(new_search, auto, 0.0)
    assert len(hopeless.tree.leaves) == hard
    assert surely.tree.stopped is hopeless.tree.stopped is None


async def test_the_pilots_are_those_of_any_sample_and_all_vote(new_search: SearchFactory, path: Path) -> None:
    search = await searched(new_search, Auto(policy=str(path), n=8), 0.0)
    assert [leaf.weight for leaf in search.tree.leaves] == [1.0] * 8
    roots = {search.tree.path(leaf).nodes[0].ordinal for leaf in search.tree.leaves}
    assert {0, 1, 2, 3} < roots


async def test_the_same_seed_gives_the_same_tree(new_search: SearchFactory, path: Path) -> None:
    digests = {(await searched(new_search, Auto(policy=str(path)), 0.6)).tree.digest() for _ in range(2)}
    assert len(digests) == 1


async def test_agreement_needs_no_verifier(new_search: SearchFactory, tmp_path: Path) -> None:
    budgets = [{"budget": 8, "after": ["stop", {"kind": "sample", "n": 4}]}]
    auto = Auto(policy=str(written(tmp_path, predictor="agreement", edges=[0.9], budgets=budgets)), n=8)
    assert not auto.ranks
    agreeing = new_search(engine=ScriptedEngine(success=1.0), scored=False)
    await agreeing.run(auto)
    assert len(agreeing.tree.leaves) == 4
    apart = new_search(engine=ScriptedEngine(success=0.0, wrong_answers=1000), scored=False)
    await apart.run(auto)
    assert len(apart.tree.leaves) == 8


@pytest.mark.parametrize(
    "limit", [Budget(tokens=1), Budget(tokens=90), Budget(samples=3), Budget(samples=5), Budget(flops=2e3)], ids=str
)
@pytest.mark.parametrize("success", [0.0, 0.7])
async def test_it_keeps_every_budget(new_search: SearchFactory, path: Path, limit: Budget, success: float) -> None:
    search = await searched(new_search, Auto(policy=str(path)), success, budget=limit)
    spent = search.tree.cost
    assert spent.engine.generated_tokens <= (limit.tokens or 10**9) and spent.flops <= (limit.flops or 1e99)
    assert len(search.tree.leaves) <= (limit.samples or 16)


def test_how_easy_a_problem_looks() -> None:
    assert ease("score", ["1", None], [0.5, None]) == 0.25
    assert ease("agreement", ["1", "2", "1", None], [None] * 4) == 0.5
    assert ease("agreement", [None], [None]) == 0.0
    assert [level(each, [0.3, 0.7]) for each in (0.9, 0.7, 0.69, 0.3, 0.1)] == [0, 0, 1, 1, 2]


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = save_policy(
        tmp_path / "p.yaml",
        predictor="agreement",
        aggregate="min",
        pilots=2,
        select="majority",
        axis="tokens",
        edges=[1 / 3],
        budgets={100.5: ["stop", {"kind": "ab-mcts", "n": 4, "partners": ("other",)}]},
        provenance={"gain": [0.1, 0.0, 0.2]},
    )
    assert isinstance(saved, Policy) and saved == load_policy(tmp_path / "p.yaml")
    assert (saved.edges, saved.rows[0].budget, saved.samples(saved.rows[0])) == ((1 / 3,), 100.5, 6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, r"format: Input should be 1 .got 2"),
        ({"edge": [0.1]}, "unknown key 'edge'; did you mean 'edges'"),
        ({"predictor": "luck"}, "predictor"),
        ({"select": "luck"}, "select"),
        ({"pilots": 0}, "pilots is 0; it must be at least 1"),
        ({"pilots": "4"}, r"pilots: .*valid integer"),
        ({"edges": [0.7, 0.3]}, r"edges are \[0\.7, 0\.3\]; they must ascend"),
        ({"edges": [float("nan"), 0.3]}, "they must ascend"),
        ({"edges": [0.3, 0.5]}, "budget 8 has 2 levels and the edges make 3"),
        ({"budgets": []}, "there must be some"),
        ({"budgets": POLICY["budgets"][::-1]}, "they must ascend"),
        ({"budgets": [{"budget": -1, "after": ["stop"] * 2}]}, r"budgets are \[-1\.0\]; .* above 0"),
        ({"budgets": [{"budget": True, "after": ["stop"] * 2}]}, r"budgets\.0\.budget: .*valid number"),
        ({"budgets": [{"budget": 8, "after": "stop"}]}, r"budgets\.0\.after: .*valid list"),
        ({"budgets": [{"budget": 8, "after": ["stop", "bean"]}]}, r"budgets\.0\.after\.1: .*'bean'"),
        ({"budgets": [{"budget": 8, "then": []}]}, r"budgets\.0: unknown key 'then'"),
    ],
)
def test_a_policy_that_is_none_is_refused_where_it_goes_wrong(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(RecipeError, match=message) as refused:
        load_policy(path)
    assert str(refused.value).startswith(str(path))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such file; a study writes policies"):
        make(Auto, {"policy": str(tmp_path / "none.yaml")}, "strategy")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(RecipeError, match="cannot be read as YAML"):
        load_policy(tmp_path / "bad.yaml")
    (tmp_path / "list.yaml").write_text("[1]")
    with pytest.raises(RecipeError, match="expected options by name"):
        load_policy(tmp_path / "list.yaml")


def test_too_small_a_budget_is_refused(path: Path) -> None:
    with pytest.raises(RecipeError, match="strategy: n is 7; the policy's smallest budget takes 8"):
        make(Auto, {"policy": str(path), "n": 7}, "strategy")
