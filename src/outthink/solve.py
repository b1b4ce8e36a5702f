"""One question in, one solution out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from outthink.budget import Budget
from outthink.engines import Engine, Sampling
from outthink.errors import UsageError
from outthink.problems import Problem
from outthink.prompt import Prompt
from outthink.registry import Spec, make_engine, make_strategy, make_verifier
from outthink.select import Aggregate, Select
from outthink.solver import Solution, Solver
from outthink.strategies import Strategy
from outthink.strategies.sample import Sample
from outthink.verifiers import Verifier

__all__ = ["asolve", "solve"]


def solve(
    question: str | Problem,
    *,
    strategy: Strategy | Spec | None = None,
    engine: Engine | Spec = "llamacpp",
    verifier: Verifier | Spec | None = "rules",
    partners: Mapping[str, Engine | Spec] | None = None,
    select: Select = "weighted",
    aggregate: Aggregate | None = None,
    prompt: Prompt | None = None,
    sampling: Sampling | None = None,
    budget: Budget | None = None,
    seed: int = 0,
) -> Solution:
    """Search for the answer to a question; `asolve` is the same inside async code.

    solution = outthink.solve("Tom has 24 apples and buys 31 more. How many does he have?", strategy=outthink.Beam(n=8))

    Args:
        question: the question, or a problem with a reference answer to grade against.
        strategy: how the budget is spent, as an object or a spec; sixteen samples by default.
        engine: what writes: `kind`, `kind:model`, a mapping, or an engine object. The embedded model by default.
        verifier: what judges, likewise; None if nothing is to be scored.
        partners: further engines, likewise, by the names that strategies call them.
        select: how finished paths become one answer.
        aggregate: how step scores become one number; the verifier's own way if None.
        prompt: how the question is put and where steps end.
        sampling: how steps are sampled.
        budget: what may be spent, on top of the strategy's own limit.
        seed: the same seed gives the same search where the engine is deterministic.

    Raises:
        UsageError: what was asked cannot be done.
        OutthinkError: the engine or the verifier failed.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise UsageError("solve() cannot run inside a running event loop (a notebook has one); use `await asolve(...)`")
    return asyncio.run(
        asolve(
            question,
            strategy=strategy,
            engine=engine,
            verifier=verifier,
            partners=partners,
            select=select,
            aggregate=aggregate,
            prompt=prompt,
            sampling=sampling,
            budget=budget,
            seed=seed,
        )
    )


async def asolve(
    question: str | Problem,
    *,
    strategy: Strategy | Spec | None = None,
    engine: Engine | Spec = "llamacpp",
    verifier: Verifier | Spec | None = "rules",
    partners: Mapping[str, Engine | Spec] | None = None,
    select: Select = "weighted",
    aggregate: Aggregate | None = None,
    prompt: Prompt | None = None,
    sampling: Sampling | None = None,
    budget: Budget | None = None,
    seed: int = 0,
) -> Solution:
    """Search for the answer to a question; see `solve`. For many questions keep a `Solver` open instead."""
    problem = Problem(question=question) if isinstance(question, str) else question
    if strategy is None:
        strategy = Sample()
    chosen = make_strategy(strategy) if isinstance(strategy, str | Mapping) else strategy
    writes, others = _made(engine), {name: _made(partner) for name, partner in (partners or {}).items()}
    judges = make_verifier(verifier) if isinstance(verifier, str | Mapping) else verifier
    async with Solver(engine=writes, verifier=judges, partners=others, prompt=prompt, sampling=sampling) as solver:
        return await solver.solve(problem, chosen, select=select, aggregate=aggregate, budget=budget, seed=seed)


def _made(engine: Engine | Spec) -> Engine:
    return make_engine(engine) if isinstance(engine, str | Mapping) else engine
