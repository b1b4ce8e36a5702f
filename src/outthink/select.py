"""How the finished paths of a search become one answer.

Pure functions of the candidates, in whatever order they come. A candidate without an answer is no vote and adds
no weight; it is chosen only where no candidate has an answer, and the choice then has none. Where scores are read, an
answer that has none (the search was stopped before it was scored) does not count beside those that have one. Ties are
broken by the answers themselves, never by who finished first.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from outthink.errors import UsageError

__all__ = [
    "DIGITS",
    "FREQUENT",
    "NEEDS_SCORES",
    "SELECTIONS",
    "Aggregate",
    "Candidate",
    "Choice",
    "Select",
    "Selection",
    "aggregate",
    "best",
    "best_of_majority",
    "majority",
    "weighted",
    "with_scores",
]

Aggregate = Literal["last", "min", "mean", "prod"]
Select = Literal["majority", "best", "weighted", "best-of-majority"]

FREQUENT = 0.15
"""The share of the votes from which on an answer is frequent, for `best_of_majority`."""

DIGITS = 12
"""To which sums of scores are told apart: those that differ only in how decimal fractions are rounded are tied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A finished path as selection sees it.

    Args:
        answer: The answer as written, None when the solution states none.
        key: The key it is counted under (`canonical`, perhaps merged with an equal one), None without an answer.
        score: The aggregated score of the path in [0, 1], None where there is no verifier.
        weight: What its vote counts for, above 0: how often it was drawn, or how far its strategy trusts it.
    """

    answer: str | None
    key: str | None
    score: float | None
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answer that was selected.

    Args:
        answer: The most frequent spelling among the candidates that hold it, of those the shortest, then the
            first in the alphabet; None when no candidate has an answer.
        key: The key it was counted under.
        votes: How many candidates hold that key.
        weight: Its share in [0, 1] of what the selection counts: of the votes' weights, or of the weighted scores.
        candidates: How many candidates there were, with and without an answer.
    """

    answer: str | None
    key: str | None
    votes: int
    weight: float
    candidates: int


Selection = Callable[[Sequence[Candidate]], Choice]


@dataclass(frozen=True, slots=True)
class _Ballot:
    """The candidates that hold one key."""

    key: str
    spellings: Counter[str]
    scores: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def votes(self) -> int:
        return self.spellings.total()

    @property
    def total(self) -> float:
        # fsum rounds once, so the sum does not depend on the order of the candidates.
        return math.fsum(score * weight for score, weight in zip(self.scores, self.weights, strict=True))

    @property
    def weight(self) -> float:
        return math.fsum(self.weights)


def aggregate(scores: Sequence[float], how: Aggregate) -> float:
    """The scores of a path's steps as one number.

    Lightman et al. (2023, arXiv:2305.20050) compare `prod` and `min`; Snell et al. (2024, arXiv:2408.03314) use
    `last`, for a verifier trained to predict whether the solution will come out right.

    Raises:
        ValueError: There are no scores.
    """
    if not scores:
        raise ValueError("a path without scored steps has no aggregate")
    match how:
        case "last":
            return scores[-1]
        case "min":
            return min(scores)
        case "mean":
            return math.fsum(scores) / len(scores)
        case "prod":
            return math.prod(scores)


def with_scores(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that have scores: a search that was stopped may have left some without."""
    return [candidate for candidate in candidates if candidate.score is not None]


def majority(candidates: Sequence[Candidate]) -> Choice:
    """The most frequent answer, each vote counting its weight: self-consistency, Wang et al. (2022, arXiv:2203.11171).

    Ties go to the shorter key, then to the first in the alphabet. Scores do not matter even then: a majority costs
    no verifier.
    """
    ballots = _ballots(candidates)
    return _choose(ballots, candidates, rank=lambda ballot: (ballot.weight,), count=lambda ballot: ballot.weight)


def best(candidates: Sequence[Candidate]) -> Choice:
    """The answer of the candidate with the highest score: best-of-N, Lightman et al. (2023, arXiv:2305.20050).

    Ties go to the answer with more votes, then to the shorter key, then to the first in the alphabet.

    Raises:
        UsageError: There are answers, but none has a score.
    """
    ballots = _scored_ballots(candidates, "best")
    return _choose(
        ballots, candidates, rank=lambda ballot: (max(ballot.scores), ballot.votes), count=lambda ballot: ballot.total
    )


def weighted(candidates: Sequence[Candidate]) -> Choice:
    """The answer with the highest sum of scores: weighted best-of-N, Li et al. (2022, arXiv:2206.02336)
    and Snell et al. (2024, arXiv:2408.03314).

    Ties go to the answer with more votes, then to the shorter key, then to the first in the alphabet; so a
    verifier that scores everything 0 leaves the majority.

    Raises:
        UsageError: There are answers, but none has a score.
    """
    ballots = _scored_ballots(candidates, "weighted")
    return _choose(
        ballots,
        candidates,
        rank=lambda ballot: (_rounded(ballot.total), ballot.votes),
        count=lambda ballot: ballot.total,
    )


def _rounded(total: float) -> float:
    """To `DIGITS`, however small it is."""
    mantissa, exponent = math.frexp(total)
    return math.ldexp(round(mantissa, DIGITS), exponent)


def best_of_majority(candidates: Sequence[Candidate]) -> Choice:
    """The answer of the candidate with the highest score among the frequent answers: Best-of-Majority, Di et al. (2025,
    arXiv:2510.03199). A high score cannot make an answer win that hardly anybody gave.

    An answer is frequent if its share of the votes, each counting its weight, is at least 0.15, or if no answer has a
    larger one. The threshold is ours: single votes stop counting from seven candidates on, and a right answer that
    one solution in six finds still can be chosen.

    Ties go to the answer with more votes, then to the shorter key, then to the first in the alphabet.

    Raises:
        UsageError: There are answers, but none has a score.
    """
    ballots = _scored_ballots(candidates, "best-of-majority")
    largest = max((ballot.weight for ballot in ballots), default=0.0)
    needed = min(FREQUENT * math.fsum(ballot.weight for ballot in ballots), largest)
    return _choose(
        [ballot for ballot in ballots if ballot.weight >= needed],
        candidates,
        rank=lambda ballot: (max(ballot.scores), ballot.votes),
        count=lambda ballot: ballot.total,
    )


SELECTIONS: Mapping[Select, Selection] = {
    "majority": majority,
    "best": best,
    "weighted": weighted,
    "best-of-majority": best_of_majority,
}
NEEDS_SCORES: frozenset[Select] = frozenset({"best", "weighted", "best-of-majority"})
"""The selections that cannot do without a verifier."""


def _scored_ballots(candidates: Sequence[Candidate], select: Select) -> list[_Ballot]:
    answered = [candidate for candidate in candidates if candidate.key is not None]
    if answered and not with_scores(answered):
        raise UsageError(
            f"`{select}` needs scores, and none of {len(answered)} answers has one. "
            "Name a verifier, or select by `majority`."
        )
    return _ballots(with_scores(answered))


def _ballots(candidates: Sequence[Candidate]) -> list[_Ballot]:
    holders: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.key is not None:
            holders.setdefault(candidate.key, []).append(candidate)
    return [
        _Ballot(
            key=key,
            spellings=Counter(key if candidate.answer is None else candidate.answer for candidate in held),
            scores=tuple(candidate.score for candidate in held if candidate.score is not None),
            weights=tuple(candidate.weight for candidate in held),
        )
        for key, held in holders.items()
    ]


def _choose(
    ballots: Sequence[_Ballot],
    candidates: Sequence[Candidate],
    *,
    rank: Callable[[_Ballot], tuple[float, ...]],
    count: Callable[[_Ballot], float],
) -> Choice:
    """The ballot that ranks highest, its weight being its share of what is counted."""
    if not ballots:
        return Choice(answer=None, key=None, votes=0, weight=0.0, candidates=len(candidates))
    winner = min(ballots, key=lambda ballot: (*(-value for value in rank(ballot)), len(ballot.key), ballot.key))
    total = math.fsum(count(ballot) for ballot in ballots)
    return Choice(
        answer=min(winner.spellings, key=lambda answer: (-winner.spellings[answer], len(answer), answer)),
        key=winner.key,
        votes=winner.votes,
        weight=count(winner) / total if total else 0.0,
        candidates=len(candidates),
    )
