import json
import math
import zlib

import pytest
from hypothesis import given

from grown import grow, plant, trees
from outthink.cost import Cost, Usage
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
    assert len(pack(tree)) < 13_000


def test_times_are_stored_to_the_microsecond() -> None:
    tree = plant()
    node = grow(tree, 0)
    node.began, node.written = float("nan"), 1 / 3
    node.cost = Cost(engine=Usage(seconds=2 / 3))
    again = unpack(pack(tree)).nodes[1]
    assert math.isnan(again.began)
    assert (again.written, again.cost.engine.seconds) == (0.333333, 0.666667)


@given(trees())
def test_what_the_version_before_stored_is_read(tree: Tree) -> None:
    document = json.loads(zlib.decompress(pack(tree)))
    document["format"] = 2
    document["nodes"]["seed"] = [node.seed for node in tree.nodes]
    assert unpack(zlib.compress(json.dumps(document).encode())) == tree


def test_another_format_is_refused() -> None:
    document = json.loads(zlib.decompress(pack(plant()))) | {"format": 99}
    with pytest.raises(ValueError, match="tree format 99, this version reads 2 and 3"):
        unpack(zlib.compress(json.dumps(document).encode()))


@pytest.mark.parametrize("data", [b"", b"no tree", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"tree|Expecting"):
        unpack(data)
