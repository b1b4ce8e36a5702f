from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.engines.retry import FIRST_WAIT, LONGEST_WAIT, retry_after, wait


@given(st.integers(0, 10_000))
def test_waits_double_up_to_a_limit_and_differ(attempt: int) -> None:
    full = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt, 50))
    waits = [wait(attempt) for _ in range(5)]
    assert all(full / 2 <= each <= full for each in waits)
    assert len(set(waits)) > 1


@given(st.integers(0, 20), st.floats(0, 1000))
def test_what_the_server_asks_for_is_the_least_it_gets(attempt: int, after: float) -> None:
    assert after <= wait(attempt, after) <= after + LONGEST_WAIT


def test_both_spellings_of_retry_after_are_read() -> None:
    assert retry_after({"retry-after": "3"}) == 3.0
    assert retry_after({"retry-after": "0.5"}) == 0.5
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after({"retry-after": soon}) == pytest.approx(60, abs=5)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


@pytest.mark.parametrize("headers", [{}, {"retry-after": ""}, {"retry-after": "soon"}])
def test_what_cannot_be_read_asks_for_nothing(headers: dict[str, str]) -> None:
    assert retry_after(headers) is None
