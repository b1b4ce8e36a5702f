import json
from collections.abc import Callable
from pathlib import Path

import pytest

from outthink.errors import ProblemError
from outthink.problems import load_problems

Write = Callable[..., str]


@pytest.fixture
def row(tmp_path: Path) -> Write:
    def write(**columns: object) -> str:
        path = tmp_path / "set.jsonl"
        path.write_text(json.dumps({"question": "Add.", **columns}))
        return str(path)

    return write


def test_statements_as_mbpp_has_them(row: Write) -> None:
    (problem,) = load_problems(row(test_list=["assert add(1, 2) == 3", "assert add(0, 0) == 0"]))
    assert problem.tests == ("assert add(1, 2) == 3", "assert add(0, 0) == 0")
    assert problem.example_tests == ()


def test_a_check_as_humaneval_has_it_is_called(row: Write) -> None:
    check = "def check(candidate):\n    assert candidate(1, 2) == 3\n"
    (problem,) = load_problems(row(test=check, entry_point="add"))
    assert problem.tests == (f"{check}\ncheck(add)",)


def test_tests_that_are_no_secret_are_named_twice(row: Write) -> None:
    source = row(test_list=["assert add(1, 2) == 3"])
    (problem,) = load_problems(source, columns={"example_tests": "test_list"})
    assert problem.tests == problem.example_tests == ("assert add(1, 2) == 3",)


@pytest.mark.parametrize("nothing", [None, "", []])
def test_no_tests(row: Write, nothing: object) -> None:
    assert load_problems(row(tests=nothing))[0].tests == ()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"tests": 7}, "no list of tests"),
        ({"tests": ["assert x", 7]}, "no list of tests"),
        ({"tests": ["assert x =="]}, "not Python"),
        ({"test": "def check(f):\n    assert f()"}, "entry_point"),
    ],
)
def test_what_is_no_test_is_refused_with_its_place(row: Write, columns: dict[str, object], said: str) -> None:
    with pytest.raises(ProblemError, match=rf"set\.jsonl, line 1, column '{next(iter(columns))}'.*{said}"):
        load_problems(row(**columns))
