"""When a vote is decided: rules that stop sampling once further answers would hardly change the majority.

Pure functions of the answers so far, as keys that equal answers share; None is a solution without an answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

__all__ = ["bayes_factor", "confidence", "unanimous"]

# What Best-of-infinity's code counts for the answers nobody has given yet.
_UNSEEN = 0.3
# Points of the integral: smooth and vanishing at both ends, it is right to a thousandth of the factor with so few.
_POINTS = 100


def confidence(answers: Sequence[str | None]) -> float:
    """How sure it is that the most frequent answer is more likely than the second: P(Beta(v1 + 1, v2 + 1) > 1/2).

    Adaptive-Consistency (Aggarwal et al. 2023, arXiv 2305.11860) stops at 0.95. For v1 and v2 votes the probability is
    that of at least v2 + 1 heads among v1 + v2 + 1 throws of a coin, an exact sum of binomials.
    """
    first, second = _two_largest(answers)
    throws = first + second + 1
    return 1 - sum(math.comb(throws, k) for k in range(second + 1)) / (1 << throws)


def unanimous(answers: Sequence[str | None], size: int) -> bool:
    """Whether the last full window of `size` answers holds one answer only.

    Early-stopping self-consistency (Li et al. 2024, arXiv 2401.10480), whose windows have 5 answers.
    """
    end = len(answers) - len(answers) % size
    window = set(answers[max(0, end - size) : end])
    return len(window) == 1 and None not in window


def bayes_factor(answers: Sequence[str | None]) -> float:
    """The odds that the most frequent answer is the most likely one, over those odds by chance.

    Best-of-infinity (Komiyama, Oba and Oyamada 2025, arXiv 2509.21091) and its code: the answers' probabilities are
    Dirichlet(votes + 1), with 0.3 votes for all unseen answers together; with K kinds of answers, that one among them,
    and P the probability that the most frequent is the most likely, the factor is K P / (1 - P). The code draws 1,000
    times from the Dirichlet; here P is computed, as the probability that one gamma variable exceeds all others.
    """
    votes = sorted(Counter(answer for answer in answers if answer is not None).values(), reverse=True)
    if not votes:
        return 0.0
    mode, *others = (count + 1.0 for count in [*votes, _UNSEEN])
    rivals = Counter(others)
    step = (mode + 12 * math.sqrt(mode) + 20) / _POINTS
    won = step * math.fsum(
        math.exp((mode - 1) * math.log(x) - x - math.lgamma(mode))
        * math.prod(_gamma_below(x, shape) ** rivals[shape] for shape in rivals)
        for x in (step * point for point in range(1, _POINTS))
    )
    return (len(votes) + 1) * won / (1 - won) if won < 1 else math.inf


def _two_largest(answers: Sequence[str | None]) -> tuple[int, int]:
    votes = Counter(answer for answer in answers if answer is not None)
    (_, first), (_, second), *_ = [*votes.most_common(2), ("", 0), ("", 0)]
    return first, second


def _gamma_below(x: float, shape: float) -> float:
    """P(G < x) for a gamma variable of a shape, by the series of the incomplete gamma function: its terms add up."""
    term = total = 1 / shape
    divisor = shape
    while term > 1e-16 * total:
        divisor += 1
        term *= x / divisor
        total += term
    return min(1.0, total * math.exp(shape * math.log(x) - x - math.lgamma(shape)))
