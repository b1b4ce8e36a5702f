import pytest

from outthink.terminal.numbers import count, duration, percent, teraflop


def test_counts_agree_with_their_things() -> None:
    assert [count(1, "token"), count(1204, "token")] == ["1 token", "1,204 tokens"]
    assert count(2, "search", "searches") == "2 searches"


def test_percent() -> None:
    assert percent(0.4567) == "45.7"
    assert percent(0.4567, sign=True, digits=0) == "+46"
    assert percent(-0.0001, sign=True) == "+0.0"


def test_duration() -> None:
    assert duration(125.4) == "0:02:05"


@pytest.mark.parametrize(
    ("flops", "text"), [(0.0, "\N{EN DASH}"), (3.94e10, "0.039"), (1.54e12, "1.5"), (1.2351e15, "1,235")]
)
def test_teraflop_keeps_two_figures_where_it_is_small(flops: float, text: str) -> None:
    assert teraflop(flops) == text
