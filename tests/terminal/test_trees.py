import io
from array import array

from rich.console import Console
from rich.text import Text

from outthink.terminal.steps import score_style, step_row
from outthink.terminal.trees import tree_view
from outthink.tree import Finish, Node, Tree


def grow(tree: Tree, parent: Node, text: str, score: float | None, finish: Finish = "step") -> Node:
    parent.children += 1
    node = Node(
        index=len(tree.nodes),
        parent=parent.index,
        ordinal=parent.children - 1,
        depth=parent.depth + 1,
        length=parent.length + 2,
        seed=0,
        ids=array("i", [1, 2]),
        text=text,
        finish=finish,
        score=score,
    )
    tree.nodes.append(node)
    return node


def forked() -> Tree:
    """Two first steps; the first goes on and forks into a right, a wrong and an unfinished solution."""
    tree = Tree.plant("2 + 2?", [], [0] * 7, 0)
    kept = grow(tree, tree.root, "2 + 2 = 4\n\n", 0.9)
    grow(tree, tree.root, "2 + 2 = 5\n\n", 0.1)
    fork = grow(tree, kept, "So it is clear.\n\n", 0.8)
    grow(tree, fork, "The answer is 4.", 1.0, "end")
    grow(tree, fork, "The answer is 5.", 0.0, "end")
    grow(tree, fork, "And so on and", None, "length")
    return tree


def printed(tree: Tree, *chosen: tuple[str, str | None], colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(), width=100, force_terminal=colour, color_system="truecolor" if colour else None
    )
    console.print(tree_view(tree, chosen))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture() -> None:
    lines = [line.rstrip() for line in printed(forked(), ("best", "4"), ("majority", "4.0")).splitlines()]
    assert lines == [
        "prompt, 7 tokens",
        "├── 0.90 2 + 2 = 4  2 tokens",
        "│   0.80 So it is clear.  2 tokens",
        "│   ├── 1.00 The answer is 4.  2 tokens  → 4  ◀ best, majority",
        "│   ├── 0.00 The answer is 5.  2 tokens  → 5",
        "│   └──      And so on and  2 tokens, out of tokens",
        "└── 0.10 2 + 2 = 5  2 tokens",
    ]


def test_another_prompt_is_told_from_a_step() -> None:
    tree = Tree.plant("2 + 2?", [], [0] * 7, 0)
    first = grow(tree, tree.root, "The answer is 5.", 0.1, "end")
    turn = grow(tree, first, "", None)
    turn.turn = True
    grow(tree, turn, "The answer is 4.", 1.0, "end")
    assert [line.rstrip() for line in printed(tree).splitlines()][1:] == [
        "└── 0.10 The answer is 5.  2 tokens  → 5",
        "         asked anew, 2 tokens",
        "    1.00 The answer is 4.  2 tokens  → 4",
    ]


def test_what_leads_nowhere_is_dimmed() -> None:
    lines = printed(forked(), colour=True).splitlines()
    for step, style in {"2 + 2 = 4": "38;2;", "The answer is 5.": "38;2;", "2 + 2 = 5": "2", "And so on": "2"}.items():
        (line,) = [line for line in lines if step in line]
        assert line.split(step)[0].rpartition("\x1b[")[2].startswith(style)


def test_a_long_solution_is_not_a_deep_picture() -> None:
    tree = Tree.plant("?", [], [0], 0)
    node = tree.root
    for n in range(500):
        node = grow(tree, node, f"step {n}\n\n", 0.5)
    assert printed(tree).splitlines()[-1].startswith("    0.50 step 499")


def test_what_a_model_writes_cannot_steer_the_terminal() -> None:
    tree = Tree.plant("?", [], [0], 0)
    node = grow(tree, tree.root, "a\x1b[31mred\x07 [bold]b", 0.5)
    assert step_row(node)[1] == Text("a\ufffd[31mred\ufffd [bold]b", score_style(0.5))


def test_colours_go_from_red_to_green() -> None:
    assert score_style(0.0).startswith("rgb(218,11,")
    assert score_style(0.5).startswith("rgb(218,218,")
    assert score_style(1.0).startswith("rgb(11,218,")
    assert score_style(None) == ""
