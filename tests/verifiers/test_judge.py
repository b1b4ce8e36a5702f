import math
from collections.abc import Sequence

import pytest

from conftest import SearchFactory
from outthink.cost import Usage
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.strategies.sample import Sample
from outthink.verifiers.judge import Judge


class Opinionated(ScriptedEngine):
    """Says yes with probability 0.8 to what is right, 0.1 to what is wrong; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(steps=3, success=0.6)
        self.asked: list[str] = []

    async def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    async def choose(
        self, ids: Sequence[int], positions: Sequence[int], options: Sequence[int]
    ) -> tuple[list[list[float]], Usage]:
        assert bytes(options) == b"YN" and list(positions) == [len(ids) - 1]
        content = bytes(ids).decode()
        self.asked.append(content)
        yes = 0.1 if "wrong" in content else 0.8
        return [[math.log(yes), math.log(1 - yes)]], Usage(scored_tokens=10, calls=1)


async def test_each_step_is_asked_about_once_with_all_before_it(new_search: SearchFactory) -> None:
    engine, judge = Opinionated(), Judge()
    await judge.open(engine)
    search = new_search(engine=engine, verifier=judge)
    await search.run(Sample(n=2))
    assert len(engine.asked) == 6
    for leaf in search.tree.leaves:
        path = search.tree.path(leaf)
        expected = [0.1 if "wrong" in "".join(n.text for n in path.nodes[: i + 1]) else 0.8 for i in range(3)]
        assert path.scores == pytest.approx(expected)
    assert search.tree.cost.verifier == judge.usage == Usage(scored_tokens=60, calls=6)


async def test_of_the_solution_asks_once_at_its_end(new_search: SearchFactory) -> None:
    engine, judge = Opinionated(), Judge(of="solution")
    await judge.open(engine)
    search = new_search(engine=engine, verifier=judge)
    (child,) = await search.expand([search.root], 1)
    assert child.score == 0.5 and engine.asked == []
    (leaf,) = await search.complete([child], 1)
    assert len(engine.asked) == 1
    assert leaf.score == pytest.approx(0.1 if "wrong" in search.tree.path(leaf).text else 0.8)


async def test_an_engine_without_log_probabilities_is_refused() -> None:
    with pytest.raises(UsageError, match="use llamacpp"):
        await Judge().open(ScriptedEngine())


async def test_words_that_begin_with_the_same_token_are_refused() -> None:
    class Coarse(Opinionated):
        async def tokenize(self, text: str) -> list[int]:
            return [0]

    with pytest.raises(UsageError, match="cannot tell them apart"):
        await Judge().open(Coarse())
