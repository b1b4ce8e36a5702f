"""The command line as a user meets it: what it prints, where, and with which exit status."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from outthink.cli import main
from outthink.engines.scripted import scripted_answer
from outthink.runs.results import Unit
from outthink.runs.store import Store

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 6},
    "engine": {"kind": "scripted", "steps": 3},
    "verifier": {"kind": "scripted", "noise": 0.1},
    "strategies": ["greedy", {"kind": "sample", "n": 4, "select": ["majority", "weighted"]}, {"kind": "beam", "n": 4}],
}


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Calls the program in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int | None)
        return Outcome(code or 0, out, err)

    return call


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path / "recipe.yaml")


def write_recipe(path: Path, **changes: Any) -> Path:
    path.write_text(yaml.safe_dump({**RECIPE, **changes}))
    return path


def times(folder: Path) -> dict[Unit, float]:
    with Store.read(folder) as store:
        return {result.unit: result.began for result in store.results()}


# --- solve


def test_solve_prints_steps_answer_support_and_cost(cli: Cli) -> None:
    done = cli("solve", "What is 6 * 7?", "--engine", "scripted", "--verifier", "scripted", "--answer", "42")
    assert (done.status, done.err) == (0, "")
    steps, _, account = done.out.partition("\n\n")
    assert len(steps.splitlines()) == 4
    answer, support, cost = account.splitlines()[:3]
    assert answer == f"Answer: {scripted_answer('What is 6 * 7?')}  wrong, it is 42"
    assert " of 16 finished solutions, " in support
    assert cost.startswith("engine: 1,0")


def test_solve_takes_every_kind_of_option(cli: Cli) -> None:
    engine = ("--engine", "scripted", "--set", "engine.steps=2")
    strategy = ("--strategy", "beam", "--n", "6", "--width", "3", "--set", "strategy.max_steps=9")
    rest = ("--verifier", "scripted", "--select", "best", "--seed", "3", "--temperature", "0.5", "--json")
    done = cli("solve", "Why?", *engine, *strategy, *rest)
    told = json.loads(done.out)
    assert (done.status, told["candidates"], len(told["steps"])) == (0, 6, 2)
    assert told["steps"][0]["score"] is not None


def test_solve_keeps_to_a_budget_and_says_so(cli: Cli) -> None:
    done = cli("solve", "Why?", "--engine", "scripted", "--verifier", "none", "--tokens", "40")
    assert "No answer: none of 0 finished solutions gives one" in done.out
    assert "the search stopped when its tokens were spent" in done.out


def test_solve_shows_the_tree_with_the_chosen_answer_marked(cli: Cli) -> None:
    done = cli("solve", "Why?", "--engine", "scripted", "--verifier", "scripted", "--tree", "--n", "4")
    assert "prompt, " in done.out
    assert "◀ weighted" in done.out


def test_solve_reads_the_question_from_stdin(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "question.txt").write_text("What is 6 * 7?\n")
    with (tmp_path / "question.txt").open() as question:
        monkeypatch.setattr(sys, "stdin", question)
        done = cli("solve", "-", "--engine", "scripted", "--verifier", "none", "--strategy", "greedy", "--json")
    assert json.loads(done.out)["question"] == "What is 6 * 7?"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategy", "baem"], "strategy: there are no strategies of kind 'baem'; did you mean 'beam'?"),
        (["--strategy", "sample", "--width", "3"], "strategy: unknown key 'width'; valid: n"),
        (["--set", "strategy.nn=3"], "strategy: unknown key 'nn'; did you mean 'n'?"),
        (["--set", "max_steps=3"], "expected part.option=value, such as strategy.max_steps=10"),
        (["--set", "stratgy.n=3"], "there are no options of 'stratgy'; did you mean 'strategy'?"),
        (["--set", "strategy.n={"], "the value is not valid YAML"),
        (["--verifier", "none", "--select", "best"], "name a verifier"),
        (["--verifier", "judge"], "the judge needs an engine that tells log-probabilities"),
        (["--tokens", "0"], "budget.tokens is 0; it must be above 0"),
        (["--tree", "--json"], "leave --tree or --json out"),
        (["--select", "bets"], "'bets' is not one of"),
    ],
)
def test_solve_refuses_what_it_cannot_do(cli: Cli, arguments: list[str], message: str) -> None:
    done = cli("solve", "Why?", "--engine", "scripted", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err


# --- run


def test_run_prints_its_table_and_is_not_run_twice(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    first = cli("run", str(recipe))
    assert first.status == 0
    assert "18/18  beam-4, " in first.err
    assert "outthink show runs/recipe" in first.err
    assert [line.split()[:2] for line in first.out.splitlines() if "[" in line][1:5] == [
        ["greedy", "majority"],
        ["sample-4", "majority"],
        ["sample-4", "weighted"],
        ["beam-4", "weighted"],
    ]
    began = times(tmp_path / "runs" / "recipe")
    again = cli("run", str(recipe))
    assert (again.status, again.out) == (0, first.out)
    assert "18/18" not in again.err
    assert times(tmp_path / "runs" / "recipe") == began


def test_run_goes_on_where_it_was_left(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    cli("run", str(recipe), "--out", "here")
    with Store.read(tmp_path / "here") as store:
        began = times(tmp_path / "here")
        # As after a kill: the last results were never stored.
        lost = sorted(began, key=lambda unit: unit.strategy)[-4:]
        for unit in lost:
            for table in ("results", "verdicts"):
                store._connection.execute(f"DELETE FROM {table} WHERE strategy = ? AND problem = ?", unit_key(unit))
        store._connection.commit()
    assert "14 of 18 searches are done" in " ".join(cli("show", "here").out.split())
    cli("run", str(recipe), "--out", "here")
    after = times(tmp_path / "here")
    assert len(after) == 18
    assert {unit for unit in after if after[unit] != began[unit]} == set(lost)


def unit_key(unit: Unit) -> tuple[str, str]:
    return unit.strategy, unit.problem


def test_run_takes_changes(cli: Cli, recipe: Path) -> None:
    done = cli("run", str(recipe), "--set", "strategies.1.n=8", "--set", "problems.limit=2", "--format", "json")
    rows = json.loads(done.out)
    assert [(row["strategy"], row["problems"]) for row in rows][1] == ("sample-8", 2)


def test_ctrl_c_keeps_what_is_done(cli: Cli, tmp_path: Path) -> None:
    engine = {"kind": "scripted", "steps": 2, "seconds_per_call": 0.2}
    strategies = [{"kind": "sample", "n": 2, "select": "majority"}]
    path = write_recipe(
        tmp_path / "slow.yaml",
        problems={"source": "builtin:scripted", "limit": 40},
        engine=engine,
        strategies=strategies,
        in_flight=1,
    )
    program = [sys.executable, "-c", "from outthink.cli import main; main()", "run", str(path), "--out", "slow"]
    plain = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(program, cwd=tmp_path, env=plain, stdout=-1, stderr=-1, text=True) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("1/40  sample-2, ")
        used = cli("run", str(path), "--out", "slow")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert used.status == 1
    assert "slow: another process is carrying out this run" in used.err
    kept = times(tmp_path / "slow")
    assert (running.returncode, out) == (130, "")
    assert err == f"Interrupted: {len(kept)} results are kept in slow; the same command goes on from there.\n"
    assert 1 <= len(kept) < 40
    # How many are in flight changes no result, so it may be changed for the rest.
    assert cli("run", str(path), "--out", "slow", "--set", "in_flight=40").status == 0
    after = times(tmp_path / "slow")
    assert len(after) == 40
    assert kept.items() <= after.items()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("verifier.nan_rate=1", "VerifierError: the verifier scored step 1 with nan"),
        ("engine.context=10", "ContextTooSmall: the prompt has "),
        ("engine.fault_rate=1", "EngineError: scripted fault"),
    ],
)
def test_a_run_with_failures_says_so(cli: Cli, recipe: Path, fault: str, error: str) -> None:
    done = cli("run", str(recipe), "--set", fault)
    assert done.status == 0
    assert "beam-4: 6 searches failed and counted as wrong." in done.out
    assert f"First failure: {error}" in done.out
    assert "outthink show runs/recipe --failed" in done.out
    listed = cli("show", "runs/recipe", "--failed", "--strategy", "beam-4")
    assert listed.out.count(error.split(":")[0]) == 6
    assert "failed" in cli("show", "runs/recipe").out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["strategies.0=gredy"], "strategies.0: there are no strategies of kind 'gredy'; did you mean 'greedy'?"),
        (["strategies.1.nn=3"], "strategies.1: unknown key 'nn'; did you mean 'n'?"),
        (["strategies.9.n=3"], "--set strategies.9: the list has entries 0 to 2"),
        (["egnine=scripted"], "unknown key 'egnine'; did you mean 'engine'?"),
        (["engine.steps.x=1"], "--set engine.steps: 3 has no fields"),
        (["strategies.1.n=x"], "strategies.1.n: Input should be a valid integer (got 'x')"),
        (["engine"], "--set engine: expected a.b=value"),
        (["problems.source=empty.jsonl"], "empty.jsonl holds no problem"),
        (["problems.source=broken.jsonl"], "broken.jsonl, line 2"),
        (["problems.source=columns.jsonl"], "columns.jsonl, line 1: no column 'problem' or 'question'"),
        (["problems.source=missing.jsonl"], "missing.jsonl: no such file"),
    ],
)
def test_run_refuses_bad_recipes_and_problems(
    cli: Cli, recipe: Path, tmp_path: Path, changes: list[str], message: str
) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "broken.jsonl").write_text('{"question": "a", "answer": "1"}\n{"question": "b"\n')
    (tmp_path / "columns.jsonl").write_text('{"q": "a", "answer": "1"}\n')
    done = cli("run", str(recipe), *(part for change in changes for part in ("--set", change)))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert message in done.err
    assert not (tmp_path / "runs").exists()


def test_run_refuses_files_that_are_no_recipes(cli: Cli, tmp_path: Path) -> None:
    missing = cli("run", "missing.yaml")
    assert (missing.status, missing.err) == (2, "error: missing.yaml: no such file\n")
    (tmp_path / "broken.yaml").write_text("problems: {source: [\n")
    broken = cli("run", "broken.yaml")
    assert broken.status == 2
    assert "error: broken.yaml:2: not valid YAML" in broken.err


def test_a_folder_takes_further_strategies_but_no_other_engine(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    cli("run", str(recipe))
    began = times(tmp_path / "runs" / "recipe")
    added = cli("run", str(recipe), "--set", "strategies=[{kind: sample, n: 2, select: majority}]")
    assert (added.status, "6/6  sample-2" in added.err) == (0, True)
    assert times(tmp_path / "runs" / "recipe").items() >= began.items()
    assert [name in added.out for name in ("greedy", "sample-4", "beam-4", "sample-2")] == [True] * 4
    assert "searches are done" not in added.out
    other = cli("run", str(recipe), "--set", "engine.steps=2")
    assert other.status == 1
    assert "holds results of another recipe, with other engine" in other.err


# --- models


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "model 'model.gguf' is no file; give a path to a GGUF file"),
        (b"\x00\x01\x02\x03 no model", "model 'model.gguf' is no GGUF file"),
        # These reach llama.cpp, which must refuse them without taking the process down.
        (b"GGUF", "llama.cpp could not load model.gguf"),
        (b"GGUF\x03\x00\x00\x00" + bytes(4000), "llama.cpp could not load model.gguf"),
        (b"GGUF\x03\x00\x00\x00" + bytes(range(256)) * 16, "llama.cpp could not load model.gguf"),
    ],
)
def test_a_broken_model_file_is_an_error_not_a_crash(
    cli: Cli, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "model.gguf").write_bytes(content)
    done = cli("solve", "Why?", "--engine", "llamacpp:model.gguf")
    assert (done.status, done.out) == (1, "")
    assert message in done.err


# --- show


def test_show_lists_every_answer_and_whether_it_was_right(cli: Cli, recipe: Path) -> None:
    table = cli("run", str(recipe)).out
    shown = cli("show", "runs/recipe").out
    assert shown.startswith(table)
    answers = shown.removeprefix(table)
    assert answers.count("✓") + answers.count("✗") == 6 * 4
    assert cli("show", "runs/recipe", "--format", "markdown").out.count("\n| ") == 2 + 4
    assert cli("show", "runs/recipe", "--failed").out == "No search failed.\n"


def test_show_draws_a_problems_trees(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    cli("run", str(recipe))
    with Store.read(tmp_path / "runs" / "recipe") as store:
        second = store.problems()[1]
    by_number = cli("show", "runs/recipe", "2", "--strategy", "sample-4")
    assert cli("show", "runs/recipe", second.id, "--strategy", "sample-4").out == by_number.out
    assert by_number.out.startswith(f"{second.question}\nReference: {second.answer}\n")
    assert by_number.out.count("→") == 4
    assert "beam-4" not in by_number.out
    assert "beam-4, seed 0: 4 finished solutions" in cli("show", "runs/recipe", "2").out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere"], 1, "nowhere: no run here"),
        (["runs/recipe", "7"], 2, "has no problem '7'; give an id, or a number from 1 to 6"),
        (["runs/recipe", "--strategy", "bem-4"], 2, "has no strategy 'bem-4'; did you mean 'beam-4'?"),
        (["runs/recipe", "--seed", "3"], 2, "has no seed 3; it has 0"),
    ],
)
def test_show_refuses_what_is_not_there(
    cli: Cli, recipe: Path, arguments: list[str], status: int, message: str
) -> None:
    cli("run", str(recipe))
    done = cli("show", *arguments)
    assert (done.status, done.out) == (status, "")
    assert message in done.err


# --- lists


@pytest.mark.parametrize(
    ("command", "name", "detail"),
    [
        ("strategies", "beam", "width=4"),
        ("verifiers", "judge", "of='step'"),
        ("engines", "llamacpp", "context=2048"),
        ("models", "smollm2-135m-arithmetic", "98 MB"),
    ],
)
def test_lists_say_what_there_is(cli: Cli, command: str, name: str, detail: str) -> None:
    done = cli(command)
    assert done.status == 0
    assert name in done.out
    assert detail in done.out


def test_models_says_which_are_reward_models(cli: Cli) -> None:
    told = cli("models").out
    assert told.count("reward model") == 1
    assert "smollm2-135m-arithmetic-prm (reward model, for prm)" in told


def test_problems_shows_a_level_of_the_built_in_set(cli: Cli) -> None:
    done = cli("problems", "--level", "2", "--limit", "3")
    assert done.out.count("level 2") == 3
    assert done.out.count("The answer is") == 3
    assert cli("problems", "--level", "6").status == 2


def test_export_adapter_needs_an_adapter(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "base.gguf").write_bytes(b"GGUF")
    done = cli("export-adapter", "nothing", "out.gguf", "--base", "base.gguf")
    assert done.status == 2
    assert "nothing/adapter_config.json: cannot be read" in done.err


def test_help_and_version(cli: Cli) -> None:
    assert cli("--version").out == version("outthink") + "\n"
    for command in ("solve", "run", "show", "models", "strategies", "verifiers", "engines", "problems"):
        done = cli(command, "--help")
        assert done.status == 0
        assert f"Example: outthink {command if command in ('run', 'show', 'problems') else 'solve'}" in done.out


def test_a_bug_keeps_its_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("outthink.terminal.listing.models_view", bug)
    with pytest.raises(ZeroDivisionError):
        main(["models"])


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'xllamacpp', 'sympy', 'math_verify', 'pyarrow', 'huggingface_hub', 'pydantic', 'httpx'}"
    program = f"import outthink.cli, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
