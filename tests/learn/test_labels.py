"""Labelled solutions in files: written and read back, and what is no such thing refused by file, line and field."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.cost import Usage
from outthink.errors import ProblemError
from outthink.learn.labels import Labelled, read_labels, write_labels

ROW: dict[str, Any] = {
    "problem": "a",
    "question": "3 + 4?",
    "steps": ["3 + 4 = 7", "The answer is 7."],
    "values": [0.8, 1.0],
    "labels": [1, 1],
    "counts": [5, 1],
    "answer": "7",
    "correct": True,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labels.jsonl"


def write(file: Path, *rows: dict[str, Any] | str) -> None:
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def refused(file: Path, *parts: str) -> None:
    """The one message with which reading fails holds all these parts."""
    with pytest.raises(ProblemError) as caught:
        list(read_labels(file))
    for part in parts:
        assert part in str(caught.value)


# Round trip

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SAID = TEXT.filter(str.strip)
NUMBERS = st.integers(0, 10**12)


@st.composite
def solutions(draw: st.DrawFn) -> Labelled:
    steps = tuple(draw(st.lists(SAID, min_size=1, max_size=4)))

    def one_each(each: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.tuples(*[each] * len(steps))

    return Labelled(
        problem=draw(TEXT),
        question=draw(TEXT),
        steps=steps,
        labels=draw(one_each(st.integers(0, 1))),
        values=draw(st.just(()) | one_each(st.none() | st.floats(0, 1))),
        counts=draw(st.just(()) | one_each(NUMBERS)),
        answer=draw(st.none() | TEXT),
        correct=draw(st.none() | st.booleans()),
        cost=Usage(prompt_tokens=draw(NUMBERS), generated_tokens=draw(NUMBERS), seconds=draw(st.floats(0, 1e6))),
    )


@given(st.lists(solutions(), min_size=1, max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, labelled: list[Labelled]) -> None:
    file = tmp_path_factory.getbasetemp() / "deep" / "down" / "labels.jsonl"
    assert write_labels(file, labelled) == len(labelled)
    assert list(read_labels(file)) == labelled
    assert [path.name for path in file.parent.iterdir()] == ["labels.jsonl"]


def test_a_file_is_written_whole_or_not_at_all(file: Path) -> None:
    solution = Labelled(problem="a", question="?", steps=("1",), labels=(1,))
    write_labels(file, [solution])

    def broken() -> Any:
        yield replace(solution, problem="b")
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError):
        write_labels(file, broken())
    assert list(read_labels(file)) == [solution]


def test_what_is_not_known_may_be_left_out(file: Path) -> None:
    write(file, {"problem": "a", "question": "?", "steps": ["1", "2"], "labels": [1, 0]})
    assert list(read_labels(file)) == [Labelled(problem="a", question="?", steps=("1", "2"), labels=(1, 0))]


def test_rows_are_read_no_further_than_they_are_asked_for(file: Path) -> None:
    write(file, ROW, "no row")
    rows = read_labels(file)
    assert next(rows).answer == "7"
    with pytest.raises(ProblemError, match="line 2"):
        next(rows)


# What is refused


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"labels": [1]}, "labels", "there are 1 for 2 steps; each step has one"),
        ({"labels": []}, "labels", "there are 0 for 2 steps"),
        ({"labels": [1, 1, 1]}, "labels", "there are 3 for 2 steps"),
        ({"values": [0.5]}, "values", "there are 1 for 2 steps"),
        ({"counts": [1, 2, 3]}, "counts", "there are 3 for 2 steps"),
        ({"labels": [1, 2]}, "labels", "[1, 2]; each is 0 or 1"),
        ({"labels": [1, -1]}, "labels", "each is 0 or 1"),
        ({"labels": [1, 0.5]}, "labels.1", "0.5"),
        ({"labels": [1, None]}, "labels.1", "None"),
        ({"labels": "11"}, "labels", "'11'"),
        ({"values": [1.0, 1.2]}, "values", "1.2 is no probability; they lie in [0, 1]"),
        ({"values": [-0.1, 1.0]}, "values", "-0.1 is no probability"),
        ({"values": [float("nan"), 1.0]}, "values", "nan is no probability"),
        ({"values": [1.0, float("inf")]}, "values", "inf is no probability"),
        ({"values": ["much", 1.0]}, "values.0", "'much'"),
        ({"counts": [5, -1]}, "counts", "-1"),
        ({"steps": [], "labels": [], "values": [], "counts": []}, "steps", "at least one step"),
        ({"steps": ["", "2"]}, "steps", "one of them says nothing"),
        ({"steps": [" \n", "2"]}, "steps", "one of them says nothing"),
        ({"steps": [1, "2"]}, "steps.0", "1"),
        ({"steps": "3 + 4 = 7"}, "steps", "'3 + 4 = 7'"),
        ({"problem": 7}, "problem", "7"),
        ({"question": None}, "question", "None"),
        ({"answer": 7}, "answer", "7"),
        ({"correct": "perhaps"}, "correct", "'perhaps'"),
        ({"cost": {"calls": "many"}}, "cost.calls", "'many'"),
    ],
)
def test_a_malformed_row_is_named_by_file_line_and_field(
    file: Path, changes: dict[str, Any], field: str, told: str
) -> None:
    write(file, ROW, {**ROW, **changes})
    refused(file, f"{file}, line 2: {field}: ", told)


@pytest.mark.parametrize("field", ["problem", "question", "steps", "labels"])
def test_a_missing_field_is_named(file: Path, field: str) -> None:
    write(file, {name: value for name, value in ROW.items() if name != field})
    refused(file, f"{file}, line 1: {field}: ", "required")


def test_what_is_no_json_is_named_by_line(file: Path) -> None:
    write(file, ROW, ROW, json.dumps(ROW)[:40])
    refused(file, f"{file}, line 3", "not JSON")
    write(file, "[1, 2]")
    refused(file, f"{file}, line 1", "not an object but list")


def test_a_file_that_is_missing_empty_or_of_no_known_kind_is_refused(file: Path) -> None:
    refused(file, f"{file}: no such file")
    file.touch()
    refused(file, f"{file} holds no labelled solution; check that it is the right file")
    other = file.with_suffix(".txt")
    other.touch()
    refused(other, str(other), "'.txt'", ".jsonl")


def test_what_makes_no_sense_in_python_is_refused_alike() -> None:
    with pytest.raises(ProblemError, match=re.escape("labels: there are 2 for 1 steps")):
        Labelled(problem="a", question="?", steps=("1",), labels=(1, 0))


# Targets


def test_a_model_learns_values_and_labels_where_there_are_none() -> None:
    solution = Labelled(problem="a", question="?", steps=("1", "2", "3"), labels=(1, 1, 0))
    assert solution.targets == (1, 1, 0)
    assert replace(solution, values=(0.25, None, 0.0)).targets == (0.25, 1, 0.0)
