"""Trees that no search wrote, and trees as they are stored."""

from array import array
from dataclasses import replace

from hypothesis import strategies as st

from outthink.cost import Cost, Usage
from outthink.seeding import child
from outthink.tree import Finish, Node, Tree

texts = st.text(max_size=12)
scores = st.none() | st.floats(0, 1)
times = st.integers(0, 10**8).map(lambda microseconds: microseconds / 1e6)
usages = st.builds(Usage, generated_tokens=st.integers(0, 99), seconds=times, flops=st.floats(0, 1e18))


def grow(tree: Tree, parent: int, *, text: str = "so\n\n", finish: Finish = "step", score: float | None = None) -> Node:
    above = tree.nodes[parent]
    node = Node(
        index=len(tree.nodes),
        parent=parent,
        ordinal=above.children,
        depth=above.depth + 1,
        length=above.length + len(text),
        seed=child(above.seed, above.children),
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
        node.seed = draw(st.just(node.seed) | st.integers(0, 2**31 - 1))
        node.began, node.written, node.scored = draw(times), draw(times), draw(st.none() | times)
        node.cost = Cost(engine=draw(usages), verifier=draw(usages))
    tree.stopped = draw(st.none() | st.just("tokens"))
    return tree


def in_microseconds(tree: Tree) -> Tree:
    """The tree with times as they are stored; everything else as it is."""

    def usage(measured: Usage) -> Usage:
        return replace(measured, seconds=round(measured.seconds, 6))

    def node(timed: Node) -> Node:
        return replace(
            timed,
            began=round(timed.began, 6),
            written=round(timed.written, 6),
            scored=None if timed.scored is None else round(timed.scored, 6),
            cost=Cost(engine=usage(timed.cost.engine), verifier=usage(timed.cost.verifier)),
        )

    return replace(tree, nodes=[node(each) for each in tree.nodes])
