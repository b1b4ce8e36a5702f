from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.cost import Cost, Usage
from outthink.tree import Finish, Node, Tree

texts = st.text(max_size=12)
scores = st.none() | st.floats(0, 1)
usages = st.builds(Usage, generated_tokens=st.integers(0, 99), seconds=st.floats(0, 9), flops=st.floats(0, 1e18))


def grow(tree: Tree, parent: int, *, text: str = "so\n\n", finish: Finish = "step", score: float | None = None) -> Node:
    above = tree.nodes[parent]
    node = Node(
        index=len(tree.nodes),
        parent=parent,
        ordinal=above.children,
        depth=above.depth + 1,
        length=above.length + len(text),
        seed=above.seed + 1,
        ids=array("i", list(text.encode("utf-8", "surrogatepass"))),
        text=text,
        finish=finish,
        score=score,
        cost=Cost(engine=Usage(generated_tokens=len(text))),
    )
    above.children += 1
    tree.nodes.append(node)
    return node


def plant() -> Tree:
    return Tree.plant("2 + 2?", [{"role": "user", "content": "2 + 2?"}], [1, 2, 3], 7)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    tree = plant()
    for _ in range(draw(st.integers(0, 12))):
        parent = draw(st.integers(0, len(tree.nodes) - 1))
        finish = draw(st.sampled_from(["step", "end", "length", "context"]))
        node = grow(tree, parent, text=draw(texts), finish=finish, score=draw(scores))
        node.logprob = draw(st.none() | st.floats(-50, 0))
        told = draw(st.none() | st.lists(st.floats(0, 100, width=32)))
        node.confidences = None if told is None else array("f", told)
        node.scored = draw(st.none() | st.floats(0, 100))
        node.cost = Cost(engine=draw(usages), verifier=draw(usages))
    tree.stopped = draw(st.none() | st.just("tokens"))
    return tree


@given(trees())
def test_a_tree_loads_back_equal(tree: Tree) -> None:
    again = Tree.from_bytes(tree.to_bytes())
    assert again == tree
    assert again.digest() == tree.digest()
    assert again.cost == tree.cost


@given(trees())
def test_cost_is_the_sum_over_nodes(tree: Tree) -> None:
    assert tree.cost.engine.generated_tokens == sum(node.cost.engine.generated_tokens for node in tree.nodes)


def test_a_tree_of_a_thousand_short_steps_is_compact() -> None:
    tree = plant()
    for index in range(1000):
        grow(tree, index // 4, text=f"{index} + 1 = {index + 1}\n\n", score=1.0)
    assert len(tree.to_bytes()) < 60_000


@pytest.mark.parametrize("data", [b"", b"no tree", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"tree|Expecting"):
        Tree.from_bytes(data)


def test_a_path_runs_from_the_prompt_to_its_node() -> None:
    tree = plant()
    first = grow(tree, 0, text="a\n\n", score=0.5)
    grow(tree, 0, text="other\n\n")
    last = grow(tree, first.index, text="b", finish="end")
    path = tree.path(last)
    assert path.nodes == [first, last]
    assert path.text == "a\n\nb"
    assert path.ids == [1, 2, 3, *b"a\n\n", *b"b"]
    assert path.scores == [0.5]
    assert path.unscored == [last]


def test_a_blank_step_is_no_step() -> None:
    """An end right after a separator says nothing: it is not scored, and does not become the "last" score."""
    tree = plant()
    said = grow(tree, 0, text="The answer is 4.\n\n", score=0.9)
    end = grow(tree, said.index, text="", finish="end")
    assert end.finished
    assert tree.path(end).steps == [said]
    assert tree.path(end).unscored == []
    assert tree.leaves == [end]


def test_the_digest_does_not_depend_on_the_order_of_writing() -> None:
    def build(order: list[int]) -> Tree:
        tree = plant()
        tree.root.children = 2
        for ordinal in order:
            tree.root.children = ordinal
            grow(tree, 0, text=f"step {ordinal}")
        return tree

    assert build([0, 1]).digest() == build([1, 0]).digest()
    assert build([0, 1]).digest() != build([0, 2]).digest()
