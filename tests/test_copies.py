from grown import grow, plant
from outthink.copies import Copies


def test_paths_are_copies_if_they_answer_the_same_prompt_and_say_the_same_to_the_same_end() -> None:
    tree = plant()
    first, again, other = (grow(tree, 0, text=text) for text in ("2 and 2\n\n", "2 and 2\n\n", "Two.\n\n"))
    end = grow(tree, first.index, text="4", finish="end")
    copy = grow(tree, again.index, text="4", finish="end")
    cut = grow(tree, again.index, text="4", finish="length")
    elsewhere = grow(tree, other.index, text="4", finish="end")
    copies = Copies()
    paths = [tree.path(node) for node in (first, again, other, end, copy, cut, elsewhere)]
    expected = [node.index for node in (first, first, other, end, end, cut, elsewhere)]
    assert [copies.first(path) for path in paths] == expected
    assert [copies.first(path) for path in paths] == expected, "to ask changes nothing"


def test_how_a_text_is_cut_into_steps_is_part_of_what_is_said() -> None:
    tree = plant()
    whole = grow(tree, 0, text="so\n\nso\n\n")
    half = grow(tree, 0, text="so\n\n")
    rest = grow(tree, half.index, text="so\n\n")
    copies = Copies()
    assert len({copies.first(tree.path(node)) for node in (whole, half, rest)}) == 3
