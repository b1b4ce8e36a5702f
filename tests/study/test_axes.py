"""What a search cost, on every axis."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outthink.errors import RecipeError
from outthink.study.account import Account, Work
from outthink.study.axes import AXES, INTENSITY, Prices, Tariff, expense, machine_seconds, read_prices

ENGINE = Work(computed=100, cached=300, written=2000, flops=5e6, read=1e4)
JUDGE = Work(computed=2100, cached=50, written=0, flops=1e6, read=0)
SEARCH = Account(
    engine=ENGINE, verifier=JUDGE, once_engine=Work(), once_verifier=Work(), prompt=0.0, lengths=(500, 500, 500, 500)
)
TARIFF = Tariff(input=1.0, cached=0.5, output=4.0)


def spent(account: Account = SEARCH, **given: Any) -> dict[str, float]:
    return dict(expense(account, given.pop("seconds", 8.0), **({"n": 4, "scored": True} | given)))


def test_every_axis_of_a_whole_search() -> None:
    prices = Prices(engine=TARIFF, verifier=Tariff(input=2.0, output=2.0), hour=900.0)
    assert spent(prices=prices) == {
        "samples": 4.0,
        "tokens": 2000.0,
        "flops": 6e6,
        "memory_flops": 6e6 + INTENSITY * 1e4,
        "seconds": 8.0,
        "money": pytest.approx((100 + 150 + 8000) / 1e6 + 2 * 2150 / 1e6 + 2.0),
    }
    assert list(spent()) == list(AXES)


def test_what_reads_no_scores_is_not_charged_the_verifier() -> None:
    assert spent(scored=False)["flops"] == 5e6
    assert spent(scored=False, prices=Prices(engine=TARIFF))["money"] == pytest.approx(8250 / 1e6)


def test_a_verifier_that_writes_adds_to_the_tokens() -> None:
    search = Account(
        engine=ENGINE, verifier=Work(written=70), once_engine=Work(), once_verifier=Work(), prompt=0.0, lengths=()
    )
    assert (spent(search)["tokens"], spent(search, scored=False)["tokens"]) == (2070, 2000)


def test_some_of_a_pools_samples_take_their_share_of_everything() -> None:
    one = spent(n=1, pool=4, prices=Prices(hour=3600.0))
    assert (one["samples"], one["tokens"], one["flops"], one["seconds"], one["money"]) == (1, 500, 1.5e6, 2.0, 2.0)


def test_the_price_of_memory_is_an_option() -> None:
    assert spent(intensity=0.0)["memory_flops"] == spent()["flops"]


def test_what_is_unknown_is_nan() -> None:
    unknown = Work(computed=1, flops=math.nan, read=math.nan)
    costs = spent(
        Account(engine=unknown, verifier=Work(), once_engine=Work(), once_verifier=Work(), prompt=0, lengths=())
    )
    assert {axis for axis, value in costs.items() if math.isnan(value)} == {"flops", "memory_flops", "money"}


@pytest.mark.parametrize(
    ("prices", "scored", "known"),
    [
        (Prices(), True, False),
        (Prices(engine=TARIFF), True, False),
        (Prices(engine=TARIFF), False, True),
        (Prices(engine=TARIFF, hour=1.0), True, True),
        (Prices(hour=1.0), True, True),
        (Prices(verifier=TARIFF), True, False),
    ],
)
def test_money_is_known_if_there_is_a_price_for_all_that_was_done(prices: Prices, scored: bool, known: bool) -> None:
    assert math.isnan(spent(prices=prices, scored=scored)["money"]) is not known


def test_a_verifier_that_runs_no_model_needs_no_price() -> None:
    search = Account(engine=ENGINE, verifier=Work(), once_engine=Work(), once_verifier=Work(), prompt=0.0, lengths=())
    assert spent(search, prices=Prices(engine=TARIFF))["money"] == pytest.approx(8250 / 1e6)


def test_cached_tokens_cost_what_all_do_unless_they_have_a_price() -> None:
    assert Tariff(input=1.0, output=4.0).of(ENGINE) == pytest.approx(8400 / 1e6)


def test_prices_come_from_a_recipe() -> None:
    given = {"engine": {"input": 1, "cached": 0.5, "output": 4}, "hour": 2.5}
    assert read_prices(given, "prices") == Prices(engine=TARIFF, hour=2.5)
    assert read_prices({}, "prices") == Prices()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"engin": {}}, r"prices: unknown key 'engin'"),
        ({"engine": {"input": 1.0}}, r"prices\.engine\.output: "),
        ({"engine": {"input": "much", "output": 1}}, r"prices\.engine\.input: "),
        ({"verifier": {"input": 1, "output": -1}}, r"prices\.verifier: output is -1"),
        ({"verifier": {"input": 1, "output": math.nan}}, r"prices\.verifier: output is nan"),
        ({"engine": 3}, r"prices\.engine: expected options"),
        ({"hour": -1}, r"prices: hour is -1"),
        (5, r"prices: expected options"),
    ],
)
def test_prices_that_are_none_are_named(given: object, named: str) -> None:
    with pytest.raises(RecipeError, match=named):
        read_prices(given, "prices")


def test_the_machine_belongs_to_all_that_are_under_way() -> None:
    # Alone for two seconds, two at a time for four, three for six; then a pause, and one alone.
    spans = [(0.0, 12.0), (2.0, 12.0), (6.0, 12.0), (50.0, 51.0)]
    assert machine_seconds(spans) == [2 + 4 / 2 + 6 / 3, 4 / 2 + 6 / 3, 6 / 3, 1.0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=12))
def test_shares_of_time_add_up_to_the_time_something_was_under_way(drawn: list[tuple[int, int]]) -> None:
    spans = [(float(began), float(began + took)) for began, took in drawn]
    busy = sum(any(began <= moment < ended for began, ended in spans) for moment in range(70))
    shares = machine_seconds(spans)
    assert sum(shares) == pytest.approx(busy)
    assert all(0 <= share <= ended - began + 1e-9 for share, (began, ended) in zip(shares, spans, strict=True))
