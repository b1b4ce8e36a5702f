"""Strategies where the truth is known: accuracy against tokens on the scripted engine, with a verifier of known noise.

    python experiments/orderings.py --problems 2000 --noise 0.2

No model, no network: every step is right with probability 0.7, five steps make a solution, and the verifier takes right
for wrong, and wrong for right, with the probability given.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from outthink import Sampling, Search, Strategy, Tree, make_strategy
from outthink.budget import Budget
from outthink.candidates import candidate, path_score
from outthink.engines.scripted import Scripted as Engine
from outthink.engines.scripted import scripted_answer
from outthink.select import SELECTIONS, Select
from outthink.study.intervals import accuracy_interval
from outthink.verifiers.scripted import Scripted as Verifier

__all__ = ["Outcome", "measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a strategy made of the problems.

    Args:
        right: of each problem, 1 if its answer was right, else 0.
        tokens: generated, a problem on average.
    """

    right: list[float]
    tokens: float

    @property
    def accuracy(self) -> float:
        """The share of problems solved."""
        return sum(self.right) / len(self.right)


async def measure(
    strategy: Strategy,
    *,
    problems: int,
    noise: float,
    lasting: bool = False,
    selects: Sequence[Select] = ("weighted",),
    success: float = 0.7,
    steps: int = 5,
    wrong_answers: int = 10,
) -> list[Outcome]:
    """Solve scripted problems, number 0 and on; an outcome for each selection.

    Args:
        strategy: how.
        problems: how many.
        noise: of the verifier, from 0 (perfect) to 0.5 (knows nothing).
        lasting: whether its mistakes about a path last.
        selects: how finished solutions become an answer.
        success: probability that a step is right, given those before it.
        steps: in a solution.
        wrong_answers: different ones, all equally likely.
    """
    right: list[list[float]] = [[] for _ in selects]
    tokens = 0
    for number in range(problems):
        question = f"problem {number}"
        search = Search(
            Tree.plant(question, [{"role": "user", "content": question}], list(question.encode()), number),
            engine=Engine(success=success, steps=steps, wrong_answers=wrong_answers),
            verifier=Verifier(noise=noise, lasting=lasting),
            sampling=Sampling(top_logprobs=20),
            separator="\n\n",
            budget=Budget(samples=strategy.samples),
            aggregate="last",
        )
        await search.run(strategy)
        for select, results in zip(selects, right, strict=True):
            results.append(float(_chosen(search.tree, select) == scripted_answer(question)))
        tokens += search.tree.cost.engine.generated_tokens
    return [Outcome(right=results, tokens=tokens / problems) for results in right]


def _chosen(tree: Tree, select: Select) -> str | None:
    paths = map(tree.path, tree.leaves)
    return SELECTIONS[select]([candidate(path, path_score(path, "last")) for path in paths]).answer


def _rows(kinds: Sequence[str], sizes: Sequence[int]) -> list[dict[str, object]]:
    return [{"kind": kind, "n": n} for kind in kinds for n in sizes]


async def main() -> None:
    """Print a table of accuracies with intervals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--lasting", action="store_true", help="the verifier's mistakes about a path last")
    parser.add_argument("--kinds", nargs="+", default=["sample", "beam", "dvts", "rebase", "particles", "mcts"])
    parser.add_argument("--n", nargs="+", type=int, default=[4, 16, 64])
    parser.add_argument("--select", default="weighted", choices=list(SELECTIONS))
    given = parser.parse_args()
    print("| strategy | N | accuracy, % | 95 % interval | tokens |\n|---|---:|---:|---|---:|")
    for row in _rows(given.kinds, given.n):
        (outcome,) = await measure(
            make_strategy(row),
            problems=given.problems,
            noise=given.noise,
            lasting=given.lasting,
            selects=[given.select],
        )
        low, high = accuracy_interval(outcome.right)
        print(
            f"| {row['kind']} | {row['n']} | {100 * outcome.accuracy:.1f} | {100 * low:.1f} to {100 * high:.1f} "
            f"| {outcome.tokens:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
