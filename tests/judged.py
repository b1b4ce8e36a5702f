"""What a reward model says of written solutions."""

from __future__ import annotations

from collections.abc import Sequence

from outthink.engines.scripted import Scripted
from outthink.learn.labels import Labelled
from outthink.prompt import Prompt
from outthink.tree import Tree
from outthink.verifiers.prm import Prm


async def scores_of(prm: Prm, labelled: Sequence[Labelled]) -> list[list[float]]:
    """Each solution's scores, a list of its steps', from a model that is opened and closed here."""
    prompt = Prompt()
    trees = [Tree.written(each.question, each.steps, prompt.step, prompt.messages(each.question)) for each in labelled]
    try:
        await prm.open(Scripted())
        return [list((await prm.score(tree.path(tree.nodes[-1]))).values) for tree in trees]
    finally:
        await prm.close()
