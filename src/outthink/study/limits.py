"""Where the votes of a study's pools would end, if samples went on."""

from __future__ import annotations

import numpy as np

from outthink.study.asymptote import Asymptote, asymptote, limit
from outthink.study.cells import Method, score_of
from outthink.study.outcomes import Solved
from outthink.study.study import Study

__all__ = ["voting_limits"]


def voting_limits(study: Study) -> dict[Method, Asymptote]:
    """The accuracy that each vote over a pool converges to, majority and weighted; seeds of a problem are one pool."""
    methods = dict.fromkeys(cell.method for cell in study.cells if cell.method.selection in ("majority", "weighted"))
    found = {}
    for method in methods:
        pools = _pools(study, method)
        if pools:
            found[method] = _limit(pools, method)
    return found


def _pools(study: Study, method: Method) -> list[list[Solved]]:
    """The samples of each graded problem."""
    pools: dict[str, list[Solved]] = {}
    for outcome in study.outcomes:
        if outcome.pooled and outcome.graded and outcome.n > 1 and (outcome.run, outcome.strategy) == method[:2]:
            pools.setdefault(outcome.problem, []).extend(outcome.solved)
    return list(pools.values())


def _limit(pools: list[list[Solved]], method: Method) -> Asymptote:
    rng = np.random.default_rng(0)
    weighted = method.selection == "weighted"
    limits = [
        limit(
            [each.key for each in pool],
            [bool(each.correct) for each in pool],
            rng,
            [score_of(each, method.aggregate) for each in pool] if weighted else None,
        )
        for pool in pools
    ]
    return asymptote(limits, rng)
