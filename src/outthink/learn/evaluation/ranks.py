"""Ranks, and the area under the ROC curve by way of them: exact with ties, in n log n."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

__all__ = ["auc", "midranks", "placements"]


def midranks(values: Sequence[float]) -> list[float]:
    """Each value's rank from 1 on; equal values share the mean of theirs."""
    ranks, below = [0.0] * len(values), 0
    order = sorted(range(len(values)), key=values.__getitem__)
    for _, tied in groupby(order, key=values.__getitem__):
        places = list(tied)
        for place in places:
            ranks[place] = below + (len(places) + 1) / 2
        below += len(places)
    return ranks


def placements(scores: Sequence[float], good: Sequence[bool]) -> list[float]:
    """For each case the share of the other class's cases that the scores set it right against; a tie counts half.

    The means over the good ones and over the bad ones are both the AUC, of which these are the structural components
    (DeLong et al. 1988, Biometrics 44). NaN where the other class is empty.
    """
    found, ranks = [math.nan] * len(scores), midranks(scores)
    for kind in (True, False):
        mine = [place for place, each in enumerate(good) if each is kind]
        others = len(scores) - len(mine)
        for place, own in zip(mine, midranks([scores[place] for place in mine]), strict=True):
            # The rank among all less the rank among its own is how many others lie below.
            below = (ranks[place] - own) / others if others else math.nan
            found[place] = below if kind else 1.0 - below
    return found


def auc(scores: Sequence[float], good: Sequence[bool]) -> float:
    """P(a good case has a higher score than a bad one), a tie counting half: Mann and Whitney's statistic.

    NaN unless there are cases of both classes.
    """
    placed = [value for value, each in zip(placements(scores, good), good, strict=True) if each]
    return math.fsum(placed) / len(placed) if placed else math.nan
