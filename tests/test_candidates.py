from outthink.candidates import candidate, path_score
from outthink.select import Candidate
from outthink.tree import Path, Tree


def written(last: str) -> Path:
    tree = Tree.written("1/4 + 1/4?", ["It is a half.", last], "\n\n")
    return tree.path(tree.nodes[-1])


def test_a_candidate_is_counted_under_its_answers_key_with_its_votes_weight() -> None:
    path = written(r"The answer is \boxed{\frac{1}{2}}.")
    path.node.weight = 3.0
    assert candidate(path, 0.25) == Candidate(answer=r"\frac{1}{2}", key="1/2", score=0.25, weight=3.0)


def test_without_an_answer_there_is_no_key() -> None:
    assert candidate(written("I give up.")) == Candidate(answer=None, key=None, score=None)
    assert candidate(written("It is 0.5."), program=True) == Candidate(answer=None, key=None, score=None)


def test_a_program_is_counted_as_it_is_written() -> None:
    found = candidate(written("```python\nx = 1/2  \n\nprint(x)\n```"), program=True)
    assert (found.answer, found.key) == ("x = 1/2  \n\nprint(x)", "x = 1/2\nprint(x)")


def test_a_path_without_scores_has_none_for_itself() -> None:
    path = written("5")
    assert path_score(path, "mean") is None
    path.node.score = 0.5
    path.nodes[0].score = 0.25
    assert path_score(path, "mean") == 0.375 and path_score(path, "last") == 0.5
