"""Particle filtering: after every step the population is drawn anew, good paths more often than bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import get_args

from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.parts.population import filter_particles
from outthink.strategies.parts.resampling import Resampling, resample

__all__ = ["Particles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Particles:
    """Particle filtering (Puri et al. 2025, arXiv 2502.01618), entropic on request (Giannone et al. 2025, 2510.05825).

    N particles take a step each; then N are drawn with replacement, in proportion to the odds v / (1 - v) of their
    values. Finished solutions are drawn with the rest: one that is drawn m times counts m times in the vote, one that
    is not drawn has no vote.

    Args:
        n: particles.
        resampling: independent draws, or evenly spaced ones, which vary less. As published if None: "multinomial", and
            "systematic" for the entropic filter.
        entropic: draw more evenly while few particles hold all chances, in the first half of the rounds.
        temperature: of the draw: odds to the power 1 / temperature. The entropic one's is on top of it.
        max_steps: steps after which the particles under way are written to their end.
    """

    n: int = 16
    resampling: Resampling | None = None
    entropic: bool = False
    temperature: float = 1.0
    max_steps: int = 40

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UsageError(f"n is {self.n}; it must be at least 1")
        if self.resampling not in (None, *get_args(Resampling)):
            raise UsageError(f"resampling is {self.resampling!r}; it must be one of {', '.join(get_args(Resampling))}")
        if not self.temperature > 0:
            raise UsageError(f"temperature is {self.temperature}; it must be above 0")
        if self.max_steps < 1:
            raise UsageError(f"max_steps is {self.max_steps}; it must be at least 1")

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Particles are drawn by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Step and draw until all are finished."""
        resampling = self.resampling or ("systematic" if self.entropic else "multinomial")
        draw = partial(resample, how=resampling, temperature=self.temperature, entropic=self.entropic)
        await filter_particles(search, draw, n=self.n, max_steps=self.max_steps)
