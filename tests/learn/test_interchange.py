"""Labelled solutions in others' formats: golden rows of each, and what survives a round trip survives exactly."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outthink.cli import main
from outthink.cost import Usage
from outthink.errors import ProblemError, UsageError
from outthink.learn.interchange import Converted, FormatName, convert
from outthink.learn.labels import Labelled, read_labels, write_labels
from outthink.problems import load_problems

QUESTION = "Ann has 3 pens and buys 4. How many has she?"
STEPS = ("Step 1: She buys 4.", "Step 2: 3 + 4 = 8", "Step 3: The answer is: 8")
PLAIN = Labelled(problem="1f1e7d5d8c36", question=QUESTION, steps=STEPS, labels=(1, 0, 0))

TRL_ROW = {"prompt": QUESTION, "completions": list(STEPS), "labels": [True, False, False]}
SHEPHERD_ROW = {
    "input": f"{QUESTION} Step 1: She buys 4. ки\nStep 2: 3 + 4 = 8 ки\nStep 3: The answer is: 8 ки",
    "label": f"{QUESTION} Step 1: She buys 4. +\nStep 2: 3 + 4 = 8 -\nStep 3: The answer is: 8 -",
    "task": "GSM8K",
}


def rated(text: str, rating: int | None, flagged: bool | None = None) -> dict[str, object]:
    return {"text": text, "rating": rating, "flagged": flagged}


def step(*completions: Mapping[str, object], chosen: int | None = 0, human: object = None) -> dict[str, object]:
    return {"completions": list(completions), "human_completion": human, "chosen_completion": chosen}


def prm800k_row(*steps: object, finish: str = "found_error", **question: object) -> dict[str, Any]:
    """A row with the fields that the data set has beside those that are read."""
    return {
        "labeler": "340d89bc",
        "timestamp": "2023-01-22T04:34:27.052924",
        "generation": 9,
        "is_quality_control_question": False,
        "is_initial_screening_question": False,
        "question": {"problem": QUESTION, "ground_truth_answer": "7", "pre_generated_answer": "8", **question},
        "label": {"steps": list(steps), "total_time": 278270, "finish_reason": finish},
    }


def write_rows(path: Path, rows: Iterable[object]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def imported(folder: Path, form: FormatName, *rows: object) -> list[Labelled]:
    source = write_rows(folder / "theirs.jsonl", rows)
    convert(source, folder / "ours.jsonl", read_as=form, write_as="outthink")
    return list(read_labels(folder / "ours.jsonl"))


def exported(folder: Path, form: FormatName, *labelled: Labelled) -> list[dict[str, Any]]:
    write_labels(folder / "ours.jsonl", labelled)
    convert(folder / "ours.jsonl", folder / "theirs.jsonl", read_as="outthink", write_as=form)
    return read_rows(folder / "theirs.jsonl")


# --- golden rows


def test_trls_rows(tmp_path: Path) -> None:
    assert imported(tmp_path, "trl", TRL_ROW | {"extra": 1}) == [PLAIN]
    assert exported(tmp_path, "trl", PLAIN) == [TRL_ROW]


def test_math_shepherds_rows(tmp_path: Path) -> None:
    assert imported(tmp_path, "math-shepherd", SHEPHERD_ROW) == [PLAIN]
    assert exported(tmp_path, "math-shepherd", PLAIN) == [SHEPHERD_ROW | {"task": "unknown"}]


def test_math_shepherds_steps_are_numbered_and_what_has_no_label_is_left_out(tmp_path: Path) -> None:
    bare = replace(PLAIN, steps=("She buys 4.", " Step 2: 3 + 4 = 8\n", "The answer is: 8"))
    (row,) = exported(tmp_path, "math-shepherd", bare)
    assert row["input"] == SHEPHERD_ROW["input"]
    unended = {name: f"{SHEPHERD_ROW[name]}\nStep 4: I go on" for name in ("input", "label")}
    assert imported(tmp_path, "math-shepherd", unended) == [PLAIN]


def test_math_shepherds_question_may_have_steps_of_its_own(tmp_path: Path) -> None:
    row = {name: f"Step 1: read. Step 2: {SHEPHERD_ROW[name]}" for name in ("input", "label")}
    (labelled,) = imported(tmp_path, "math-shepherd", row)
    assert labelled.question == f"Step 1: read. Step 2: {QUESTION}" and labelled.steps == STEPS


def test_prm800ks_rows_give_the_path_that_the_raters_took(tmp_path: Path) -> None:
    human = {"text": "So I add.", "rating": None, "source": "human", "flagged": False, "corrected_rating": None}
    row = prm800k_row(
        step(rated("I want the sum.", 0)),
        step(rated("I subtract.", -1), rated("I guess.", -1), human=human, chosen=None),
        step(rated("It is 9.", -1), rated("3 + 4 = 7", 1), chosen=1),
        step(rated("7 is even.", -1), rated("The answer is 7.", 1), chosen=None),
    )
    (labelled,) = imported(tmp_path, "prm800k", row)
    assert labelled.steps == ("I want the sum.", "So I add.", "3 + 4 = 7", "7 is even.")
    assert labelled.labels == (1, 1, 1, 0)
    assert (labelled.answer, labelled.correct, labelled.values) == ("8", None, ())


@pytest.mark.parametrize("last", [rated("?", None), rated("?", -1, True)])
@pytest.mark.parametrize("chosen", [0, None])
def test_prm800ks_path_ends_before_a_step_that_nobody_was_sure_of(
    tmp_path: Path, last: dict[str, object], chosen: int | None
) -> None:
    row = prm800k_row(step(rated("Yes.", 1)), step(last, chosen=chosen), step(rated("So 7.", 1)), finish="give_up")
    (labelled,) = imported(tmp_path, "prm800k", row)
    assert (labelled.steps, labelled.labels) == (("Yes.",), (1,))


@pytest.mark.parametrize(
    ("labels", "correct", "finish"),
    [
        ((1, 0, 1), True, "found_error"),
        ((1, 1, 1), True, "solution"),
        ((1, 1, 1), False, "give_up"),
        ((1, 1, 1), None, "give_up"),
    ],
)
def test_prm800ks_shape_is_written(tmp_path: Path, labels: tuple[int, ...], correct: bool | None, finish: str) -> None:
    (row,) = exported(tmp_path, "prm800k", replace(PLAIN, labels=labels, answer="8", correct=correct))
    assert row["question"] == {"problem": QUESTION, "pre_generated_answer": "8"}
    ratings = [1 if label else -1 for label in labels]
    assert row["label"] == {
        "steps": [step(rated(text, rating)) for text, rating in zip(STEPS, ratings, strict=True)],
        "finish_reason": finish,
    }


# --- round trips

LINES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)
TRIMMED = LINES.map(str.strip).filter(lambda text: "ки" not in text and "Step 1:" not in text)


@st.composite
def solutions(draw: st.DrawFn, texts: st.SearchStrategy[str] = LINES) -> Labelled:
    steps = draw(st.lists(texts, min_size=1, max_size=4))
    size = len(steps)
    return Labelled(
        problem=draw(LINES),
        question=draw(texts),
        steps=tuple(steps),
        labels=tuple(draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))),
        values=tuple(draw(st.lists(st.none() | st.floats(0, 1), min_size=size, max_size=size))),
        counts=tuple(draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))),
        answer=draw(st.none() | LINES),
        correct=draw(st.none() | st.booleans()),
        cost=Usage(generated_tokens=draw(st.integers(0, 9))),
    )


def there_and_back(folder: Path, form: FormatName, labelled: list[Labelled], suffix: str = ".jsonl") -> list[Labelled]:
    ours, theirs, back = folder / "ours.jsonl", folder / f"theirs{suffix}", folder / "back.jsonl"
    write_labels(ours, labelled)
    there = convert(ours, theirs, read_as="outthink", write_as=form)
    assert convert(theirs, back, read_as=form, write_as="outthink") == there
    assert there == Converted(solutions=len(labelled), steps=sum(len(each.steps) for each in labelled), dropped={})
    return list(read_labels(back))


def kept(labelled: Labelled) -> tuple[object, ...]:
    return labelled.question, labelled.steps, labelled.labels


quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(st.lists(solutions(), min_size=1, max_size=3))
def test_our_own_format_keeps_everything(tmp_path: Path, labelled: list[Labelled]) -> None:
    assert there_and_back(tmp_path, "outthink", labelled) == labelled


@quick
@given(st.lists(solutions(), min_size=1, max_size=3), st.sampled_from([".jsonl", ".parquet"]))
def test_trls_format_keeps_steps_and_labels(tmp_path: Path, labelled: list[Labelled], suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="needs outthink[data]")
    back = there_and_back(tmp_path, "trl", labelled, suffix)
    assert list(map(kept, back)) == list(map(kept, labelled))
    assert all(not each.values and not each.counts and each.cost == Usage() for each in back)


@quick
@given(st.lists(solutions(), min_size=1, max_size=3))
def test_prm800ks_format_keeps_the_answer_too(tmp_path: Path, labelled: list[Labelled]) -> None:
    back = there_and_back(tmp_path, "prm800k", labelled)
    assert [(*kept(each), each.answer) for each in back] == [(*kept(each), each.answer) for each in labelled]
    right = [True if each.correct and all(each.labels) else None for each in labelled]
    assert [each.correct for each in back] == right


@quick
@given(st.lists(solutions(TRIMMED), min_size=1, max_size=3))
def test_math_shepherds_format_keeps_numbered_steps(tmp_path: Path, labelled: list[Labelled]) -> None:
    numbered = [
        replace(each, steps=tuple(f"Step {number}: {text}" for number, text in enumerate(each.steps, 1)))
        for each in labelled
    ]
    assert list(map(kept, there_and_back(tmp_path, "math-shepherd", numbered))) == list(map(kept, numbered))


@pytest.mark.parametrize("form", ["trl", "prm800k", "math-shepherd"])
def test_a_problem_is_named_as_it_is_when_it_is_loaded(tmp_path: Path, form: FormatName) -> None:
    (back,) = there_and_back(tmp_path, form, [replace(PLAIN, problem="mine-1")])
    (problem,) = load_problems(str(write_rows(tmp_path / "problems.jsonl", [{"question": QUESTION, "answer": "7"}])))
    assert back.problem == problem.id != "mine-1"


# --- what cannot be converted


@pytest.mark.parametrize(
    ("form", "row", "reason"),
    [
        ("trl", TRL_ROW | {"prompt": " "}, "the question is missing"),
        ("trl", TRL_ROW | {"completions": [], "labels": []}, "no step is labelled"),
        ("trl", TRL_ROW | {"completions": ["A", "\n", "B"]}, "a step says nothing"),
        ("prm800k", prm800k_row(step(rated("Yes.", 1)), finish="bad_problem"), "its raters found the problem broken"),
        ("prm800k", prm800k_row(step(rated("Yes.", None))), "no step is labelled"),
        ("math-shepherd", {"input": QUESTION, "label": QUESTION}, "no step is labelled"),
        (
            "math-shepherd",
            {"input": "3 + 4 = 7 ки", "label": "3 + 4 = 7 +"},
            "no 'Step 1:' tells where the question ends",
        ),
    ],
)
def test_rows_that_teach_nothing_are_dropped_and_counted(
    tmp_path: Path, form: FormatName, row: object, reason: str
) -> None:
    good = {"trl": TRL_ROW, "prm800k": prm800k_row(step(rated("Yes.", 1))), "math-shepherd": SHEPHERD_ROW}[form]
    source = write_rows(tmp_path / "theirs.jsonl", [row, good, row])
    done = convert(source, tmp_path / "ours.jsonl", read_as=form, write_as="outthink")
    assert (done.solutions, done.dropped) == (1, {reason: 2})


@pytest.mark.parametrize(
    "labelled",
    [
        replace(PLAIN, steps=("Step 1: A", "B ки", "C")),
        replace(PLAIN, question="What does ки mean?"),
        replace(PLAIN, steps=("As Step 1: says", "B", "C")),
    ],
)
def test_what_math_shepherds_format_cannot_say_is_dropped(tmp_path: Path, labelled: Labelled) -> None:
    write_labels(tmp_path / "ours.jsonl", [labelled, PLAIN])
    done = convert(tmp_path / "ours.jsonl", tmp_path / "t.jsonl", read_as="outthink", write_as="math-shepherd")
    assert done.solutions == 1 and sum(done.dropped.values()) == 1


@pytest.mark.parametrize(
    ("form", "row", "message"),
    [
        ("outthink", {"problem": "p", "question": "q", "steps": ["A"], "labels": [2]}, r"labels: \[2\]"),
        ("trl", {"prompt": "q", "labels": [True]}, "completions: Field required"),
        ("trl", TRL_ROW | {"labels": [True]}, "labels: there are 1 for 3 completions"),
        ("trl", TRL_ROW | {"labels": [True, 0.5, False]}, r"labels\.1: .* \(got '0\.5'\)"),
        ("prm800k", prm800k_row(step(rated("A", 2))), r"label\.steps\.0\.completions\.0\.rating: "),
        ("prm800k", prm800k_row(step(rated("A", 1), chosen=1)), r"label\.steps\.0\.chosen_completion: it is 1 of 1"),
        ("prm800k", prm800k_row(finish="bored"), r"label\.finish_reason: "),
        ("prm800k", prm800k_row(problem=None), r"question\.problem: "),
        ("math-shepherd", SHEPHERD_ROW | {"label": QUESTION}, "label: it is not the input .* mark number 1"),
        (
            "math-shepherd",
            SHEPHERD_ROW | {"label": SHEPHERD_ROW["label"][:-1] + "?"},
            "label: it is not the input .* mark number 3",
        ),
        (
            "math-shepherd",
            SHEPHERD_ROW | {"label": SHEPHERD_ROW["label"] + " more"},
            "label: it does not end as the input does",
        ),
    ],
)
def test_malformed_rows_are_refused_by_file_line_and_field(
    tmp_path: Path, form: FormatName, row: object, message: str
) -> None:
    good = {"outthink": {"problem": "p", "question": "q", "steps": ["A"], "labels": [1]}, "trl": TRL_ROW}
    first = {**good, "prm800k": prm800k_row(step(rated("Yes.", 1))), "math-shepherd": SHEPHERD_ROW}[form]
    source = write_rows(tmp_path / "theirs.jsonl", [first, row])
    with pytest.raises(ProblemError, match=rf"theirs\.jsonl, line 2: {message}"):
        convert(source, tmp_path / "ours.jsonl", read_as=form, write_as="trl")
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.jsonl"], "nothing is written by halves"


def test_a_file_with_nothing_to_convert_is_refused_with_the_reasons(tmp_path: Path) -> None:
    row = prm800k_row(step(rated("Yes.", 1)), finish="bad_problem")
    source = write_rows(tmp_path / "theirs.jsonl", [row, row])
    with pytest.raises(ProblemError, match=r"nothing to convert; its raters found the problem broken \(2\)"):
        convert(source, tmp_path / "ours.jsonl", read_as="prm800k", write_as="outthink")


def test_files_of_other_types_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_rows(tmp_path / "theirs.jsonl", [TRL_ROW])
    with pytest.raises(UsageError, match=r"labels\.txt: name a file that ends in one of \.jsonl"):
        convert(tmp_path / "labels.txt", tmp_path / "ours.jsonl", read_as="trl", write_as="outthink")
    with pytest.raises(UsageError, match=r"ours\.csv: name a file that ends in one of \.jsonl, \.parquet"):
        convert(source, tmp_path / "ours.csv", read_as="trl", write_as="outthink")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"outthink\[data\]"):
        convert(source, tmp_path / "ours.parquet", read_as="trl", write_as="outthink")


def test_a_file_can_be_converted_in_its_place(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "labels.jsonl", [TRL_ROW])
    convert(source, source, read_as="trl", write_as="outthink")
    assert list(read_labels(source)) == [PLAIN]


# --- the command


def test_the_command_says_what_became_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(Path("theirs.jsonl"), [SHEPHERD_ROW, SHEPHERD_ROW, {"input": QUESTION, "label": QUESTION}])
    with pytest.raises(SystemExit) as ended:
        main(["convert-labels", "theirs.jsonl", "ours.jsonl", "--from", "math-shepherd"])
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert said.out == "Converted: 2 solutions, 6 steps\nDropped: 1 row: no step is labelled\n"
    assert said.err == "Written: ours.jsonl\n"
    with pytest.raises(SystemExit) as ended:
        main(["convert-labels", "ours.jsonl", "again.jsonl", "--to", "prm900k"])
    assert ended.value.code == 2
