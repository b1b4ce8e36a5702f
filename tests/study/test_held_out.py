from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import RUN, TOKENS, outcome, pool, pools, solved, study

from outthink.errors import UsageError
from outthink.study.account import Work
from outthink.study.cells import expense
from outthink.study.held_out import hold_out


def test_of_several_seeds_each_is_told_from_the_others() -> None:
    rights = {0: 4, 1: 1, 2: 3}
    made = study(
        [outcome("p", [solved(i < right, 0.5) for i in range(4)], n=4, seed=seed) for seed, right in rights.items()],
        [4],
    )
    ease, rest = hold_out(made, RUN)
    np.testing.assert_allclose(ease, [[(1 + 3) / 8, (4 + 3) / 8, (4 + 1) / 8]])
    assert rest is made


def test_of_one_seed_half_of_the_solutions_is_held_out() -> None:
    chances = {f"p{i:02}": 0.5 for i in range(40)}
    made = study(pools(chances, 9), [1, 2, 4, 8])
    ease, rest = hold_out(made, RUN)
    assert [each.n for each in rest.outcomes] == [5] * 40
    assert [cell.n for cell in rest.cells] == [1, 2, 4]
    held = [round(4 * value) for value in ease[:, 0]]
    for right, before, after in zip(held, made.outcomes, rest.outcomes, strict=True):
        assert right + sum(bool(each.correct) for each in after.solved) == sum(
            bool(each.correct) for each in before.solved
        )
    # A sample costs what it did.
    for name in ("tokens", "flops"):
        np.testing.assert_allclose(rest.cells[1].costs[name], made.cells[1].costs[name])  # type: ignore[index]
    assert (rest.cells[1].costs["tokens"] == 2 * TOKENS).all()


def test_half_a_pool_may_hold_fewer_solutions_than_the_whole_has_copies_of_one() -> None:
    whole = outcome("p", [solved(True, 0.5)] * 3 + [solved(False, 0.2)], n=4)
    copied = replace(whole, account=replace(whole.account, copied=((3, Work(computed=30.0, flops=30.0)),)))
    made = study([copied], [1, 2])
    ease, rest = hold_out(made, RUN)
    assert ease[0, 0] in (0.5, 1.0) and [each.n for each in rest.outcomes] == [2]
    assert [cell.n for cell in rest.cells] == [1, 2]
    for before, after in zip(made.cells, rest.cells, strict=True):
        assert after.costs == before.costs and not np.isnan(after.costs["flops"]).any()
    # The half by itself cannot tell what it cost, and does not pretend to.
    (half,) = rest.outcomes
    assert np.isnan(expense(half, 1, scored=True, prices=None)["tokens"])


def test_what_is_held_out_says_nothing_of_the_luck_of_the_rest() -> None:
    """Of problems that are all alike, those that seem easy are not the ones that are then got right."""
    made = study(pools({f"p{i:04}": 0.5 for i in range(600)}, 8), [1])
    ease, rest = hold_out(made, RUN)
    assert abs(np.corrcoef(ease[:, 0], rest.cells[0].accuracy[:, 0])[0, 1]) < 0.1
    two = study(pools({f"p{i:04}": 0.5 for i in range(600)}, 4, seeds=2), [1])
    ease, rest = hold_out(two, RUN)
    for seed in range(2):
        assert abs(np.corrcoef(ease[:, seed], rest.cells[0].accuracy[:, seed])[0, 1]) < 0.1


def test_other_searches_stay_as_they_are() -> None:
    beam = outcome("p", [solved(True, 0.5)], n=2, strategy="beam", pooled=False)
    made = study([pool("p", 0.5, 4, np.random.default_rng(0)), beam], [2])
    _, rest = hold_out(made, RUN)
    assert beam in rest.outcomes and len(rest.outcomes) == 2


def test_ungraded_problems_have_no_difficulty() -> None:
    made = study([replace(each, graded=each.problem == "p") for each in pools({"p": 0.5, "q": 0.5}, 4)], [2])
    ease, _ = hold_out(made, RUN)
    assert np.isnan(ease).tolist() == [[False], [True]]


def test_there_must_be_solutions_to_hold_out() -> None:
    with pytest.raises(UsageError, match="no pools of independent solutions"):
        hold_out(study(pools({"p": 0.5}, 1), [1]), RUN)
