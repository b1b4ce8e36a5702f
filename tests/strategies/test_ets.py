from itertools import combinations
from random import Random

import pytest

from conftest import SearchFactory
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import UsageError
from outthink.strategies.ets import Ets
from outthink.strategies.parts.pruning import Pruning
from outthink.strategies.rebase import Rebase


def grown(rng: Random, leaves: int, depth: int) -> list[set[int]]:
    """The nodes above each leaf of a random tree with that many nodes at each depth."""
    paths = [[0]]
    for level in range(depth):
        paths = [[*rng.choice(paths), 1 + level * leaves + i] for i in range(leaves)]
    return [set(rng.choice(paths)) for _ in range(leaves)]


def random_pruning(seed: int, leaves: int) -> Pruning:
    rng = Random(seed)
    above = grown(rng, leaves, 3)
    raw = [rng.random() ** 3 for _ in range(leaves)]
    groups = [rng.randrange(rng.randint(1, leaves)) for _ in range(leaves)]
    return Pruning(
        gains=[each / sum(raw) for each in raw],
        above=above,
        groups=groups,
        price=rng.choice([0.5, 1.0, 2.0]) / (leaves + len(set().union(*above))),
        prize=rng.choice([0.0, 0.5, 1.4]) / len(set(groups)),
    )


def test_what_a_choice_is_worth() -> None:
    """Leaves 0 and 1 share node 7 below the root 6, leaf 2 has node 8 to itself; 0 and 2 are alike."""
    pruning = Pruning(gains=[0.5, 0.3, 0.1], above=[{6, 7}, {6, 7}, {6, 8}], groups=[0, 1, 0], price=0.1, prize=0.01)
    assert pruning.worth([0]) == pytest.approx(0.5 - 3 * 0.1 + 0.01)
    assert pruning.worth([0, 1]) == pytest.approx(0.8 - 4 * 0.1 + 0.02)
    assert pruning.worth([0, 2]) == pytest.approx(0.6 - 5 * 0.1 + 0.01)
    assert pruning.best() == {0, 1}


def test_a_dear_node_goes_a_shared_one_stays() -> None:
    shared = [{0, 1, 2}, {0, 1, 2}, {0, 3, 4}]
    assert Pruning(gains=[0.3, 0.3, 0.4], above=shared, groups=[0] * 3, price=0.15, prize=0.0).best() == {0, 1}
    assert Pruning(gains=[0.3, 0.3, 0.4], above=shared, groups=[0] * 3, price=0.0, prize=0.0).best() == {0, 1, 2}
    alone = Pruning(gains=[0.3, 0.3, 0.4], above=shared, groups=[0] * 3, price=9.0, prize=0.0).best()
    assert alone == {2}, "one is always kept"
    assert Pruning(gains=[0.3, 0.3, 0.4], above=shared, groups=[0, 0, 1], price=0.15, prize=1.0).best() == {0, 1, 2}


def test_the_choice_is_the_integer_programs_but_for_a_few_trees_in_a_hundred() -> None:
    missed, lost = 0, 0.0
    for seed in range(100):
        pruning = random_pruning(seed, 7)
        choices = [choice for size in range(1, 8) for choice in combinations(range(7), size)]
        best = max(pruning.worth(choice) for choice in choices)
        found = pruning.worth(pruning.best())
        assert found <= best + 1e-9
        assert found >= pruning.worth(range(7)) - 1e-9
        missed += found < best - 1e-9
        lost += best - found
    assert missed <= 3 and lost / 100 < 0.01


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_leaves_does_not_matter(seed: int) -> None:
    pruning = random_pruning(seed, 7)
    order = list(range(7))
    Random(seed).shuffle(order)
    shuffled = Pruning(
        gains=[pruning.gains[i] for i in order],
        above=[pruning.above[i] for i in order],
        groups=[pruning.groups[i] for i in order],
        price=pruning.price,
        prize=pruning.prize,
    )
    assert {order[i] for i in shuffled.best()} == pruning.best()


async def test_without_a_price_it_is_rebase(new_search: SearchFactory) -> None:
    digests = []
    for strategy in (Ets(n=8, sharing=0.0), Rebase(n=8, temperature=0.2)):
        search = new_search(engine=ScriptedEngine(steps=4))
        await search.run(strategy)
        digests.append(search.tree.digest())
    assert digests[0] == digests[1]


async def test_a_price_keeps_fewer_paths(new_search: SearchFactory) -> None:
    expanded = []
    for sharing in (0.0, 1.0, 4.0):
        search = new_search(engine=ScriptedEngine(steps=5))
        await search.run(Ets(n=16, temperature=1.0, sharing=sharing, covering=0.0))
        assert len(search.tree.leaves) == 16
        expanded.append(sum(node.children > 0 for node in search.tree.nodes))
    assert expanded[0] > expanded[1] > expanded[2] == 5


@pytest.mark.parametrize(
    ("option", "value"),
    [("n", 0), ("temperature", 0), ("sharing", -1), ("covering", -1), ("apart", -1), ("max_steps", 0)],
)
def test_what_cannot_be_is_refused(option: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{option} is {value}"):
        Ets(**{option: value})
