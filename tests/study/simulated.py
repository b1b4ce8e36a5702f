"""Studies made up of numbers: searches with known chances of success, and nothing run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from outthink.cost import Cost, Usage
from outthink.problems import Problem
from outthink.study.account import Account, Work
from outthink.study.axes import AXES
from outthink.study.cells import Cell, Method, cells
from outthink.study.outcomes import Outcome, Solved
from outthink.study.study import Study

RUN = "run"
TOKENS = 10
"""A solution's tokens."""


def cell(accuracy: NDArray[np.float64], *, name: str = "a", n: int = 1, cost: float | None = None) -> Cell:
    """A cell with these results; every search costs the same on every axis, n if nothing else is said."""
    spent = np.where(np.isnan(accuracy), np.nan, float(n) if cost is None else cost)
    return Cell(method=Method(RUN, name, "majority", None), n=n, accuracy=accuracy, costs=dict.fromkeys(AXES, spent))


def solved(right: bool, score: float, *, wrong: int = 0) -> Solved:
    """A solution."""
    key = "right" if right else f"wrong {wrong}"
    return Solved(key=key, scores=(score,), correct=right, weight=1.0, tokens=TOKENS)


def outcome(
    problem: str, solutions: Sequence[Solved], *, n: int, strategy: str = "sample", seed: int = 0, pooled: bool = True
) -> Outcome:
    """A search of n seats, on a model of one parameter."""
    engine = Usage(generated_tokens=n * TOKENS, flops=2.0 * n * TOKENS)
    return Outcome(
        run=RUN,
        strategy=strategy,
        n=n,
        pooled=pooled,
        seed=seed,
        problem=problem,
        graded=True,
        solved=tuple(solutions),
        ranks=False,
        account=Account(
            engine=Work(written=n * TOKENS, flops=engine.flops),
            verifier=Work(flops=1.0 * n * TOKENS),
            once_engine=Work(),
            once_verifier=Work(),
            prompt=0.0,
            lengths=(),
        ),
        cost=Cost(engine=engine, verifier=Usage(flops=1.0 * n * TOKENS)),
        seconds=1.0,
        error=None,
    )


def study(outcomes: Sequence[Outcome], budgets: Sequence[int], selections: Sequence[str] = ("majority",)) -> Study:
    """A study of these searches."""
    names = sorted({each.problem for each in outcomes})
    seeds = sorted({each.seed for each in outcomes})
    methods = [
        Method(RUN, series, selection, "last" if selection in ("best", "weighted") else None)  # type: ignore[arg-type]
        for series in sorted({each.strategy for each in outcomes})
        for selection in selections
    ]
    return Study(
        problems=tuple(Problem(id=name, question=name, answer="right") for name in names),
        seeds=tuple(seeds),
        outcomes=tuple(outcomes),
        cells=tuple(cells(outcomes, methods, budgets, names, seeds)),
    )


def pool(
    problem: str, p: float, n: int, rng: np.random.Generator, *, seed: int = 0, noise: float = 0.2, wrong: int = 3
) -> Outcome:
    """Independent solutions, each right with chance p; scores tell right from wrong but for some noise."""
    right = rng.random(n) < p
    scores = np.clip(np.where(right, 0.7, 0.3) + noise * rng.standard_normal(n), 0.0, 1.0)
    kinds = rng.integers(wrong, size=n)
    each = [solved(bool(r), float(s), wrong=int(k)) for r, s, k in zip(right, scores, kinds, strict=True)]
    return outcome(problem, each, n=n, seed=seed)


def pools(chances: Mapping[str, float], n: int, *, seeds: int = 1, seed: int = 0) -> list[Outcome]:
    """A pool of each problem with each seed."""
    rng = np.random.default_rng(seed)
    return [pool(name, p, n, rng, seed=each) for each in range(seeds) for name, p in chances.items()]
