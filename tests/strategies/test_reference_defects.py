"""What the reference toolkit, huggingface/search-and-learn, gets wrong in its algorithms, each put to the test here.

Defects that are about speed or packaging have their tests, or benchmarks, elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator

import pytest

from conftest import SearchFactory
from outthink.budget import Budget
from outthink.engines import Request, Sampling, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.problems import Problem
from outthink.select import Candidate, aggregate, weighted
from outthink.solver import Solver
from outthink.strategies.beam import Beam
from outthink.strategies.dvts import Dvts
from outthink.strategies.lookahead import Lookahead
from outthink.tree import Path
from outthink.verifiers import Scores
from outthink.verifiers.scripted import Scripted as ScriptedVerifier


class Watched(ScriptedVerifier):
    """Remembers the texts of the steps that it was asked to score."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, str]] = []

    async def score(self, path: Path) -> Scores:
        self.asked += [(step.index, step.text) for step in path.unscored]
        return await super().score(path)


async def test_a_step_is_scored_once(new_search: SearchFactory) -> None:
    verifier = Watched()
    await new_search(verifier=verifier).run(Beam(n=16, width=4))
    assert verifier.asked and max(Counter(index for index, _ in verifier.asked).values()) == 1


async def test_a_path_is_continued_from_the_very_ids_that_were_sampled(new_search: SearchFactory) -> None:
    class Remembering(ScriptedEngine):
        def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
            seen.append((path.node.index, path.ids))
            return super().sample(path, request)

    seen: list[tuple[int, list[int]]] = []
    search = new_search(engine=Remembering())
    await search.run(Beam(n=8, width=4))
    nodes = search.tree.nodes
    for index, ids in seen:
        path = search.tree.path(nodes[index])
        assert ids == [*search.root.ids, *(token for node in path.nodes for token in node.ids)]


def test_how_step_scores_become_one_is_chosen_not_fixed() -> None:
    scores = [0.9, 0.2, 0.6]
    assert [aggregate(scores, how) for how in ("last", "min", "mean", "prod")] == pytest.approx(
        [0.6, 0.2, 1.7 / 3, 0.108]
    )


async def test_what_lookahead_writes_is_what_it_judges_by(new_search: SearchFactory) -> None:
    verifier = Watched()
    search = new_search(engine=ScriptedEngine(steps=4), verifier=verifier)
    await search.run(Lookahead(inner=Beam(n=4, width=4), steps=1))
    first = [node for node in search.tree.nodes if node.depth == 1 and not node.starts]
    ahead = [node for node in search.tree.nodes if node.parent in {step.index for step in first}]
    scored = {index for index, _ in verifier.asked}
    assert {step.index for step in first} <= scored and len(scored & {node.index for node in ahead}) >= len(first)


@pytest.mark.parametrize("strategy", [Beam(n=8, width=4), Dvts(n=8, width=4)])
async def test_no_more_solutions_than_asked_for_none_padded_none_twice(
    new_search: SearchFactory, strategy: Beam | Dvts
) -> None:
    for seed in range(20):
        search = new_search(engine=ScriptedEngine(steps=3), seed=seed, budget=Budget(samples=8))
        await search.run(strategy)
        leaves = search.tree.leaves
        assert len(leaves) <= 8 and len({leaf.index for leaf in leaves}) == len(leaves)


def test_the_order_of_finishing_does_not_choose() -> None:
    votes = [Candidate(answer=key, key=key, score=score) for key, score in (("1", 0.5), ("2", 0.4), ("2", 0.3))]
    assert weighted(votes).key == weighted(votes[::-1]).key == "2"


async def test_unfinished_siblings_of_a_finished_child_do_not_vote(new_search: SearchFactory) -> None:
    search = new_search(engine=ScriptedEngine(steps=6), sampling=Sampling(max_tokens=40))
    await search.run(Dvts(n=16, width=4))
    cut = [node for node in search.tree.nodes if node.finish == "length"]
    assert (
        cut
        and all(leaf.finished for leaf in search.tree.leaves)
        and not {leaf.index for leaf in search.tree.leaves} & {node.index for node in cut}
    )


async def test_a_trailing_separator_is_no_step_to_score(new_search: SearchFactory) -> None:
    class Trailing(ScriptedEngine):
        """Ends some solutions with a step of nothing but a separator."""

        async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
            async for step in super().sample(path, request):
                if path.node.depth == 1 and step.sibling % 2:
                    yield Step(sibling=step.sibling, ids=[10, 10], text="\n\n", finish="end", usage=step.usage)
                else:
                    yield step

    verifier = Watched()
    search = new_search(engine=Trailing(), verifier=verifier)
    await search.run(Beam(n=8, width=4))
    assert any(node.blank for node in search.tree.nodes[1:])
    assert all(text.strip() for _, text in verifier.asked)


async def test_problems_that_ask_the_same_are_two_problems() -> None:
    async with Solver(engine=ScriptedEngine(success=0.5), verifier=ScriptedVerifier()) as solver:
        twins = [Problem(question="What is 6 * 7?", id=name) for name in ("first", "second")]
        solutions = [await solver.solve(twin, Dvts(n=8, width=4), seed=seed) for seed, twin in enumerate(twins)]
    assert [len(solution.tree.leaves) for solution in solutions] == [8, 8]
    assert solutions[0].tree.digest() != solutions[1].tree.digest()
