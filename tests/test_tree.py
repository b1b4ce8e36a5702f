from hypothesis import given

from grown import grow, plant, trees
from outthink.tree import Tree


@given(trees())
def test_cost_is_the_sum_over_nodes(tree: Tree) -> None:
    assert tree.cost.engine.generated_tokens == sum(node.cost.engine.generated_tokens for node in tree.nodes)


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
