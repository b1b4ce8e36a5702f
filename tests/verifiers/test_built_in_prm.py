"""The reward model that ships, on the real embedded engine."""

from pathlib import Path

import pytest

from judged import scores_of
from outthink.learn.broken import broken
from outthink.learn.labels import Labelled
from outthink.problems.arithmetic import arithmetic
from outthink.prompt import Prompt
from outthink.verifiers.prm import Prm

pytestmark = pytest.mark.model

NAME = "smollm2-135m-arithmetic-prm"


def solutions(count: int) -> list[list[Labelled]]:
    """Of each of some test problems, the worked solution and one with a mistake."""
    return [
        list(broken(problem.id, problem.question, str(problem.solution).split(Prompt().step), times=1, seed=0))
        for problem in arithmetic("test", count=count)
    ]


async def test_it_tells_wrong_steps_from_right_ones() -> None:
    pairs = solutions(20)
    said = await scores_of(Prm(model=NAME), [each for pair in pairs for each in pair])
    places = [mistaken.labels.index(0) for _, mistaken in pairs]
    told = [worked[at] > mistaken[at] for at, worked, mistaken in zip(places, said[::2], said[1::2], strict=True)]

    # Chance comes to 10.
    assert sum(told) >= 15, told


async def test_it_says_on_transformers_what_it_says_here(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: it comes with outthink[transformers]")
    from outthink.learn.train.merge import export_model

    export_model(NAME, tmp_path / "model")
    shown = [each for pair in solutions(10) for each in pair]
    here, there = [
        [value for scores in await scores_of(prm, shown) for value in scores]
        for prm in (Prm(model=NAME), Prm(model=str(tmp_path / "model"), backend="transformers"))
    ]
    assert max(there) - min(there) > 0.5, "it says something"
    assert here == pytest.approx(there, abs=0.01)
