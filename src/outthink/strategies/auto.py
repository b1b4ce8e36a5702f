"""Auto: a few solutions tell how hard the problem is, and a policy says what the rest of the budget goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from outthink.candidates import candidate, path_score
from outthink.search import Search
from outthink.strategies.parts.policy import Policy, ease, level, load_policy
from outthink.tree import Node

__all__ = ["Auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Auto:
    """Compute-optimal search (Snell et al. 2024, arXiv 2408.03314): by the problem's difficulty, another strategy.

    The difficulty is told from pilots, solutions written first. They are paid for out of the same budget, stay in the
    tree and vote.

    Args:
        policy: the file with levels of difficulty and what to do with each; a study writes it.
        n: the most solutions, pilots and all; the policy's largest budget that takes no more is followed.
    """

    policy: str
    n: int = 16
    _policy: Policy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Read once: what the file says must not change in the middle of a run.
        object.__setattr__(self, "_policy", load_policy(Path(self.policy)))
        self._policy.row(self.n)

    @property
    def samples(self) -> int:
        """N."""
        return self.n

    @property
    def ranks(self) -> bool:
        """Whether the policy, or a strategy that it may choose, reads scores."""
        return self._policy.ranks

    async def __call__(self, search: Search) -> None:
        """Write the pilots, then follow the policy."""
        policy = self._policy
        pilots = await search.complete([search.root], policy.pilots)
        strategy = policy.row(self.n).after[level(_ease(search, policy, pilots), policy.edges)]
        if strategy is not None:
            await strategy(search.part(0))


def _ease(search: Search, policy: Policy, pilots: Sequence[Node]) -> float:
    finished = [search.tree.path(pilot) if pilot.finished else None for pilot in pilots]
    return ease(
        policy.predictor,
        [None if path is None else candidate(path).key for path in finished],
        [None if path is None else path_score(path, policy.aggregate) for path in finished],
    )
