from __future__ import annotations

from simulated import RUN, outcome, solved

from outthink.study.cells import Method, cells


def test_what_a_budget_is_worth_does_not_depend_on_the_others_that_are_asked_for() -> None:
    # A weighted vote over many subsets has no closed form: it is estimated from drawn ones.
    pool = [solved(seat % 3 == 0, score=0.1 + 0.05 * seat, wrong=seat % 2) for seat in range(16)]
    weighted = Method(RUN, "sample", "weighted", "last")

    def worth(*budgets: int) -> dict[int, float]:
        found = cells([outcome("p", pool, n=16)], [weighted], budgets, ["p"], [0])
        return {cell.n: cell.accuracy.item() for cell in found}

    alone = {n: worth(n)[n] for n in (4, 6, 8)}
    assert worth(4, 6, 8) == alone
    assert worth(8, 4, 6) == alone
    assert all(0 < value < 1 for value in alone.values()) and len(set(alone.values())) > 1
