from conftest import SearchFactory
from outthink.verifiers.rules import Rules


async def test_every_unscored_step_is_checked_on_its_own(new_search: SearchFactory) -> None:
    rules = Rules()
    search = new_search(verifier=rules)
    (first,) = await search.expand([search.root], 1)
    assert first.score == 0.5, "a scripted step has nothing to check"
    (second,) = await search.expand([first], 1)
    first.text, first.score = "2 + 2 = 5\n\n", None
    second.text, second.score = "so 5 * 3 = 15", None
    scores = await rules.score(search.tree.path(second))
    assert scores.values == [0.0, 1.0]
    assert scores.usage.scored_tokens == 0
    assert rules.usage.calls == 3
