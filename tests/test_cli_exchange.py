"""The commands that take completions in and give them away, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Cli
from outthink.runs.recipe import parse_recipe
from outthink.runs.runner import run as carry_out

ROWS: list[dict[str, Any]] = [
    {
        "problem": "What is 2 + 2?",
        "answer": "4",
        "unique_id": "add",
        "completions": ["Add.\n\nThe answer is 4.", "The answer is 5."],
        "scores": [[0.9, 0.8], [0.3]],
        "completion_tokens": [9, 5],
    },
    {"problem": "What is 3 + 3?", "answer": "6", "unique_id": "more", "completions": [], "scores": []},
]


def write(name: str, *rows: object) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
async def folder(tmp_path: Path) -> str:
    recipe = {
        "problems": {"source": "builtin:scripted", "limit": 4},
        "engine": {"kind": "scripted", "steps": 2},
        "verifier": {"kind": "scripted", "noise": 0.2},
        "strategies": [
            {"kind": "sample", "n": 2, "select": ["majority", "weighted"]},
            {"kind": "beam", "n": 2, "width": 2},
        ],
    }
    await carry_out(parse_recipe(recipe, "recipe"), tmp_path / "run")
    return "run"


def test_what_was_imported_can_be_shown(cli: Cli) -> None:
    write("theirs.jsonl", ROWS[0])
    status, out, err = cli("import", "theirs.jsonl", "--out", "runs/theirs")
    assert (status, out) == (0, "")
    assert "2 completions of 1 problem, with scores." in err and "outthink show runs/theirs" in err
    status, out, _ = cli("show", "runs/theirs")
    assert status == 0
    row = next(line for line in out.splitlines() if line.startswith(" sample-2 weighted"))
    # Written tokens are known; nothing else was counted, and nothing was timed.
    assert row.split()[-6:] == ["14", "–", "–", "–", "–", "–"]
    _, out, _ = cli("show", "runs/theirs", "add")
    assert "2 finished solutions, 14 tokens written\n" in out and "0.80 The answer is 4.  9 tokens" in out


def test_broken_rows_are_refused_or_listed(cli: Cli) -> None:
    write("theirs.jsonl", *ROWS)
    status, out, err = cli("import", "theirs.jsonl", "--out", "run")
    assert (status, out) == (2, "") and "theirs.jsonl, line 2: completions: the list is empty" in err
    status, _, err = cli("import", "theirs.jsonl", "--out", "run", "--skip-broken")
    assert status == 0 and "1 row skipped; all are listed in run/skipped.txt:" in err
    assert "theirs.jsonl, line 2: completions: the list is empty" in err
    assert "line 2" in Path("run/skipped.txt").read_text()


def test_many_broken_rows_are_listed_in_the_file(cli: Cli) -> None:
    write("theirs.jsonl", ROWS[0], *[ROWS[1] | {"unique_id": str(number)} for number in range(12)])
    _, _, err = cli("import", "theirs.jsonl", "--out", "run", "--skip-broken")
    assert "12 rows skipped" in err and err.count("the list is empty") == 10
    assert Path("run/skipped.txt").read_text().count("the list is empty") == 12


def test_options_of_import(cli: Cli) -> None:
    write("theirs.jsonl", {"prompt": "2 + 2?", "answer": "4", "completions": ["A.\nThe answer is 4.", "5\n"]})
    options = ["--columns", "question=prompt", "--step", r"\n", "--searched"]
    status, _, err = cli("import", "theirs.jsonl", "--out", "run", *options)
    assert status == 0 and "2 completions of 1 problem, without scores." in err
    assert "1 completion did not come to an end and will not vote." in err
    assert "The tokens of 2 completions are not known, so no token count is kept." in err
    _, out, _ = cli("show", "run")
    assert "imported-2 majority" in out
    status, _, err = cli("import", "theirs.jsonl", "--out", "run", "--columns", "question")
    assert status == 2 and "--columns question: expected field=name" in err


def test_a_long_import_says_how_far_it_is(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    write("theirs.jsonl", ROWS[0])
    monkeypatch.setattr("outthink.terminal.counting._PATIENCE", -1.0)
    _, _, err = cli("import", "theirs.jsonl", "--out", "run")
    assert "1 rows read\n" in err
    monkeypatch.setattr("outthink.terminal.counting._PAUSE", -1.0)
    _, _, err = cli("import", "theirs.jsonl", "--out", "other")
    assert "1/1 problems graded\n" in err


def test_ctrl_c_says_what_is_kept(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("outthink.study.interchange.import_completions", interrupted)
    status, _, err = cli("import", "theirs.jsonl", "--out", "run")
    assert status == 130 and "Interrupted: what was graded is kept in run; the same command goes on" in err


def test_export_writes_a_file_that_can_be_imported(cli: Cli, folder: str) -> None:
    assert cli("export", folder, "--strategy", "sample-2", "--out", "ours.parquet")[:2] == (0, "ours.parquet: 4 rows\n")
    assert cli("import", "ours.parquet", "--out", "back")[0] == 0
    before, after = (json.loads(cli("show", each, "--format", "json")[1]) for each in (folder, "back"))
    accuracies = [
        {row["selection"]: row["accuracy"] for row in rows if row["strategy"] == "sample-2"} for rows in (before, after)
    ]
    assert accuracies[0].items() <= accuracies[1].items()


def test_export_has_to_know_which_strategy(cli: Cli, folder: str) -> None:
    status, _, err = cli("export", folder, "--out", "ours.jsonl")
    assert status == 2 and "name one of its strategies: sample-2, beam-2" in err


def test_export_of_tables(cli: Cli, folder: str) -> None:
    options = ["--table", "results", "--columns", "strategy, seed,leaves"]
    assert cli("export", folder, "--out", "results.jsonl", *options)[1] == "results.jsonl: 8 rows\n"
    assert json.loads(Path("results.jsonl").read_text().splitlines()[0]) == {
        "strategy": "sample-2",
        "seed": 0,
        "leaves": 2,
    }
    status, _, err = cli("export", folder, "--table", "nodes", "--rules", "search-and-learn", "--out", "nodes.jsonl")
    assert status == 2 and "--rules is for completions" in err


def test_export_to_the_hub(cli: Cli, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed = []

    def push(path: Path, name: str) -> str:
        pushed.append((path, name))
        return f"https://huggingface.co/datasets/{name}"

    monkeypatch.setattr("outthink.study.interchange.push", push)
    _, out, _ = cli("export", folder, "--strategy", "beam-2", "--out", "beam.jsonl", "--hub", "me/mine")
    assert out == "beam.jsonl: 4 rows\nhttps://huggingface.co/datasets/me/mine\n"
    assert pushed == [(Path("beam.jsonl"), "me/mine")]


def test_rules_are_compared(cli: Cli, folder: str) -> None:
    status, out, _ = cli("compare-rules", folder)
    assert status == 0 and "search-and-learn" in out
    beam = [line.split() for line in out.splitlines() if line.startswith(" beam-2")]
    assert [line[:3] for line in beam] == [["beam-2", how, n] for how in ("best", "weighted", "majority") for n in "12"]
    # Of one of a search's two solutions we say nothing.
    assert beam[0][4] == "–" and beam[1][4] != "–"


def test_nothing_to_compare_is_an_error(cli: Cli) -> None:
    write("theirs.jsonl", {"problem": "2 + 2?", "answer": "4", "completions": ["The answer is 4."]})
    cli("import", "theirs.jsonl", "--out", "run")
    status, _, err = cli("compare-rules", "run")
    assert status == 2 and "no strategy with scores has a result" in err
