"""What is believed of a mean reward after some rewards were seen, to draw from: Thompson sampling's only need."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

__all__ = ["POSTERIORS", "Beta", "Gaussian", "Posterior"]


class Posterior(Protocol):
    """A belief about a mean reward."""

    def learn(self, reward: float) -> None:
        """Take in a reward in [0, 1]."""

    def draw(self, rng: Random) -> float:
        """A mean reward, as likely as it is believed to be."""


@dataclass(slots=True, kw_only=True)
class Gaussian:
    """Normal rewards of unknown mean and variance, with the conjugate normal-inverse-chi-squared prior.

    The variance is Inv-chi^2(nu, tau2), the mean N(m, variance / kappa); the update is Gelman et al., "Bayesian Data
    Analysis", section 3.3. The defaults are AB-MCTS's (arXiv 2503.04412 and its library treequest).
    """

    m: float = 0.0
    kappa: float = 1.0
    nu: float = 1.0
    tau2: float = 0.1

    def learn(self, reward: float) -> None:
        """One observation's update; any number of them gives what one update with all would."""
        spread = self.nu * self.tau2 + self.kappa / (self.kappa + 1) * (reward - self.m) ** 2
        self.m = (self.kappa * self.m + reward) / (self.kappa + 1)
        self.kappa, self.nu = self.kappa + 1, self.nu + 1
        self.tau2 = spread / self.nu

    def draw(self, rng: Random) -> float:
        """First a variance, then a mean."""
        chi2 = rng.gammavariate(self.nu / 2, 2.0)
        return rng.gauss(self.m, math.sqrt(self.nu * self.tau2 / chi2 / self.kappa))


@dataclass(slots=True, kw_only=True)
class Beta:
    """Rewards as chances of success; the default is Jeffreys' prior, AB-MCTS's (arXiv 2503.04412).

    A reward between 0 and 1 counts as that part of a success.
    """

    a: float = 0.5
    b: float = 0.5

    def learn(self, reward: float) -> None:
        """Successes to one side, failures to the other."""
        self.a += reward
        self.b += 1 - reward

    def draw(self, rng: Random) -> float:
        """A chance of success."""
        return rng.betavariate(self.a, self.b)


POSTERIORS: Mapping[Literal["gaussian", "beta"], Callable[[], Posterior]] = {"gaussian": Gaussian, "beta": Beta}
