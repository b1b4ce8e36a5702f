"""From a study to a policy that a search can follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated import RUN, TOKENS, outcome, pools, solved, study

from outthink.errors import UsageError
from outthink.registry import make_engine, make_verifier
from outthink.runs import Store
from outthink.runs.recipe import parse_recipe
from outthink.runs.runner import run
from outthink.solver import Solver
from outthink.strategies.auto import Auto
from outthink.strategies.beam import Beam
from outthink.strategies.parts.policy import load_policy
from outthink.strategies.sample import Sample
from outthink.study.compute_optimal import Predicted, if_known, if_predicted, if_shared
from outthink.study.difficulty import Difficulty, quantiles
from outthink.study.policy_file import write_policy, write_shares
from outthink.study.study import Study, load_study

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted"},
    "engine": "scripted",
    "verifier": "scripted",
    "strategies": [
        {"kind": "sample", "n": 16, "select": ["majority", "weighted"]},
        {"kind": "beam", "n": 4, "width": 2, "name": "beam-4", "select": ["majority", "weighted"]},
    ],
}


def made(selections: tuple[str, ...] = ("weighted",), *, seeds: int = 2, problems: int = 80) -> Study:
    """Half of the problems are easy; on the others sampling hardly ever is right and a search of 4 seats mostly is."""
    rng = np.random.default_rng(0)
    chances = {f"p{i:02}": 0.9 if i % 2 else 0.05 for i in range(problems)}
    searches = []
    for seed in range(seeds):
        for name, p in chances.items():
            right = rng.random() < (0.5 if p > 0.5 else 0.8)
            # Four votes with a full score each, so that the pilots of a hard problem cannot overrule them.
            each = [solved(right, 0.99)] * 4
            searches.append(outcome(name, each, n=4, strategy="beam", seed=seed, pooled=False))
    return study([*pools(chances, 16, seeds=seeds), *searches], [1, 2, 4, 8, 16], selections)


def chosen(decisions: Any) -> list[list[str]]:
    return [[f"{each.cell.method.strategy} {each.cell.n}" for each in one.choices] for one in decisions]


def halves(ease: NDArray[np.float64]) -> Difficulty:
    return quantiles(ease, 2)


def test_difficulty_known() -> None:
    decisions = if_known(made(), RUN, levels=halves)
    assert [each.budget for each in decisions] == [1, 2, 4, 8, 16]
    assert [each[1] for each in chosen(decisions)][2:] == ["beam 4"] * 3
    assert all(each[0].startswith("sample") for each in chosen(decisions))
    for each in decisions[2:]:
        assert each.gain.interval is not None and each.gain.interval.low > 0.1
        assert each.cost <= each.budget


def test_with_one_seed_half_of_the_solutions_tell_the_difficulty() -> None:
    decisions = if_known(made(seeds=1), RUN, levels=halves)
    assert [each.budget for each in decisions] == [1, 2, 4, 8]
    assert chosen(decisions)[2][1] == "beam 4"


def test_difficulty_predicted() -> None:
    learned = if_predicted(made(), RUN, pilots=2, parts=2)
    assert [each.budget for each in learned.decisions] == [2, 4, 8, 16]
    # Four seats after two pilots do not fit into four samples.
    assert [each[1].split()[0] for each in chosen(learned.decisions)] == ["sample", "sample", "beam", "beam"]
    best = learned.decisions[2]
    assert best.gain.interval is not None and best.gain.interval.low > 0.1
    assert 0.5 * 6 <= best.cost <= 8 and best.single_cost <= 8
    assert (learned.by, learned.how, learned.problems, learned.seeds) == ("score", "last", 80, 2)


def test_pilots_alone_gain_nothing() -> None:
    """Of a pool they are solutions like others: with one level there is nothing to tell, and nothing is lost."""
    only_pools = study(pools({f"p{i:03}": i / 200 for i in range(200)}, 8, seeds=2), [2, 4, 8], ["majority"])
    learned = if_predicted(only_pools, RUN, pilots=2, parts=1)
    for decision in learned.decisions:
        assert decision.gain.interval is not None and decision.gain.interval.low <= 0 <= decision.gain.interval.high
        assert decision.gain.value == pytest.approx(0, abs=0.03)
        assert decision.cost <= decision.budget and decision.single_cost <= decision.budget


def test_budgets_may_be_tokens() -> None:
    learned = if_predicted(made(), RUN, pilots=2, parts=2, axis="tokens")
    # Five percent more is as much: a search of 4 that writes a little more than 4 samples is among the methods of 4.
    assert [each.budget for each in learned.decisions] == pytest.approx([1.05 * n * TOKENS for n in (2, 4, 8, 16)])
    (known,) = if_known(made(), RUN, axis="flops", budgets=[1e4], levels=halves)
    assert chosen([known])[0][1] == "beam 4"


def test_a_pool_is_shared_out_where_that_leaves_a_choice() -> None:
    shared = if_shared(made(("majority", "weighted", "oracle")), RUN, pilots=2)
    # Not the pilots alone, nor the whole pool; a search cannot be shared out, nor an oracle be asked.
    assert [(method.strategy, method.selection, each.each) for method, each in shared.allocations] == [
        ("sample", selection, n) for n in (4, 8) for selection in ("majority", "weighted")
    ]
    assert all(each.counts.mean() == each.each for _, each in shared.allocations)
    ((method, _),) = if_shared(made(("majority", "weighted")), RUN, pilots=4, selection="weighted").allocations
    assert method.selection == "weighted"


def test_what_cannot_be_chosen_is_not() -> None:
    (found,) = if_known(made(("weighted", "oracle")), RUN, budgets=[16], levels=halves)
    assert {each.cell.method.selection for each in found.choices} == {"weighted"}
    with pytest.raises(UsageError, match="run 'run' has no method to choose from with best"):
        if_known(made(), RUN, selection="best")
    with pytest.raises(UsageError, match="'other' has no"):
        if_predicted(made(), "other")


def test_a_policy_is_written_and_read_back(tmp_path: Path) -> None:
    learned = if_predicted(made(), RUN, pilots=2, parts=2, budgets=[2, 8])
    path = tmp_path / "policy.yaml"
    policy = write_policy(path, learned, parse_recipe(RECIPE, "recipe"), "studies/mine")
    assert policy == load_policy(path)
    assert policy.edges == pytest.approx(learned.decisions[0].edges)
    assert [row.budget for row in policy.rows] == [2, 8]
    assert policy.rows[0].after == (None, None)
    easy, hard = policy.rows[1].after
    assert isinstance(easy, Sample | None) and hard == Beam(n=4, width=2)
    assert [policy.samples(row) for row in policy.rows] == [2, 2 + max(4, easy.n if easy else 0)]
    text = path.read_text()
    for part in ("select: weighted", "predictor: score", "study: studies/mine", "problems: 80", "single: ", "gain: ["):
        assert part in text


def test_samples_shared_out_are_a_policy_too(tmp_path: Path) -> None:
    shared = if_shared(made(), RUN, pilots=2, parts=2)
    policy = write_shares(tmp_path / "shares.yaml", shared, "studies/mine")
    assert policy == load_policy(tmp_path / "shares.yaml")
    assert (policy.pilots, policy.edges) == (2, shared.allocations[0][1].edges)
    assert [row.budget for row in policy.rows] == [4, 8]
    for row, (_, each) in zip(policy.rows, shared.allocations, strict=True):
        assert [2 + (0 if after is None else after.samples) for after in row.after] == list(each.by_level)
        # Two levels of as many problems: hard ones are given what easy ones do not need, and no more than there is.
        assert each.by_level[0] <= each.each <= each.by_level[1] and sum(each.by_level) <= 2 * each.each
    assert shared.allocations[-1][1].by_level == (7, 9)
    assert "as_many_for_each: [" in (tmp_path / "shares.yaml").read_text()


def test_nothing_to_share_out_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no budget between 8 pilots and the whole of its pools"):
        write_shares(tmp_path / "shares.yaml", if_shared(made(), RUN, pilots=8), "mine")


def test_one_selection_only_can_be_written(tmp_path: Path) -> None:
    both = made(("majority", "weighted"))
    one, other = (
        if_predicted(both, RUN, pilots=2, parts=2, budgets=[8], selection=each) for each in ("weighted", "majority")
    )
    assert "select: weighted" in written(tmp_path / "one.yaml", one)
    with pytest.raises(UsageError, match="chooses between the selections weighted last, majority"):
        written(tmp_path / "both.yaml", replace(one, decisions=one.decisions + other.decisions))


def written(path: Path, learned: Predicted) -> str:
    write_policy(path, learned, parse_recipe(RECIPE, "recipe"), "mine")
    return path.read_text()


@pytest.mark.slow
async def test_a_policy_is_worth_what_the_study_said(tmp_path: Path) -> None:
    """Learned from one seed's searches, followed with others: as often right, for as many samples."""
    recipe = {
        **RECIPE,
        "problems": {"source": "builtin:scripted", "limit": 600},
        "engine": {"kind": "scripted", "steps": 4, "success": 0.7, "wrong_answers": 3},
        "verifier": {"kind": "scripted", "noise": 0.25},
        "strategies": [{"kind": "sample", "n": 16, "select": "weighted"}, {"kind": "beam", "n": 8}],
    }
    checked = parse_recipe(recipe, "recipe")
    await run(checked, tmp_path)
    learned = if_predicted(await load_study({"": tmp_path}), "", pilots=4, parts=3, budgets=[8, 12])
    assert {name.split()[0] for each in chosen(learned.decisions) for name in each} == {"sample", "beam"}
    write_policy(tmp_path / "policy.yaml", learned, checked, "mine")
    async with Solver(engine=make_engine(checked.engine), verifier=make_verifier(recipe["verifier"])) as solver:
        with Store.read(tmp_path) as store:
            problems = store.problems()
        for decision in learned.decisions:
            auto = Auto(policy=str(tmp_path / "policy.yaml"), n=int(decision.budget))
            found = [await solver.solve(problem, auto, seed=seed) for seed, problem in enumerate(problems, 1)]
            assert np.mean([each.correct for each in found]) == pytest.approx(decision.accuracy.value, abs=0.06)
            # In the folds other choices may have been made, with other costs.
            cost = sum(each.share * each.cell.costs["samples"].mean() for each in decision.choices)
            assert np.mean([len(each.tree.leaves) for each in found]) == pytest.approx(cost, rel=0.05)


@pytest.mark.slow
async def test_samples_are_shared_out_while_searching_as_in_the_study(tmp_path: Path) -> None:
    """Learned from one seed's pools, followed with others: as often right, for as many samples on average."""
    recipe = {
        **RECIPE,
        "problems": {"source": "builtin:scripted", "limit": 300},
        "engine": {"kind": "scripted", "steps": 4, "success": 0.7, "wrong_answers": 3},
        "verifier": {"kind": "scripted", "noise": 0.25},
        "strategies": [{"kind": "sample", "n": 16, "select": "weighted"}],
    }
    checked = parse_recipe(recipe, "recipe")
    await run(checked, tmp_path)
    shared = if_shared(await load_study({"": tmp_path}), "", pilots=4, parts=3)
    policy = write_shares(tmp_path / "shares.yaml", shared, "mine")
    async with Solver(engine=make_engine(checked.engine), verifier=make_verifier(recipe["verifier"])) as solver:
        with Store.read(tmp_path) as store:
            problems = store.problems()
        auto = Auto(policy=str(tmp_path / "shares.yaml"), n=policy.samples(policy.rows[0]))
        found = [await solver.solve(problem, auto, seed=seed) for seed, problem in enumerate(problems, 1)]
    ((_, learned),) = shared.allocations
    assert np.mean([each.correct for each in found]) == pytest.approx(learned.accuracy.value, abs=0.06)
    assert np.mean([len(each.tree.leaves) for each in found]) == pytest.approx(learned.each, rel=0.1)
    assert learned.each == 8 and auto.n > 8
