"""Particle Gibbs: particle filters one after another, each with a solution of the last one among its particles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from outthink.checks import above, at_least, one_of
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.parts.population import filter_particles
from outthink.strategies.parts.resampling import Resampling, resample
from outthink.tree import Node

__all__ = ["ParticleGibbs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticleGibbs:
    """Particle Gibbs (Puri et al. 2025, arXiv 2502.01618; Andrieu, Doucet and Holenstein 2010).

    `n / iterations` particles are filtered at a time. One solution of each filter's last population, drawn from it, is
    the next filter's reference: it stays among the particles, and others may branch off wherever it has been. All
    populations vote, so a reference counts once in each filter it stayed in, besides the times it was drawn.

    Args:
        n: particles over all iterations; a multiple of `iterations`, with at least 2 particles in each.
        iterations: filters.
        resampling: independent draws, or evenly spaced ones.
        temperature: of the draw: odds to the power 1 / temperature.
        max_steps: steps after which the particles under way are written to their end.
    """

    n: int = 16
    iterations: int = 4
    resampling: Resampling = "multinomial"
    temperature: float = 1.0
    max_steps: int = 40

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.n % self.iterations or self.n < 2 * self.iterations:
            raise UsageError(
                f"n is {self.n} and iterations {self.iterations}; "
                "n must be a multiple of iterations, with at least 2 particles in each"
            )
        one_of(Resampling, resampling=self.resampling)
        above(0, temperature=self.temperature)
        at_least(1, max_steps=self.max_steps)

    @property
    def samples(self) -> int:
        """N; references are not written again, so there are fewer different ones."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Particles are drawn by score."""
        return True

    async def __call__(self, search: Search) -> None:
        """Filter, draw a reference, filter with it."""
        draw = partial(resample, how=self.resampling, temperature=self.temperature)
        rng = search.rng()
        reference: Sequence[Node] = ()
        for iteration in range(self.iterations):
            drawn = await filter_particles(
                search.part(iteration),
                draw,
                n=self.n // self.iterations,
                max_steps=self.max_steps,
                reference=reference,
            )
            if reference:
                leaf = reference[-1]
                leaf.weight += search.root.weight * (1 + sum(node is leaf for node in drawn))
            if drawn:
                path = search.tree.path(rng.choice(drawn))
                reference = [node for node in path.nodes if node.depth > search.root.depth]
