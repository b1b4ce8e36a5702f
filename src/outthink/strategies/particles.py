"""Particle filtering: after every step the population is drawn anew, good paths more often than bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from outthink.checks import above, at_least, one_of
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
        at_least(1, n=self.n, max_steps=self.max_steps)
        above(0, temperature=self.temperature)
        if self.resampling is not None:
            one_of(Resampling, resampling=self.resampling)

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
