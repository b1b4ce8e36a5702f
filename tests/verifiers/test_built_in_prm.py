"""The reward model that ships, on the real embedded engine."""

from pathlib import Path

import pytest

from outthink.engines.scripted import Scripted
from outthink.learn.broken import broken
from outthink.learn.labels import Labelled
from outthink.problems.arithmetic import arithmetic
from outthink.prompt import Prompt
from outthink.tree import Tree
from outthink.verifiers.prm import Prm

pytestmark = pytest.mark.model

NAME = "smollm2-135m-arithmetic-prm"


def solutions(count: int) -> list[list[Labelled]]:
    """Of each of some test problems, the worked solution and one with a mistake."""
    return [
        broken(problem.id, problem.question, str(problem.solution).split(Prompt().step), times=1, seed=0)
        for problem in arithmetic("test", count=count)
    ]


async def scores(prm: Prm, each: Labelled) -> list[float]:
    prompt = Prompt()
    tree = Tree.written(each.question, each.steps, prompt.step, prompt.messages(each.question))
    return list((await prm.score(tree.path(tree.nodes[-1]))).values)


async def test_it_tells_wrong_steps_from_right_ones() -> None:
    prm, told = Prm(model=NAME), []
    try:
        await prm.open(Scripted())
        for worked, mistaken in solutions(20):
            place = mistaken.labels.index(0)
            told.append((await scores(prm, worked))[place] > (await scores(prm, mistaken))[place])
    finally:
        await prm.close()

    # Chance comes to 10.
    assert sum(told) >= 15, told


async def test_it_says_on_transformers_what_it_says_here(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: it comes with outthink[transformers]")
    from outthink.learn.train.merge import export_model

    export_model(NAME, tmp_path / "model")
    said = []
    for prm in (Prm(model=NAME), Prm(model=str(tmp_path / "model"), backend="transformers")):
        try:
            await prm.open(Scripted())
            said.append([value for pair in solutions(10) for each in pair for value in await scores(prm, each)])
        finally:
            await prm.close()
    here, there = said
    assert max(there) - min(there) > 0.5, "it says something"
    assert here == pytest.approx(there, abs=0.01)
