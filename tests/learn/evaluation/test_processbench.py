import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outthink.errors import ProblemError
from outthink.learn.evaluation import processbench
from outthink.learn.evaluation.processbench import Case, fetch_cases, first_error, first_errors, read_cases


def case(number: int, label: int, *, split: str = "gsm8k") -> Case:
    return Case(split=split, question=f"q{number}", steps=("a", "b", "c"), label=label)


# Two with an error and two without on one split; one and one on the other.
CASES = [case(0, 0), case(1, 2), case(2, -1), case(3, -1), case(4, 1, split="math"), case(5, -1, split="math")]
ROW: dict[str, Any] = {
    "id": "gsm8k-7",
    "generator": "model",
    "problem": "How many?",
    "steps": ["a", "b"],
    "final_answer_correct": False,
    "label": 1,
}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def values(cases: list[Case], predictions: list[int | None]) -> dict[str, tuple[float | None, ...]]:
    return {row.split: (row.found.value, row.passed.value, row.f1.value) for row in first_errors(cases, predictions)}


@pytest.mark.parametrize(("scores", "place"), [([0.9, 0.5, 0.5], -1), ([0.9, 0.49, 0.1], 1), ([0.0], 0), ([], -1)])
def test_the_first_error_is_the_first_step_below_the_threshold(scores: list[float], place: int) -> None:
    assert first_error(scores, 0.5) == place


def test_a_perfect_verifier_has_full_marks() -> None:
    rows = first_errors(CASES, [each.label for each in CASES])
    assert [(row.split, row.wrong, row.right) for row in rows] == [("gsm8k", 2, 2), ("math", 1, 1), ("average", 3, 3)]
    assert all(row.f1 == row.found == row.passed == (1.0, (1.0, 1.0)) for row in rows[:1])
    assert rows[-1].f1.value == 1.0


def test_a_constant_verifier_has_none() -> None:
    """Seeing no error anywhere passes all right solutions; the harmonic mean gives nothing for that."""
    assert values(CASES, [-1] * 6) == dict.fromkeys(("gsm8k", "math", "average"), (0.0, 1.0, 0.0))
    assert values(CASES, [0] * 6)["gsm8k"] == (0.5, 0.0, 0.0)


def test_the_index_must_be_exact_and_splits_weigh_the_same() -> None:
    found = values(CASES, [0, 1, -1, -1, 1, -1])
    assert found["gsm8k"] == (0.5, 1.0, pytest.approx(2 / 3))
    assert found["math"] == (1.0, 1.0, 1.0)
    assert found["average"] == (0.75, 1.0, pytest.approx(5 / 6))


def test_no_prediction_is_a_wrong_one() -> None:
    assert values(CASES[:4], [0, None, None, -1]) == {"gsm8k": (0.5, 0.5, 0.5)}


def test_the_order_of_the_cases_makes_no_difference() -> None:
    predictions = [0, 1, -1, 0, 1, -1]
    assert first_errors(CASES, predictions) == first_errors(CASES[::-1], predictions[::-1])


def test_the_interval_holds_its_figure() -> None:
    cases = [case(place, (-1, 1)[place % 2]) for place in range(100)]
    (row,) = first_errors(cases, [-1 if place % 4 else 1 for place in range(100)])
    assert row.f1 == (0.0, (0.0, 0.0))
    (row,) = first_errors(cases, [each.label if place % 3 else 0 for place, each in enumerate(cases)])
    assert row.f1.interval is not None and row.f1.value is not None
    assert 0.5 < row.f1.interval.low < row.f1.value < row.f1.interval.high < 0.8


def test_cases_are_read_and_the_split_is_told_by_the_id(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", ROW, {**ROW, "id": 3, "label": -1})
    first, second = read_cases(path)
    assert first == Case(split="gsm8k", question="How many?", steps=("a", "b"), label=1)
    assert (second.split, second.label) == ("mine", -1)
    (tmp_path / "mine.json").write_text(json.dumps([ROW]))
    assert read_cases(tmp_path / "mine.json") == [first]


def test_parquet_is_read_as_well(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([ROW]), tmp_path / "mine.parquet")
    assert read_cases(tmp_path / "mine.parquet")[0].label == 1


def test_steps_that_say_nothing_are_not_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", {**ROW, "steps": ["a", " ", "b", "c"], "label": 2})
    assert read_cases(path)[0] == Case(split="gsm8k", question="How many?", steps=("a", "b", "c"), label=1)


def test_the_hubs_splits_are_all_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rows(name: str, *, config: str | None, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        asked.append((name, config, split))
        yield f"{name}, row 1", {**ROW, "id": f"{split}-0"}

    monkeypatch.setattr(processbench, "hub_rows", rows)
    assert [each.split for each in fetch_cases()] == ["gsm8k", "math", "olympiadbench", "omnimath"]
    assert asked[1] == ("Qwen/ProcessBench", None, "math")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problem": " "}, "mine.jsonl, line 2: problem: ' ' is no question"),
        ({"steps": "a, b"}, "mine.jsonl, line 2: steps: 'a, b' is no list of texts"),
        ({"steps": [1]}, "mine.jsonl, line 2: steps: '[1]' is no list of texts"),
        ({"steps": [], "label": -1}, "mine.jsonl, line 2: steps: nothing is said from step 0 on"),
        ({"steps": ["a", ""]}, "mine.jsonl, line 2: steps: nothing is said from step 1 on"),
        ({"label": 2}, "mine.jsonl, line 2: label: 2 is none of the 2 steps"),
        ({"label": True}, "mine.jsonl, line 2: label: True is none of the 2 steps"),
        ({"label": "1"}, "mine.jsonl, line 2: label: '1' is none of the 2 steps"),
    ],
)
def test_what_is_malformed_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "mine.jsonl", ROW, {**ROW, **change})
    with pytest.raises(ProblemError) as refused:
        read_cases(path)
    assert message in str(refused.value)


def test_a_missing_field_and_an_empty_file_are_named(tmp_path: Path) -> None:
    lacking = {name: value for name, value in ROW.items() if name != "label"}
    with pytest.raises(ProblemError, match="line 1: label: missing; a case has id, problem, steps and label"):
        read_cases(write(tmp_path / "lacking.jsonl", lacking))
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(ProblemError, match="holds no case"):
        read_cases(tmp_path / "empty.jsonl")
