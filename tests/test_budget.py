import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.budget import Budget, Grant, Ledger, flops_per_token
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import BudgetExhausted, UsageError
from outthink.options import make
from outthink.verifiers.rules import Rules
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


@pytest.mark.parametrize("field", ["samples", "tokens", "seconds", "flops"])
def test_a_limit_of_nothing_is_refused_by_name(field: str) -> None:
    with pytest.raises(UsageError, match=rf"budget\.{field} is 0"):
        Budget(**{field: 0})


def test_a_limit_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match=r"budget\.flops is nan"):
        Budget(flops=math.nan)


def test_budgets_compose_to_the_tighter_of_each_limit() -> None:
    one, other = Budget(samples=4, tokens=100, flops=3e9), Budget(samples=8, seconds=2.0, flops=1e9)
    assert one & other == other & one == Budget(samples=4, tokens=100, seconds=2.0, flops=1e9)
    assert one & Budget() == one


def test_a_recipe_names_flops_like_any_other_limit() -> None:
    assert make(Budget, {"flops": 2e12}, "budget") == Budget(flops=2e12)


def test_seats_come_back_only_when_returned() -> None:
    ledger = Ledger(Budget(samples=4))
    ledger.take_seats(3)
    with pytest.raises(BudgetExhausted, match="samples"):
        ledger.take_seats(2)
    ledger.return_seat()
    ledger.take_seats(2)


def settle(ledger: Ledger, grant: Grant, tokens: int = 0, flops: float = 0.0) -> None:
    ledger.wrote(grant, tokens, flops)
    ledger.judged(grant, 0.0)


async def test_tokens_are_waited_for_while_others_may_give_some_back() -> None:
    ledger = Ledger(Budget(tokens=100))
    first = await ledger.take(80)
    assert first.tokens == 80
    waiting = asyncio.create_task(ledger.take(80))
    await asyncio.sleep(0)
    assert not waiting.done()
    settle(ledger, first, tokens=10)
    second = await waiting
    assert second.tokens == 80
    settle(ledger, second, tokens=80)
    third = await ledger.take(80)
    assert third.tokens == 10
    settle(ledger, third, tokens=10)
    with pytest.raises(BudgetExhausted, match="tokens"):
        await ledger.take(1)


async def test_a_search_does_not_end_before_what_it_wrote_is_judged() -> None:
    ledger = Ledger(Budget(tokens=10))
    grant = await ledger.take(10)
    ledger.wrote(grant, 10, 0.0)
    waiting = asyncio.create_task(ledger.take(5))
    await asyncio.sleep(0)
    assert not waiting.done()
    ledger.judged(grant, 0.0)
    with pytest.raises(BudgetExhausted, match="tokens"):
        await waiting


async def test_flops_are_set_aside_at_their_worst_and_given_back() -> None:
    ledger = Ledger(Budget(flops=1000.0))
    grant = await ledger.take(50, prefix=20, writing=4.0, judging=2.0)
    assert (grant.tokens, grant.writing, grant.judging) == (50, 280.0, 140.0)
    waiting = asyncio.create_task(ledger.take(90, prefix=20, writing=4.0, judging=2.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    ledger.wrote(grant, 50, 200.0)
    ledger.judged(grant, 100.0)
    # 700 are left: at 6 a token that is 116, of which 20 may be read again.
    second = await waiting
    assert second.tokens == 90
    settle(ledger, second, tokens=90, flops=660.0)
    with pytest.raises(BudgetExhausted, match="flops"):
        await ledger.take(1, prefix=6, writing=4.0, judging=2.0)


async def test_the_limit_that_was_met_is_named() -> None:
    for budget, limit in ((Budget(tokens=5, flops=1e9), "tokens"), (Budget(tokens=10**9, flops=10.0), "flops")):
        ledger = Ledger(budget)
        settle(ledger, await ledger.take(100, writing=2.0), tokens=5, flops=10.0)
        with pytest.raises(BudgetExhausted, match=limit):
            await ledger.take(100, writing=2.0)


@given(
    st.integers(1, 300),
    st.floats(1, 5000),
    st.lists(st.tuples(st.integers(1, 100), st.integers(0, 60), st.floats(0, 1)), min_size=1, max_size=12),
)
def test_no_order_of_events_spends_more_than_the_budget(
    tokens: int, flops: float, requests: list[tuple[int, int, float]]
) -> None:
    spent = [0, 0.0]

    async def request(ledger: Ledger, wanted: int, prefix: int, share: float) -> None:
        try:
            grant = await ledger.take(wanted, prefix=prefix, writing=3.0, judging=2.0)
        except BudgetExhausted:
            return
        await asyncio.sleep(0)
        used = int(grant.tokens * share)
        ledger.wrote(grant, used, grant.writing * share)
        spent[0], spent[1] = spent[0] + used, spent[1] + grant.writing * share
        await asyncio.sleep(0)
        ledger.judged(grant, grant.judging)
        spent[1] += grant.judging

    async def all_at_once() -> None:
        ledger = Ledger(Budget(tokens=tokens, flops=flops))
        await asyncio.wait_for(asyncio.gather(*(request(ledger, *each) for each in requests)), timeout=5)

    asyncio.run(all_at_once())
    assert spent[0] <= tokens and spent[1] <= flops * (1 + 1e-12)


async def test_without_a_limit_nothing_is_counted() -> None:
    ledger = Ledger(Budget(samples=1))
    assert not ledger.metered
    assert (await ledger.take(10**9)).tokens == 10**9


def test_a_models_size_says_what_a_token_costs() -> None:
    assert flops_per_token(ScriptedEngine(parameters=7), "engine") == 14.0
    assert flops_per_token(ScriptedVerifier(), "verifier") == 0.0
    assert flops_per_token(Rules(), "verifier") == 0.0
    for model, role in ((ScriptedEngine(), "engine"), (object(), "verifier")):
        with pytest.raises(UsageError, match=rf"{role}\.parameters"):
            flops_per_token(model, role)
