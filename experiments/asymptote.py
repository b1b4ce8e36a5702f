"""How far off the estimated limit of voting is, where the limit is known.

    python experiments/asymptote.py --problems 2000

No model, no network: a problem's right answer has a share drawn from a beta distribution, and up to 60 wrong answers
have the rest, as a Dirichlet process of some concentration spreads it. Printed are, for pools of several sizes, the
estimate less the truth, the share of problems that the pools leave open, and how often the 95 % interval of 100
problems covers the limit of all problems of that kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from outthink.study.asymptote import Asymptote, asymptote, limit

__all__ = ["KINDS", "Kind", "estimate", "problem"]

_TOGETHER = 100


class Kind(NamedTuple):
    """Problems of a kind.

    Args:
        right: the beta distribution of the right answer's share.
        concentration: how many wrong answers matter.
    """

    right: tuple[float, float]
    concentration: float


KINDS = {
    "a few wrong answers": Kind((1.0, 2.0), 1.0),
    "hopeless or easy": Kind((0.6, 0.6), 2.0),
    "many wrong answers": Kind((1.0, 2.0), 10.0),
}


def problem(kind: Kind, rng: np.random.Generator) -> NDArray[np.float64]:
    """A model's distribution over the answers of a problem; the first is right."""
    right = rng.beta(*kind.right)
    sticks = rng.beta(1.0, kind.concentration, size=60)
    wrong = sticks * np.cumprod([1.0, *(1.0 - sticks[:-1])])
    shares = np.array([right, *(1.0 - right) * wrong / wrong.sum()])
    return shares / shares.sum()


def estimate(problems: Sequence[NDArray[np.float64]], n: int, rng: np.random.Generator) -> Asymptote:
    """The limit over some problems, from a pool of `n` samples of each."""
    limits = []
    for shares in problems:
        answers = rng.choice(len(shares), size=n, p=shares)
        limits.append(limit([str(answer) for answer in answers], [answer == 0 for answer in answers], rng))
    return asymptote(limits, rng)


def main() -> None:
    """Print a row for each kind and size of pool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=2000)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    for name, kind in KINDS.items():
        limit_of_all = np.mean([problem(kind, rng).argmax() == 0 for _ in range(20_000)])
        for n in (4, 16, 64, 256):
            bias, unsettled, covered = [], [], []
            for _ in range(options.problems // _TOGETHER):
                problems = [problem(kind, rng) for _ in range(_TOGETHER)]
                found = estimate(problems, n, rng)
                bias.append(found.accuracy - np.mean([shares.argmax() == 0 for shares in problems]))
                unsettled.append(found.open)
                covered.append(found.interval.low <= limit_of_all <= found.interval.high)
            print(
                f"{name:20} {n:4} samples  limit {limit_of_all:.1%}  bias {np.mean(bias):+.1%}  "
                f"open {np.mean(unsettled):.0%}  covered {np.mean(covered):.0%}"
            )


if __name__ == "__main__":
    main()
