"""What particle methods share: how likely each particle is to be drawn, and drawing them without bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Literal

from outthink.strategies.steps import softmax

__all__ = ["Resampling", "annealing", "chances", "effective_size", "multinomial", "resample", "systematic"]

Resampling = Literal["multinomial", "systematic"]

# Keeps the odds of a score of exactly 0 or 1 finite (Puri et al.'s own bound).
_EDGE = 1e-7
# Entropic particle filtering steps in below this share of particles that count, and before this share of the rounds.
_DIVERSE, _EARLY = 0.5, 0.5


def chances(values: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Each particle's chance of being drawn, in proportion to its odds v / (1 - v) to the power 1 / temperature."""
    clipped = (min(max(value, _EDGE), 1.0 - _EDGE) for value in values)
    return softmax([math.log(value / (1.0 - value)) for value in clipped], temperature)


def effective_size(shares: Sequence[float]) -> float:
    """How many equally likely particles are as diverse as these: 1 over the sum of squares."""
    return 1.0 / math.fsum(share * share for share in shares)


def annealing(shares: Sequence[float], progress: float) -> float:
    """The temperature of entropic particle filtering: above 1 while few particles hold all chances early on.

    Args:
        shares: the particles' chances at temperature 1.
        progress: rounds done, of those allowed, in [0, 1].
    """
    diversity = effective_size(shares) / len(shares)
    if diversity >= _DIVERSE or progress >= _EARLY:
        return 1.0
    return max(1.0, (1.0 - progress) / diversity)


def multinomial(shares: Sequence[float], n: int, rng: Random) -> list[int]:
    """How often each particle is drawn in `n` independent draws."""
    counts = [0] * len(shares)
    for drawn in rng.choices(range(len(shares)), weights=shares, k=n):
        counts[drawn] += 1
    return counts


def systematic(shares: Sequence[float], n: int, rng: Random) -> list[int]:
    """How often each particle is drawn by `n` evenly spaced points, thrown once: n * share, rounded up or down."""
    start = rng.random()
    # Floats need not add up to 1 exactly; the last particle takes what is left.
    inner = [min(n, math.ceil(n * end - start)) for end in accumulate(shares[:-1])]
    return [end - before for before, end in zip([0, *inner], [*inner, n], strict=True)]


def resample(
    values: Sequence[float],
    n: int,
    rng: Random,
    progress: float,
    *,
    how: Resampling,
    temperature: float,
    entropic: bool = False,
) -> list[int]:
    """How often each particle is drawn into the next population: `n` times its chance on average.

    Args:
        values: of the particles.
        n: draws.
        rng: for the draws.
        progress: rounds done, of those allowed, in [0, 1].
        how: independent draws, or evenly spaced ones.
        temperature: see `chances`.
        entropic: multiply it by `annealing`.
    """
    shares = chances(values, temperature)
    if entropic:
        shares = chances(values, temperature * annealing(shares, progress))
    return (systematic if how == "systematic" else multinomial)(shares, n, rng)
