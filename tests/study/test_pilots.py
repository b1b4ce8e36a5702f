"""What pools would have been worth to a search that looks at its first few solutions."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from simulated import RUN, TOKENS, outcome, pool, pools, solved, study

from outthink.errors import UsageError
from outthink.study.cells import Method, is_right
from outthink.study.pilots import after_pilots, draw_pilots, shuffled

MAJORITY = Method(RUN, "sample", "majority", None)
WEIGHTED = Method(RUN, "sample", "weighted", "last")


def test_pilots_are_drawn_at_random_and_always_alike() -> None:
    first = outcome("p", [solved(i < 8, i / 16) for i in range(14)], n=16)
    seats = shuffled(first)
    assert seats == shuffled(first)
    assert sorted(each.scores for each in seats if each) == [each.scores for each in first.solved]
    assert seats.count(None) == 2
    # Not those that were written first, and others for another problem.
    assert [seat for seat in seats if seat] != list(first.solved)
    assert [seat is None for seat in seats] != [seat is None for seat in shuffled(replace(first, problem="q"))]


def test_ease_is_what_the_pilots_look_like() -> None:
    made = study([outcome("p", [solved(True, 0.9)] * 2, n=2), outcome("q", [solved(False, 0.4)], n=2)], [2])
    pilots = draw_pilots(made, RUN, 2)
    np.testing.assert_allclose(pilots.ease("score", "last"), [[0.9], [0.2]])
    np.testing.assert_allclose(pilots.ease("agreement", "last"), [[1.0], [0.5]])


@pytest.mark.parametrize("method", [MAJORITY, WEIGHTED, MAJORITY._replace(selection="oracle")], ids=str)
def test_what_follows_is_drawn_from_the_rest(method: Method) -> None:
    made = study([pool("p", 0.4, 9, np.random.default_rng(7), noise=0.3)], [4])
    pilots = draw_pilots(made, RUN, 3)
    seats = pilots.seats[0, 0]
    for n in (3, 4, 6, 9):
        subsets = [[*seats[:3], *rest] for rest in combinations(seats[3:], n - 3)]
        exact = np.mean([is_right([each for each in subset if each], method) for subset in subsets])
        assert pilots.chance((0, 0), n, method) == pytest.approx(exact, abs=0.2 if 3 < n < 9 else 1e-12)


def test_over_all_pilots_it_is_what_the_pool_is_worth() -> None:
    """Pilots are as good as any other solutions, so on average they change nothing."""
    made = study(pools({f"p{i:03}": i / 300 for i in range(300)}, 12), [6], ["majority", "weighted"])
    pilots = draw_pilots(made, RUN, 3)
    for method in (MAJORITY, WEIGHTED):
        (with_pilots,) = after_pilots(made, pilots, [method], [6], scored=True)
        (plain,) = [cell for cell in made.cells if cell.method == method]
        assert with_pilots.accuracy.mean() == pytest.approx(plain.accuracy.mean(), abs=0.02)


def test_pilots_of_a_pool_cost_nothing_but_a_look() -> None:
    made = study(pools({"p": 0.5, "q": 0.5}, 8), [4])
    pilots = draw_pilots(made, RUN, 2)
    (looked,) = after_pilots(made, pilots, [MAJORITY], [1, 4], scored=True)
    (blind,) = after_pilots(made, pilots, [MAJORITY], [4], scored=False)
    (weighted,) = after_pilots(made, pilots, [WEIGHTED], [4], scored=True)
    assert looked.n == 4 and (looked.costs["samples"] == 4).all() and (looked.costs["tokens"] == 4 * TOKENS).all()
    assert (blind.costs["flops"] == 4 * 2 * TOKENS).all()
    # The verifier, a FLOP for each token, reads two pilots, or all four.
    assert (looked.costs["flops"] == 4 * 2 * TOKENS + 2 * TOKENS).all()
    assert (weighted.costs["flops"] == 4 * 3 * TOKENS).all()


def test_a_search_after_pilots_pays_for_them_and_hears_them() -> None:
    sampled = [outcome("p", [solved(True, 0.9)] * 4, n=4), outcome("q", [solved(True, 0.1)] * 4, n=4)]
    beams = [
        outcome("p", [solved(False, 0.5), solved(False, 0.5)], n=2, strategy="beam", pooled=False),
        outcome("q", [solved(False, 0.5), solved(False, 0.5)], n=2, strategy="beam", pooled=False),
    ]
    made = study([*sampled, *beams], [4])
    pilots = draw_pilots(made, RUN, 2)
    (cell,) = after_pilots(made, pilots, [Method(RUN, "beam", "weighted", "last")], [4], scored=True)
    assert cell.n == 2 and (cell.costs["samples"] == 4).all() and (cell.costs["tokens"] == 4 * TOKENS).all()
    # Two pilots of 0.9 outvote two solutions of 0.5, those of 0.1 do not.
    assert cell.accuracy.tolist() == [[1.0], [0.0]]
    failed = study([*sampled, *(replace(each, error="gone", solved=()) for each in beams)], [4])
    (cell,) = after_pilots(failed, pilots, [Method(RUN, "beam", "majority", None)], [4], scored=True)
    assert cell.accuracy.tolist() == [[0.0], [0.0]]


def test_without_scores_there_is_agreement_only() -> None:
    bare = [replace(each, solved=tuple(replace(one, scores=()) for one in each.solved)) for each in pools({"p": 1}, 4)]
    pilots = draw_pilots(study(bare, [4]), RUN, 4)
    assert pilots.ease("agreement", "last").tolist() == [[1.0]]
    with pytest.raises(UsageError, match="no scores to predict difficulty by"):
        pilots.ease("score", "last")


def test_pilots_come_from_pools() -> None:
    made = study(pools({"p": 0.5}, 4), [4])
    with pytest.raises(UsageError, match="'other' has no independent solutions"):
        draw_pilots(made, "other", 2)
    with pytest.raises(UsageError, match="pilots is 5; it must be between 1 and the 4"):
        draw_pilots(made, RUN, 5)
