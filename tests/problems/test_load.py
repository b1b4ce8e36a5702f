import csv
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.errors import ProblemError, UsageError
from outthink.problems import Problem, arithmetic, load_problems
from outthink.problems.rows import read_rows


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file into the working folder, so that messages name it by its short name."""
    monkeypatch.chdir(tmp_path)

    def write_file(name, *rows):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return name

    return write_file


def write_parquet(path, rows):
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the extra `data`")
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the extra `data`")
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return str(path)


def fails(source, *parts, error=ProblemError, **options):
    """The one message with which loading fails holds all these parts."""
    with pytest.raises(error) as caught:
        load_problems(source, **options)
    for part in parts:
        assert part in str(caught.value)


# The built-in set


@pytest.mark.parametrize("source", ["builtin", "builtin:arithmetic"])
def test_the_builtin_set_gives_60_test_problems_unless_told_otherwise(source):
    assert load_problems(source) == arithmetic("test", count=60)


def test_the_builtin_set_has_splits_a_limit_and_an_offset():
    assert load_problems("builtin", split="train", limit=3, offset=2) == arithmetic("train", count=5)[2:]


def test_what_the_builtin_set_has_not():
    fails("builtin", "dev", "train, validation, test", error=UsageError, split="dev")
    fails("builtin:geometry", "builtin:geometry", "builtin:arithmetic", error=UsageError)
    fails("builtin", "columns", error=UsageError, columns={"question": "q"})


# Columns


def test_every_known_column_is_read(write):
    row = {"problem": "1 + 1?", "answer": "2", "solution": "1 + 1 = 2", "subject": "sums", "level": "1", "id": "a"}
    assert load_problems(write("set.jsonl", row)) == [
        Problem(question="1 + 1?", answer="2", solution="1 + 1 = 2", subject="sums", level="1", id="a")
    ]


def test_the_other_names_of_columns_are_known(write):
    row = {"question": "1 + 1?", "type": "sums", "unique_id": "test/1.json"}
    (problem,) = load_problems(write("set.jsonl", row))
    assert problem == Problem(question="1 + 1?", subject="sums", id="test/1.json")
    assert load_problems(write("set.jsonl", {"question": "1 + 1?", "idx": 7}))[0].id == "7"


def test_columns_can_be_named(write):
    source = write("set.jsonl", {"prompt": "1 + 1?", "target": "2", "answer": "two", "number": 4})
    columns = {"question": "prompt", "answer": "target", "id": "number"}
    assert load_problems(source, columns=columns) == [Problem(question="1 + 1?", answer="2", id="4")]


def test_a_named_column_is_the_only_one_looked_for(write):
    source = write("set.jsonl", {"question": "1 + 1?", "answer": "2"})
    fails(source, "set.jsonl, line 1", "'target' for the answer", "'question', 'answer'", columns={"answer": "target"})


def test_an_unknown_field_is_refused_with_the_nearest(write):
    source = write("set.jsonl", {"question": "1 + 1?"})
    fails(source, "'anwser'", "do you mean 'answer'?", error=UsageError, columns={"anwser": "target"})


def test_a_missing_question_column_names_those_there_are_and_the_nearest(write):
    source = write("set.jsonl", {"Question": "1 + 1?", "target": "2"})
    fails(source, "set.jsonl, line 1", "'problem' or 'question'", "'Question', 'target'", "do you mean 'Question'?")


@pytest.mark.parametrize("question", ["", " \n", None, 7, ["1 + 1?"]])
def test_a_question_must_be_text(write, question):
    source = write("set.jsonl", {"question": "1 + 1?"}, {"question": question})
    fails(source, "set.jsonl, line 2, column 'question'", repr(question))


@pytest.mark.parametrize(
    ("written", "answer"),
    [("2", "2"), (2, "2"), (2.5, "2.5"), (" 2 ", "2"), ("", None), (None, None), (float("nan"), None), (0, "0")],
)
def test_an_answer_is_text_or_a_number_or_left_out(write, written, answer):
    assert load_problems(write("set.jsonl", {"question": "?", "answer": written}))[0].answer == answer


@pytest.mark.parametrize("written", [["2"], {"value": 2}, True])
def test_an_answer_is_nothing_else(write, written):
    source = write("set.jsonl", {"question": "?", "answer": written})
    fails(source, "set.jsonl, line 1, column 'answer'", repr(written), "text")


def test_an_answer_of_gsm8k_is_parted_from_its_solution(write):
    row = {"question": "?", "answer": "She sold 800 + 200 = <<800+200=1000>>1,000.\n#### 1,000"}
    (problem,) = load_problems(write("set.jsonl", row))
    assert problem.answer == "1000"
    assert problem.solution == "She sold 800 + 200 = 1,000."


def test_a_solution_of_its_own_stays_beside_an_answer_of_gsm8k(write):
    row = {"question": "?", "answer": "short #### -3", "solution": "long"}
    (problem,) = load_problems(write("set.jsonl", row))
    assert (problem.answer, problem.solution) == ("-3", "long")


def test_a_comma_that_parts_no_thousands_stays_in_an_answer(write):
    assert load_problems(write("set.jsonl", {"question": "?", "answer": "so #### (1,2)"}))[0].answer == "(1,2)"
    assert load_problems(write("set.jsonl", {"question": "?", "answer": "1,000"}))[0].answer == "1,000"


# Ids


def test_a_missing_id_comes_from_the_question_alone(write):
    first, second = ({"question": "1 + 1?", "answer": "2"}, {"question": "2 + 2?"})
    there = {problem.question: problem.id for problem in load_problems(write("set.jsonl", first, second))}
    back = {
        problem.question: problem.id for problem in load_problems(write("other.jsonl", second, {"problem": "1 + 1?"}))
    }
    assert there == back
    assert len(set(there.values())) == 2


def test_the_same_question_again_is_numbered(write):
    ids = [problem.id for problem in load_problems(write("set.jsonl", *[{"question": "1 + 1?"}] * 3))]
    assert ids == [ids[0], f"{ids[0]}-2", f"{ids[0]}-3"]


def test_the_same_id_again_names_both_lines(write):
    source = write("set.jsonl", *({"question": "?", "id": identity} for identity in (1, 2, "1")))
    fails(source, "set.jsonl, line 3", "'1'", "set.jsonl, line 1")


# Limit and offset


def numbered(count):
    return [{"question": f"{number} + 1?", "id": number} for number in range(count)]


@given(count=st.integers(1, 6), limit=st.none() | st.integers(1, 8), offset=st.integers(0, 5))
def test_limit_and_offset_cut_out_a_stretch(tmp_path_factory, count, limit, offset):
    path = tmp_path_factory.mktemp("sets") / "set.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in numbered(count)), encoding="utf-8")
    expected = [str(number) for number in range(count)][offset:][:limit]
    if expected:
        assert [problem.id for problem in load_problems(str(path), limit=limit, offset=offset)] == expected
    else:
        fails(str(path), "set.jsonl holds no problem", f"first {offset}", limit=limit, offset=offset)


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-1, 0), (None, -1), (5, -2)])
@pytest.mark.parametrize("source", ["builtin", "set.jsonl"])
def test_limit_and_offset_must_make_sense(source, limit, offset):
    fails(source, f"limit {limit}", f"offset {offset}", error=UsageError, limit=limit, offset=offset)


def test_no_more_is_read_than_asked_for(write):
    source = write("set.jsonl", *numbered(3), "{broken")
    assert len(load_problems(source, limit=3)) == 3
    fails(source, "set.jsonl, line 4", limit=4)


# Files


def test_a_file_may_lie_anywhere_and_blank_lines_do_not_count(tmp_path):
    path = tmp_path / "SET.JSONL"
    path.write_text('\ufeff{"question": "é?"}\n\n  \n{"question": "2?"}', encoding="utf-8")
    assert [problem.question for problem in load_problems(str(path))] == ["é?", "2?"]


def test_a_file_is_looked_for_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "set.jsonl").write_text('{"question": "1 + 1?"}', encoding="utf-8")
    assert len(load_problems("~/set.jsonl")) == 1


@pytest.mark.parametrize("name", ["set.jsonl", "set.json", "set.csv", "set.parquet"])
def test_a_file_that_is_missing(tmp_path, monkeypatch, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="Parquet needs the extra `data`")
    monkeypatch.chdir(tmp_path)
    fails(name, f"{name}: no such file", str(tmp_path))


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "set.jsonl").mkdir()
    fails(str(tmp_path / "set.jsonl"), "set.jsonl cannot be read", "directory")


@pytest.mark.parametrize(
    ("name", "text"),
    [("set.jsonl", ""), ("set.jsonl", "\n\n"), ("set.json", "[]"), ("set.csv", ""), ("set.csv", "question,answer\n")],
)
def test_an_empty_set(write, name, text):
    fails(write(name, text), f"{name} holds no problem")


def test_a_file_has_no_splits(write):
    fails(write("set.jsonl", *numbered(1)), "set.jsonl", "'test'", error=UsageError, split="test")


def test_a_malformed_line_is_named(write):
    fails(write("set.jsonl", *numbered(2), '{"question": "1 + 1?",}'), "set.jsonl, line 3, column 23", "not JSON")
    fails(write("set.jsonl", "[" * 100_000), "set.jsonl, line 1", "nested too deeply")


@pytest.mark.parametrize("row", ["7", '"1 + 1?"', '["1 + 1?"]', "null"])
def test_a_row_must_be_an_object(write, row):
    fails(write("set.jsonl", *numbered(1), row), "set.jsonl, line 2", "not an object")
    fails(write("set.json", f'[{{"question": "?"}}, {row}]'), "set.json, item 2", "not an object")


@pytest.mark.parametrize(("name", "head"), [("set.jsonl", b'{"question": "1 + 1?"}\n'), ("set.csv", b"question\n")])
def test_text_that_is_not_utf8_is_named(tmp_path, monkeypatch, name, head):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(head + b'{"question": "\xe9t\xe9?"}\n')
    fails(name, f"{name}, line 2", "not UTF-8")


def test_json_is_a_list_of_objects(write):
    assert load_problems(write("set.json", json.dumps(numbered(2), indent=1)))[1].question == "1 + 1?"
    fails(write("set.json", '{"question": "?"}'), "set.json", "not a list", ".jsonl")
    fails(write("set.json", "[\n{]"), "set.json, line 2", "not JSON")


def test_csv_is_read_with_its_quotes(write):
    source = write("set.csv", "question,answer,level", '"A, ""B""\nor C?",12,', "", "2 + 2?,4,easy")
    assert [(problem.question, problem.answer, problem.level) for problem in load_problems(source)] == [
        ('A, "B"\nor C?', "12", None),
        ("2 + 2?", "4", "easy"),
    ]


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (["question,answer", "1 + 1?,2", "1, 2 or 3?,2"], ["line 3", "3 fields", "has 2"]),
        (["question,answer", "1 + 1?"], ["line 2", "1 fields", "has 2"]),
        (["question,answer", '"1 + 1?,2'], ["line 2", "not CSV"]),
        (["question,answer", '"1"+1?,2'], ["line 2", "not CSV"]),
        (["question,question", "a,b"], ["line 1", "twice"]),
        (["prompt,answer", "1 + 1?,2"], ["line 2", "'prompt', 'answer'"]),
    ],
)
def test_csv_that_is_malformed(write, rows, parts):
    fails(write("set.csv", *rows), "set.csv", *parts)


def test_parquet_is_read(tmp_path):
    rows = [{"problem": "1 + 1?", "answer": 2, "level": 1.5}, {"problem": "2 + 2?", "answer": None, "level": None}]
    problems = load_problems(write_parquet(tmp_path / "set.parquet", rows))
    assert [(problem.question, problem.answer, problem.level) for problem in problems] == [
        ("1 + 1?", "2", "1.5"),
        ("2 + 2?", None, None),
    ]


def test_a_row_of_parquet_is_named(tmp_path):
    source = write_parquet(tmp_path / "set.parquet", [{"question": "1 + 1?"}, {"question": None}])
    fails(source, "set.parquet, row 2, column 'question'")


def test_parquet_that_is_malformed(tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet needs the extra `data`")
    (tmp_path / "set.parquet").write_bytes(b"PAR1 this is no Parquet file PAR1")
    fails(str(tmp_path / "set.parquet"), "set.parquet", "not Parquet")


def test_parquet_needs_an_extra(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    fails(write("set.parquet", "x"), 'pip install "outthink[data]"', error=UsageError)


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5))
def test_any_question_survives_any_format(tmp_path_factory, questions):
    folder = tmp_path_factory.mktemp("sets")
    rows = [{"question": question} for question in questions if "\x00" not in question] or [{"question": "?"}]
    (folder / "set.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "set.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with (folder / "set.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["question"], *([row["question"]] for row in rows)])
    for name in ("set.json", "set.jsonl", "set.csv"):
        assert [problem.question for problem in load_problems(str(folder / name))] == [row["question"] for row in rows]


@pytest.mark.parametrize("source", ["", "set", "set.txt", "a/b/c", "https://x.org/a/b", "owner/", "there/set.txt"])
def test_a_source_that_is_none(write, tmp_path, source):
    (tmp_path / "there").mkdir()
    write("there/set.txt", "1 + 1?")
    fails(source, repr(source), ".jsonl", "owner/name", "builtin", error=UsageError)


# The Hub, replaced at its border


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub of the sets put into it: name -> path in the Parquet copy -> rows; it notes what is fetched."""
    sets: dict[str, dict[str, list[dict[str, object]]]] = {}
    fake = SimpleNamespace(sets=sets, fetched=[], online=True)

    class Api:
        def dataset_info(self, name, *, revision, timeout):
            from huggingface_hub.errors import RepositoryNotFoundError

            assert revision == "refs/convert/parquet"
            assert 0 < timeout <= 30
            if not fake.online:
                raise OSError("Name or service not known")
            if name not in sets:
                raise RepositoryNotFoundError("404", response=SimpleNamespace(headers={}, request=None))
            return SimpleNamespace(siblings=[SimpleNamespace(rfilename=file) for file in sets[name]])

    def download(name, file, *, repo_type, revision, local_files_only):
        assert (repo_type, revision) == ("dataset", "refs/convert/parquet")
        path = tmp_path / name / file
        if not path.exists() and (local_files_only or not fake.online):
            raise OSError("Name or service not known")
        if not path.exists():
            fake.fetched.append(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_parquet(path, sets[name][file])
        return str(path)

    def snapshot(name, *, repo_type, revision, local_files_only):
        from huggingface_hub.errors import LocalEntryNotFoundError

        assert (repo_type, revision, local_files_only) == ("dataset", "refs/convert/parquet", True)
        if not (tmp_path / name).exists():
            raise LocalEntryNotFoundError("not in the cache")
        return str(tmp_path / name)

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    return fake


MATH = "HuggingFaceH4/MATH-500"


def test_a_split_on_the_hub_is_fetched_whole_and_read_in_order(hub):
    rows = numbered(6)
    hub.sets[MATH] = {
        ".gitattributes": [],
        "default/test/0001.parquet": rows[2:4],
        "default/test/0000.parquet": rows[:2],
        "default/test/0002.parquet": rows[4:],
        "default/train/0000.parquet": rows[:1],
    }
    assert [problem.id for problem in load_problems(MATH, limit=2, offset=1)] == ["1", "2"]
    assert hub.fetched == [f"default/test/000{shard}.parquet" for shard in range(3)]
    assert len(load_problems(MATH)) == 6
    assert len(load_problems(MATH, split="train")) == 1


def test_a_split_that_the_hub_converted_in_part_is_found(hub):
    hub.sets[MATH] = {"default/partial-train/0000.parquet": numbered(2)}
    assert len(load_problems(MATH, split="train")) == 2


def test_a_split_there_is_not(hub):
    hub.sets[MATH] = {"default/train/0000.parquet": [], "default/dev/0000.parquet": []}
    fails(MATH, MATH, "no split 'test'", "dev, train")


def test_a_configuration_is_named_after_a_colon(hub):
    hub.sets["openai/gsm8k"] = {f"{name}/test/0000.parquet": numbered(n) for name, n in (("main", 1), ("socratic", 2))}
    assert len(load_problems("openai/gsm8k:socratic")) == 2
    fails("openai/gsm8k", "several configurations", "openai/gsm8k:CONFIG", "main, socratic")
    fails("openai/gsm8k:other", "no configuration 'other'", "main, socratic")


def test_the_default_configuration_needs_no_name(hub):
    hub.sets[MATH] = {f"{name}/test/0000.parquet": numbered(n) for name, n in (("all", 2), ("default", 1))}
    assert len(load_problems(MATH)) == 1


def test_a_bad_row_on_the_hub_is_named(hub):
    hub.sets[MATH] = {"default/test/0000.parquet": [{"question": " "}]}
    fails(MATH, f"{MATH}/default/test/0000.parquet, row 1, column 'question'")


def test_a_set_there_is_not(hub):
    fails("nobody/nothing", "no data set nobody/nothing", "check the id")


def test_offline_what_was_fetched_before_is_found(hub):
    hub.sets[MATH] = {"default/test/0000.parquet": numbered(2)}
    before = load_problems(MATH)
    hub.online = False
    assert load_problems(MATH) == before


def test_offline_and_never_fetched(hub):
    hub.online = False
    fails(MATH, f"the Hub cannot be reached for the data set {MATH}", "Name or service not known", "download")


def test_a_network_that_fails_in_the_middle(hub, monkeypatch):
    hub.sets[MATH] = {"default/test/0000.parquet": numbered(2)}
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: 1 / 0)
    fails(MATH, f"{MATH}/default/test/0000.parquet cannot be fetched", "try again")


def test_a_set_without_a_parquet_copy(hub, monkeypatch):
    from huggingface_hub.errors import RevisionNotFoundError

    def missing(self, name, *, revision, timeout):
        raise RevisionNotFoundError("404", response=SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", missing)
    fails(MATH, f"no Parquet copy of {MATH}", "download one of its files")


def test_rows_can_be_given_another_name(write):
    write("set.jsonl", {"question": "?"}, "7")
    rows = read_rows(Path("set.jsonl"), name="the set")
    assert next(rows) == ("the set, line 1", {"question": "?"})
    with pytest.raises(ProblemError, match=re.escape("the set, line 2")):
        next(rows)


@pytest.mark.parametrize("name", ["set.txt", "set"])
def test_rows_of_no_known_kind_are_refused(write, name):
    source = write(name, {"question": "?"})
    with pytest.raises(ProblemError, match=re.escape(f"{name}: files ending in {Path(name).suffix!r}")) as caught:
        next(read_rows(Path(source)))
    assert ".jsonl, .json, .csv, .parquet" in str(caught.value)
