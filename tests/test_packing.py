import pytest
from hypothesis import given

from grown import grow, plant, trees
from outthink.packing import pack, unpack
from outthink.tree import Tree


@given(trees())
def test_a_tree_loads_back_equal(tree: Tree) -> None:
    again = unpack(pack(tree))
    assert again == tree
    assert again.digest() == tree.digest()
    assert again.cost == tree.cost


def test_a_tree_of_a_thousand_short_steps_is_compact() -> None:
    tree = plant()
    for index in range(1000):
        grow(tree, index // 4, text=f"{index} + 1 = {index + 1}\n\n", score=1.0)
    assert len(pack(tree)) < 60_000


@pytest.mark.parametrize("data", [b"", b"no tree", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"tree|Expecting"):
        unpack(data)
