"""Seeds that follow from seeds: the same for the same place in a search, whatever order things happen in."""

from __future__ import annotations

import zlib
from hashlib import blake2b

__all__ = ["child", "derive", "for_problem", "uniform"]


def derive(seed: int, *place: int) -> int:
    """A seed in [0, 2**31) for a place (an ordinal, a depth, a purpose) below `seed`."""
    digest = blake2b(repr((seed, place)).encode(), digest_size=4).digest()
    # 31 bits: engines take 32 and read the largest value as "draw one for me".
    return int.from_bytes(digest, "big") >> 1


def child(seed: int, ordinal: int) -> int:
    """The seed of a node's child with this number, from the node's."""
    return derive(seed, ordinal, 0)


def for_problem(seed: int, problem: str, *place: int) -> int:
    """The seed of a problem, from its id and not its place: a subset of a run is a subset of its results."""
    return derive(seed, zlib.crc32(problem.encode()), *place)


def uniform(seed: int, *place: int) -> float:
    """A number in [0, 1) for a place below `seed`."""
    return derive(seed, *place) / 2**31
