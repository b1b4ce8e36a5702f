from hypothesis import given
from hypothesis import strategies as st

from outthink.prefix import shared

IDS = st.lists(st.integers(0, 2), max_size=6)


@given(IDS, IDS, IDS)
def test_what_sequences_share_is_where_they_part(common: list[int], one: list[int], other: list[int]) -> None:
    apart = [*common, 7, *one], [*common, 8, *other]
    assert shared(*apart) == shared(*reversed(apart)) == len(common)


@given(IDS, IDS)
def test_a_prefix_is_shared_whole(common: list[int], rest: list[int]) -> None:
    assert shared(common, common + rest) == shared(common + rest, common) == len(common)
