import asyncio

import pytest

from outthink.budget import Budget, Ledger
from outthink.errors import BudgetExhausted, UsageError


@pytest.mark.parametrize("field", ["samples", "tokens", "seconds"])
def test_a_limit_of_nothing_is_refused_by_name(field: str) -> None:
    with pytest.raises(UsageError, match=rf"budget\.{field} is 0"):
        Budget(**{field: 0})


def test_budgets_compose_to_the_tighter_of_each_limit() -> None:
    assert Budget(samples=4, tokens=100) & Budget(samples=8, seconds=2.0) == Budget(samples=4, tokens=100, seconds=2.0)


def test_seats_come_back_only_when_returned() -> None:
    ledger = Ledger(Budget(samples=4))
    ledger.take_seats(3)
    with pytest.raises(BudgetExhausted, match="samples"):
        ledger.take_seats(2)
    ledger.return_seat()
    ledger.take_seats(2)


async def test_tokens_are_waited_for_while_others_may_give_some_back() -> None:
    ledger = Ledger(Budget(tokens=100))
    assert await ledger.take_tokens(80) == 80
    second = asyncio.create_task(ledger.take_tokens(80))
    await asyncio.sleep(0)
    assert not second.done()
    ledger.settle(80, 10)
    assert await second == 80
    ledger.settle(80, 80)
    assert await ledger.take_tokens(80) == 10
    ledger.settle(10, 10)
    with pytest.raises(BudgetExhausted, match="tokens"):
        await ledger.take_tokens(1)


async def test_without_a_token_limit_nothing_is_counted() -> None:
    ledger = Ledger(Budget(samples=1))
    assert await ledger.take_tokens(10**9) == 10**9
