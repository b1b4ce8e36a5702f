import pytest

from conftest import SearchFactory
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.verifiers.scripted import Scripted


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5])
async def test_the_noise_is_as_told(new_search: SearchFactory, noise: float) -> None:
    search = new_search(engine=ScriptedEngine(success=0.5), verifier=Scripted(noise=noise))
    children = await search.expand([search.root], 2000)
    mistaken = sum((child.text.startswith("right")) != ((child.score or 0) >= 0.5) for child in children)
    assert mistaken / 2000 == pytest.approx(noise, abs=0.04)


async def test_scores_do_not_depend_on_the_order_of_asking(new_search: SearchFactory) -> None:
    search = new_search(verifier=Scripted(noise=0.3))
    children = await search.expand([search.root], 5)
    given = [child.score for child in children]
    again = Scripted(noise=0.3)
    for child in reversed(children):
        child.score = None
    fresh = [(await again.score(search.tree.path(child))).values[0] for child in reversed(children)]
    assert fresh == given[::-1]
