from __future__ import annotations

import numpy as np
import pytest
from simulated import RUN, cell

from outthink.errors import UsageError
from outthink.study.cells import Method
from outthink.study.comparisons import compare, mean_cost
from outthink.study.intervals import paired_interval

RNG = np.random.default_rng(3)
BASE = Method(RUN, "base", "majority", None)


def results(chance: float, problems: int = 80, seeds: int = 1) -> np.ndarray:
    return (RNG.random((problems, seeds)) < chance).astype(float)


def test_each_method_meets_the_baseline_at_its_own_n() -> None:
    base = [cell(results(0.3), name="base", n=n) for n in (1, 4, 16)]
    other = [cell(results(0.6), name="a", n=n) for n in (4, 8, 32)]
    found = compare([*base, *other], BASE)
    assert [(each.n, each.baseline_n) for each in found] == [(4, 4), (8, 4), (32, 16)]
    ours, theirs = other[0].accuracy[:, 0], base[1].accuracy[:, 0]
    assert found[0].difference == pytest.approx((ours - theirs).mean())
    assert found[0].interval == pytest.approx(paired_interval(ours.tolist(), theirs.tolist()))
    assert found[0].baseline == BASE and found[0].problems == 80


def test_at_equal_tokens_the_baseline_has_its_largest_budget_that_costs_as_much() -> None:
    base = [cell(results(0.3), name="base", n=n, cost=100.0 * n) for n in (1, 2, 4, 8)]
    dear, cheap = cell(results(0.6), name="a", n=2, cost=450.0), cell(results(0.6), name="b", n=4, cost=90.0)
    (found,) = compare([*base, dear, cheap], BASE, axis="tokens")
    assert (found.method.strategy, found.baseline_n, found.cost, found.baseline_cost) == ("a", 4, 450.0, 400.0)


@pytest.mark.parametrize(("cost", "met"), [(399.9, 4), (381.0, 4), (380.0, 2), (400.0000000001, 4), (95.3, 1)])
def test_what_costs_a_little_less_by_chance_does_not_meet_a_far_smaller_budget(cost: float, met: int) -> None:
    base = [cell(results(0.3), name="base", n=n, cost=100.0 * n) for n in (1, 2, 4, 8)]
    other = cell(results(0.6), name="a", n=4, cost=cost)
    assert compare([*base, other], BASE, axis="tokens")[0].baseline_n == met


def test_samples_are_counted_to_the_last() -> None:
    base = [cell(results(0.3), name="base", n=n) for n in (63, 64, 65)]
    assert compare([*base, cell(results(0.6), name="a", n=64)], BASE)[0].baseline_n == 64


def test_only_problems_that_both_have_are_compared() -> None:
    base, other = results(0.5), results(0.5)
    base[:30], other[70:] = np.nan, np.nan
    (found,) = compare([cell(base, name="base"), cell(other)], BASE)
    assert found.problems == 40
    assert found.difference == pytest.approx((other - base)[30:70].mean())


def test_nothing_in_common_is_no_comparison() -> None:
    base, other = results(0.5), results(0.5)
    base[:40], other[40:] = np.nan, np.nan
    assert compare([cell(base, name="base"), cell(other)], BASE) == []


def test_methods_that_agree_everywhere_show_no_difference_and_rule_out_no_small_one() -> None:
    values = results(0.5, seeds=3)
    (found,) = compare([cell(values, name="base"), cell(values)], BASE)
    assert (found.difference, found.p_value, found.problems_needed) == (0.0, 1.0, None)
    assert found.interval == pytest.approx((-0.0458, 0.0458), abs=1e-4)


def test_seeds_are_pooled_before_problems_are_paired() -> None:
    base, other = results(0.4, seeds=3), results(0.6, seeds=3)
    (found,) = compare([cell(base, name="base"), cell(other)], BASE)
    assert found.interval == pytest.approx(paired_interval(other.mean(axis=1).tolist(), base.mean(axis=1).tolist()))
    # More seeds, less noise, fewer problems needed.
    (single,) = compare([cell(base[:, :1], name="base"), cell(other[:, :1])], BASE)
    assert found.problems_needed is not None and single.problems_needed is not None
    assert found.problems_needed < 0.6 * single.problems_needed


def test_many_comparisons_are_adjusted_together() -> None:
    base = cell(results(0.5), name="base")
    found = compare([base, *(cell(results(0.5), name=f"m{i}") for i in range(6))], BASE)
    assert all(each.adjusted >= each.p_value for each in found)
    least = min(found, key=lambda each: each.p_value)
    assert least.adjusted == pytest.approx(min(1.0, 6 * least.p_value))


def test_a_baseline_has_to_be_there() -> None:
    with pytest.raises(UsageError, match="baseline run base majority has no results; there are: run a majority"):
        compare([cell(results(0.5))], BASE)


def test_unknown_costs_are_compared_with_nothing() -> None:
    unknown = cell(results(0.5), cost=float("nan"))
    assert np.isnan(mean_cost(unknown, "flops"))
    assert compare([cell(results(0.5), name="base"), unknown], BASE, axis="flops") == []
