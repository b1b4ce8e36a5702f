import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs outthink[transformers]")

from outthink.verifiers.backends.prefixes import Prefixes  # noqa: E402

PATHS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8).map(tuple), min_size=1, max_size=20)


def said_of(ids: tuple[int, ...], start: int) -> object:
    """Something that depends on every token and all before it, as keys and values do."""
    sums = [float(hash(ids[: end + 1]) % 1000) for end in range(len(ids))]
    return torch.tensor(sums[start:])[:, None]


@given(PATHS)
def test_what_is_found_is_what_was_added(paths: list[tuple[int, ...]]) -> None:
    prefixes = Prefixes(10_000)
    seen: set[tuple[int, ...]] = set()
    for ids in paths:
        longest = max(end for end in range(len(ids) + 1) if ids[:end] in seen or not end)
        assert prefixes.known(ids) == longest
        found = prefixes.find(ids)
        assert not found if longest == 0 else torch.equal(found[0], said_of(ids[:longest], 0))
        prefixes.add(ids, longest, [said_of(ids, longest)])
        seen |= {ids[:end] for end in range(1, len(ids) + 1)}
    # Every token is kept once, however many paths go through it.
    assert prefixes.tokens == len(seen)


@given(PATHS, st.integers(1, 12))
def test_it_never_keeps_more_than_it_has_room_for(paths: list[tuple[int, ...]], room: int) -> None:
    prefixes = Prefixes(room)
    for ids in paths:
        known = prefixes.known(ids)
        prefixes.add(ids, known, [said_of(ids, known)])
        assert prefixes.tokens <= room
        if found := prefixes.find(ids):
            assert torch.equal(found[0], said_of(ids[: len(found[0])], 0))


def test_what_was_not_used_the_longest_goes_first() -> None:
    prefixes = Prefixes(6)
    for ids in ((1, 1, 1), (2, 2, 2)):
        prefixes.add(ids, 0, [said_of(ids, 0)])
    prefixes.find((1, 1, 1))
    prefixes.add((3, 3, 3), 0, [said_of((3, 3, 3), 0)])
    assert [prefixes.known((token,) * 3) for token in (1, 2, 3)] == [3, 0, 3]


def test_what_follows_on_something_forgotten_is_dropped() -> None:
    prefixes = Prefixes(10)
    prefixes.add((1, 2, 3, 4), 2, [said_of((1, 2, 3, 4), 2)])
    assert prefixes.tokens == 0 and prefixes.find((1, 2, 3, 4)) == []


def test_all_tensors_of_a_prefix_are_found_together() -> None:
    prefixes = Prefixes(10)
    keys, gains = torch.rand(2, 3, 4, 5), torch.rand(4, 1)
    prefixes.add((1, 2, 3, 4), 0, [keys, gains])
    found = prefixes.find((1, 2, 9))
    assert torch.equal(found[0], keys[..., :2, :]) and torch.equal(found[1], gains[:2])
