"""How alike steps are, told from their words: what strategies that spread over different steps go by.

Steps are compared by how often each word, number and sign occurs in them. That needs no model, so nothing it costs is
missing from a search's cost; the papers compare embeddings.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["clusters", "likenesses"]

_WORDS = re.compile(r"\w+|[^\w\s]")


def likenesses(texts: Sequence[str]) -> list[list[float]]:
    """The cosine of every two texts' word counts: 1 for the same words, 0 for none in common."""
    counts = [Counter(_WORDS.findall(text.lower())) for text in texts]
    lengths = [math.hypot(*count.values()) for count in counts]
    found = [[1.0] * len(texts) for _ in texts]
    for i in range(len(texts)):
        for j in range(i):
            if counts[i] != counts[j]:
                shared = sum(times * counts[j][word] for word, times in counts[i].items())
                found[i][j] = found[j][i] = shared / ((lengths[i] * lengths[j]) or 1.0)
    return found


def clusters(likeness: Sequence[Sequence[float]], apart: float) -> list[int]:
    """Agglomerative clustering with average linkage: the number of each item's cluster, counted from 0.

    Args:
        likeness: of every two items, 1 for the same.
        apart: clusters are merged, the nearest two first, while their mean distance (1 - likeness) is at most this.
    """
    groups = [[i] for i in range(len(likeness))]

    def distance(pair: tuple[int, int]) -> float:
        a, b = groups[pair[0]], groups[pair[1]]
        return 1.0 - math.fsum(likeness[i][j] for i in a for j in b) / (len(a) * len(b))

    while len(groups) > 1:
        nearest = min(((a, b) for b in range(len(groups)) for a in range(b)), key=distance)
        if distance(nearest) > apart:
            break
        a, b = nearest
        groups[a] += groups.pop(b)
    found = [0] * len(likeness)
    for number, group in enumerate(groups):
        for i in group:
            found[i] = number
    return found
