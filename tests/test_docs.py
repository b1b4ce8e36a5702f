"""What the documentation shows does what it says."""

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.registry import kinds, make_strategy, signature
from outthink.strategies import Strategy

STRATEGIES = Path(__file__).parents[1] / "docs" / "strategies"


def _example() -> dict[str, Any]:
    """What the first block of the page on writing strategies defines."""
    block = re.search(r"```python\n(.*?)```", (STRATEGIES / "writing-one.md").read_text(), re.DOTALL)
    assert block is not None
    # The dataclass looks its module's names up under this name.
    defined: dict[str, Any] = {"__name__": __name__}
    exec(block[1], defined)
    return defined


async def test_the_worked_example_is_a_strategy(new_search: SearchFactory) -> None:
    halving = _example()["Halving"](n=8)
    assert isinstance(halving, Strategy) and make_strategy(halving) is halving
    digests = []
    for _ in range(2):
        search = new_search()
        await search.run(halving)
        assert len(search.tree.leaves) == 8
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.integers(1, 64))
def test_the_worked_example_shares_out_by_rank(scores: list[float], seats: int) -> None:
    shares = _example()["halve"](scores, seats, Random(0))
    assert sum(shares) <= seats and max(shares) == -(-seats // 2)
    # The next path may have as many: of two seats, each gets one.
    assert max(shares) in [share for share, score in zip(shares, scores, strict=True) if score == max(scores)]


@pytest.mark.parametrize("kind", kinds("strategies"))
def test_every_strategy_has_a_page_with_all_its_options(kind: str) -> None:
    page = (STRATEGIES / f"{kind.removesuffix('-online')}.md").read_text()
    missing = [option for option in signature("strategies", kind) if f"`{option}`" not in page]
    assert not missing
