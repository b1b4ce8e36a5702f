"""Where voting ends: what majority and weighted voting answer after ever more samples.

The more samples, the surer the answer with the largest share of the votes wins, or with the largest share of the scores
where votes are weighted by them. So a problem's vote converges to right or wrong, exponentially fast, and accuracy to
the share of problems on which it is right (Wu et al. 2024, arXiv 2408.00724, theorems 1 and 2). Once a pool tells which
answer that is, further samples change nothing.

A pool of samples does not always tell. How sure it is comes from the Bayesian bootstrap (Rubin 1981, The Annals of
Statistics 9(1)): each sample's share of the model's distribution is drawn from a Dirichlet distribution, and the answer
with the largest share wins the draw. Beside the samples there is one more, of an answer that nobody gave; it counts as
wrong. So from a small pool the limit comes out too low, most where a model spreads over many answers; docs/costs.md
says by how much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outthink.study.intervals import Interval, unanimous_interval

__all__ = ["Asymptote", "Limit", "asymptote", "limit"]

_DRAWS = 2000
_SURE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limit:
    """What voting on one problem converges to, as far as a pool tells.

    Args:
        answer: the key most probable to win in the end; None if no sample has an answer.
        sure: how probable that is.
        wins: draws, whether the winner of each is right.
    """

    answer: str | None
    sure: float
    wins: NDArray[np.bool_]

    @property
    def right(self) -> float:
        """How probable it is that the vote converges to a right answer."""
        return float(self.wins.mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Asymptote:
    """The accuracy that voting converges to.

    Args:
        accuracy: share of the problems on which the vote converges to a right answer; NaN without problems.
        interval: 95 %, over problems and over what their pools leave open.
        open: share of the problems on which the winner is less than 95 % sure: only there more samples can change
            what a vote answers.
    """

    accuracy: float
    interval: Interval
    open: float


def limit(
    keys: Sequence[str | None],
    correct: Sequence[bool],
    rng: np.random.Generator,
    scores: Sequence[float | None] | None = None,
) -> Limit:
    """What voting on one problem converges to.

    Args:
        keys: of a pool's samples, drawn alike and independently; None without an answer, which is no vote.
        correct: whether each is right; samples of one key are alike in that.
        rng: draws; one for all problems, so that they are independent.
        scores: in [0, 1], to weight votes by; None for a majority. A sample without a score does not count.
    """
    weights = [1.0] * len(keys) if scores is None else scores
    votes = [
        (key, weight, right)
        for key, weight, right in zip(keys, weights, correct, strict=True)
        if key is not None and weight is not None
    ]
    if not votes:
        return Limit(answer=None, sure=1.0, wins=np.zeros(_DRAWS, dtype=np.bool_))
    votes.sort(key=lambda vote: vote[0])
    names = [key for key, _, _ in votes]
    firsts = [place for place, name in enumerate(names) if place == 0 or name != names[place - 1]]
    # The last sample's answer is the one that nobody gave.
    starts = [*firsts, len(votes)]
    weighed = np.array([weight for _, weight, _ in votes])
    # Shares of a Dirichlet distribution are exponential variables over their sum, which does not change who leads.
    shares = rng.exponential(size=(_DRAWS, len(votes) + 1))
    mass = np.add.reduceat(shares * np.append(weighed, weighed.mean()), starts, axis=1)
    # Where every score is 0 the votes decide, as they do in a search.
    even = np.add.reduceat(shares, starts, axis=1)
    winner = np.where(mass.max(axis=1) > 0.0, mass.argmax(axis=1), even.argmax(axis=1))
    right = np.array([votes[first][2] for first in firsts] + [False])
    chances = np.bincount(winner, minlength=len(starts))[:-1] / _DRAWS
    best = int(chances.argmax())
    return Limit(answer=names[firsts[best]], sure=float(chances[best]), wins=right[winner])


def asymptote(limits: Sequence[Limit], rng: np.random.Generator) -> Asymptote:
    """The accuracy that voting converges to over some problems.

    Args:
        limits: of each problem, from independent draws.
        rng: draws the problems, for the interval.
    """
    if not limits:
        return Asymptote(accuracy=math.nan, interval=Interval(0.0, 1.0), open=math.nan)
    wins = np.stack([each.wins for each in limits])
    drawn = rng.integers(len(limits), size=(_DRAWS, len(limits)))
    means = wins[drawn, np.arange(_DRAWS)[:, None]].mean(axis=1)
    accuracy, (low, high) = float(wins.mean()), np.quantile(means, [0.025, 0.975]).tolist()
    return Asymptote(
        accuracy=accuracy,
        interval=Interval(low, high) if low < high else unanimous_interval(accuracy, len(limits)),
        open=sum(each.sure < _SURE for each in limits) / len(limits),
    )
