"""The reward model that ships, on the real embedded engine."""

import pytest

from outthink.engines.scripted import Scripted
from outthink.learn.broken import broken
from outthink.learn.labels import Labelled
from outthink.problems.arithmetic import arithmetic
from outthink.prompt import Prompt
from outthink.tree import Tree
from outthink.verifiers.prm import Prm

pytestmark = pytest.mark.model


async def test_it_tells_wrong_steps_from_right_ones() -> None:
    prm, prompt, told = Prm(model="smollm2-135m-arithmetic-prm"), Prompt(), []

    async def scores(solution: Labelled) -> list[float]:
        tree = Tree.written(solution.question, solution.steps, prompt.step, prompt.messages(solution.question))
        return list((await prm.score(tree.path(tree.nodes[-1]))).values)

    try:
        await prm.open(Scripted())
        for problem in arithmetic("test", count=20):
            steps = str(problem.solution).split(prompt.step)
            worked, mistaken = broken(problem.id, problem.question, steps, times=1, seed=0)
            place = mistaken.labels.index(0)
            told.append((await scores(worked))[place] > (await scores(mistaken))[place])
    finally:
        await prm.close()

    # Chance comes to 10.
    assert sum(told) >= 15, told
