import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SearchFactory
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.strategies.dora import Dora, uniqueness
from outthink.strategies.parts.likeness import clusters, likenesses
from outthink.strategies.rebase import Rebase


def test_likeness_is_the_cosine_of_word_counts() -> None:
    found = likenesses(["2 + 3 = 5\n\n", "2+3 = 5", "6 * 7 = 42", ""])
    assert found[0][1] == 1.0, "spaces say nothing"
    assert found[0][2] == pytest.approx(1 / 5), "of five words each, the equals sign is shared"
    assert found[0][3] == 0.0 and found[3][3] == 1.0
    assert all(found[i][j] == found[j][i] for i in range(4) for j in range(4))


def test_steps_that_say_the_same_share_one_directions_weight() -> None:
    """Closed forms of the softmax's diagonal: 1 for a step unlike all others, 1 / k for each of k that are the same."""
    assert uniqueness(["a b", "c d", "e f"], 0.01) == pytest.approx([1, 1, 1])
    assert uniqueness(["a b", "b a", "A B", "c d"], 0.01) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
    half = uniqueness(["a b", "b c"], 0.5)
    assert half == pytest.approx([1 / (1 + math.exp(-1.0))] * 2)


@given(st.lists(st.text("ab +=1"), min_size=1, max_size=8), st.floats(0.001, 10))
def test_uniqueness_lies_between_an_equal_share_and_one(texts: list[str], sharpness: float) -> None:
    found = uniqueness(texts, sharpness)
    assert all(1 / len(texts) - 1e-9 <= each <= 1 + 1e-9 for each in found)
    assert sorted(uniqueness(texts[::-1], sharpness)) == pytest.approx(sorted(found))


async def test_seats_go_by_score_times_uniqueness(new_search: SearchFactory) -> None:
    """Three first steps, two of them alike: by score alone a third of the seats each, by directions 1/4, 1/4, 1/2."""
    search = new_search(engine=ScriptedEngine(steps=2))
    await search.expand([search.root], 3)
    first, second, third = search.tree.nodes[1:]
    for node, text in ((first, "add the two"), (second, "the two add"), (third, "multiply")):
        node.text, node.score = text, 0.7
    dora = Dora(temperature=0.1)
    values = dora._values(search, [first, second, third])
    weights = [math.exp(value / 0.1) for value in values]
    assert [weight / sum(weights) for weight in weights] == pytest.approx([1 / 4, 1 / 4, 1 / 2])


async def test_where_likeness_counts_for_nothing_it_is_rebase(new_search: SearchFactory) -> None:
    digests = []
    for strategy in (Dora(n=8, sharpness=1e6), Rebase(n=8)):
        search = new_search(engine=ScriptedEngine(steps=4))
        await search.run(strategy)
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


def test_clusters_are_joined_by_their_mean_distance() -> None:
    likeness = [[1.0, 0.9, 0.8, 0.0], [0.9, 1.0, 0.6, 0.0], [0.8, 0.6, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    assert clusters(likeness, 0.05) == [0, 1, 2, 3]
    assert clusters(likeness, 0.1 + 1e-9) == [0, 0, 1, 2]
    # The third is 0.2 from the first and 0.4 from the second: 0.3 from both together.
    assert clusters(likeness, 0.29) == [0, 0, 1, 2]
    assert clusters(likeness, 0.3 + 1e-9) == [0, 0, 0, 1]
    assert clusters(likeness, 1.0) == [0, 0, 0, 0]


@pytest.mark.parametrize("option", ["n", "temperature", "sharpness", "max_steps"])
def test_what_cannot_be_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match=f"{option} is 0"):
        Dora(**{option: 0})
