"""`outthink study` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from outthink.cli import main
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import EngineDown
from outthink.strategies.auto import Auto
from outthink.strategies.parts.policy import load_policy
from outthink.terminal.resumable import kept

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 4},
    "engine": {"kind": "scripted", "steps": 2},
    "verifiers": {"good": {"kind": "scripted", "noise": 0.1}, "bad": {"kind": "scripted", "noise": 1.0}},
    "budgets": [2, 4],
    "strategies": ["greedy", {"kind": "sample", "select": ["majority", "weighted"]}, "beam"],
}


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Study = Callable[..., Outcome]


@pytest.fixture
def study(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Calls `outthink study` on the recipe, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    write(tmp_path)

    def call(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as left:
            main(["study", "recipe.yaml", *arguments])
        out, err = capsys.readouterr()
        assert isinstance(left.value.code, int | None)
        return Outcome(left.value.code or 0, out, err)

    return call


def write(folder: Path, **changes: Any) -> None:
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**RECIPE, **changes}, sort_keys=False))


def test_a_study_is_carried_out_and_shown(study: Study) -> None:
    first = study()
    assert first.status == 0
    assert "beam-2 is left out: strategies.2: width is 4; it must lie between 1 and n = 2" in first.err
    assert "24/24  scripted+bad beam-4, " in first.err
    for name in (
        "scripted+good: 4 problems, 1 seed",
        "scripted+bad: 4 problems",
        "greedy",
        "sample",
        "weighted (last)",
    ):
        assert name in first.out
    assert "A gain is over sample majority at the same N" in first.out
    assert "With ever more samples, scripted+good sample majority converges to" in " ".join(first.out.split())
    again = study("--out", "studies/recipe")
    assert (again.status, again.out) == (0, first.out)
    assert "24/24" not in again.err


def test_offline_asks_no_model(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = study("--offline")
    assert (nothing.status, nothing.out) == (1, "")
    assert "studies/recipe: no study here; carry it out without --offline" in nothing.err
    shown = study("--set", "verifiers={good: {kind: scripted, noise: 0.1}}").out

    async def never(self: ScriptedEngine) -> None:
        raise AssertionError("nothing may be loaded")

    monkeypatch.setattr(ScriptedEngine, "open", never)
    assert study("--offline", "--set", "seeds=[0, 1]").out == shown


def test_a_run_that_ends_early_is_named_with_its_reason(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(self: ScriptedEngine) -> None:
        if self.parameters:
            raise EngineDown("the server is gone; start it again")

    monkeypatch.setattr(ScriptedEngine, "open", gone)
    engines = "engines={mine: {kind: scripted, steps: 2}, theirs: {kind: scripted, parameters: 7}}"
    done = study("--set", "engine=null", "--set", engines)
    assert done.status == 1
    assert "error: theirs+good is not complete: the server is gone; start it again\n" in done.err
    assert "mine+good is not complete" not in done.err
    assert "theirs+good: 0 of 12 searches are done" in done.out


def test_a_wrong_recipe_makes_no_folder(study: Study, tmp_path: Path) -> None:
    done = study("--set", "budgets=[many]")
    assert (done.status, done.out) == (2, "")
    assert "budgets: expected a list of whole numbers" in done.err
    assert not (tmp_path / "studies").exists()


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    write(tmp_path, engine={"kind": "scripted", "steps": 2, "seconds_per_call": 0.2}, in_flight=1)
    program = [sys.executable, "-m", "outthink", "study", "recipe.yaml"]
    plain = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(program, cwd=tmp_path, env=plain, stdout=-1, stderr=-1, text=True) as running:
        assert running.stderr is not None
        assert "beam-2 is left out" in running.stderr.readline()
        assert running.stderr.readline().startswith("1/24  scripted+good greedy, ")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    stored = kept(tmp_path / "studies" / "recipe" / "runs" / "scripted+good")
    assert (running.returncode, out) == (130, "")
    assert err == f"Interrupted: {stored} results are kept in studies/recipe; the same command goes on from there.\n"
    assert 1 <= stored < 12


def test_a_policy_is_learned_shown_and_written(
    study: Study, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    study("--set", "problems.limit=12", "--set", "budgets=[4, 8]")
    asked = ["policy", "studies/recipe", "--select", "weighted", "--pilots", "2"]
    with pytest.raises(SystemExit):
        main(asked)
    assert "--run : name one of scripted+good, scripted+bad" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main([*asked, "--run", "scripted+good", "-o", "policy.yaml"])
    shown = capsys.readouterr()
    assert not left.value.code
    assert "The difficulty known, by pass@1 of other solutions" in shown.out
    assert "The difficulty predicted, by score of 2 pilots" in shown.out
    shared = shown.out.partition("Samples shared out over the problems, by score of 2 pilots")[2]
    # Of 2 pilots and the whole pool of 8 there is nothing to share out.
    (row,) = [line.split() for line in shared.splitlines() if "weighted" in line]
    assert row[:2] == ["4", "weighted"]
    assert "Written: policy.yaml" in shown.err
    learned = load_policy(tmp_path / "policy.yaml")
    assert (learned.pilots, learned.aggregate, learned.predictor) == (2, "last", "score")
    assert Auto(policy=str(tmp_path / "policy.yaml"), n=8).samples == 8
    with pytest.raises(SystemExit) as left:
        main([*asked, "--run", "scripted+good", "--share", "-o", "shares.yaml"])
    assert not left.value.code
    assert [row.budget for row in load_policy(tmp_path / "shares.yaml").rows] == [4]
    with pytest.raises(SystemExit):
        main([*asked, "--run", "scripted+good", "--share"])
    assert "--share says what is written; say where with --out" in capsys.readouterr().err


def test_smoke_size_has_a_folder_of_its_own_and_says_what_it_is(study: Study, tmp_path: Path) -> None:
    tried = study("--smoke", "scripted", "--set", "engine={kind: vllm, model: none/such}")
    assert tried.status == 0
    assert "Its figures mean nothing." in tried.err
    assert "sample" in tried.out
    assert [path.name for path in (tmp_path / "studies").iterdir()] == ["recipe-smoke-scripted"]
    assert study("--smoke", "scripted", "--offline").out == tried.out


def test_smoke_size_is_asked_for_by_its_stand_ins(study: Study) -> None:
    refused = study("--smoke", "tiny")
    assert refused.status == 2
    assert "scripted" in refused.err and "embedded" in refused.err


def test_what_is_wrong_is_wrong_in_smoke_size_too(study: Study, tmp_path: Path) -> None:
    refused = study("--smoke", "scripted", "--set", "engine={kind: vlm}")
    assert refused.status == 2
    assert "engine: there are no engines of kind 'vlm'; did you mean 'vllm'?" in refused.err
    assert not (tmp_path / "studies").exists()


def test_methods_stand_beside_a_larger_model(study: Study, tmp_path: Path) -> None:
    sized = {"kind": "scripted", "steps": 2, "parameters": 1000}
    larger = {"name": "Whale", "parameters": 4000, "tokens": 50, "accuracy": 0.5, "source": "a paper", "ratios": [0.1]}
    write(tmp_path, engine=sized, larger=[larger])
    shown = study("--format", "markdown")
    assert shown.status == 0
    assert shown.out.count("At the FLOPs that Whale takes to answer") == 2
    assert "4,000 parameters, 50.0 % as reported in a paper" in shown.out
    assert "and to be trained, 0.1 tokens written for each trained on" in shown.out
    again = study()
    assert again.out.count("At the FLOPs that Whale takes to answer") == 2
    # It is told of what was found: to name another asks no model.
    write(tmp_path, engine=sized, larger=[{**larger, "name": "Elephant", "ratios": []}])
    other = study("--format", "markdown")
    assert (other.status, other.out.count("FLOPs that Elephant"), other.out.count("Whale")) == (0, 1, 0)


def test_offline_another_baseline_is_only_another_look(study: Study) -> None:
    study()
    other = study("--offline", "--set", "baseline={strategy: sample, selection: weighted}", "--format", "markdown")
    assert (other.status, "A gain is over sample weighted (last) at the same N" in other.out) == (0, True)
    one = study("--offline", "--set", "verifiers={bad: {kind: scripted, noise: 1.0}}", "--format", "markdown")
    assert "scripted+bad: 4 problems" in one.out and "scripted+good" not in one.out
    # What was carried out stays as it is.
    assert "scripted+good" in study("--offline").out


def test_a_study_shows_what_its_recipe_names(study: Study) -> None:
    study("--set", "seeds=[0, 1]", "--set", "budgets=[2, 4, 8]")

    def rows(*changes: str) -> set[tuple[str, str, int]]:
        found = study("--offline", "--format", "json", *(word for each in changes for word in ("--set", each)))
        return {(line["strategy"], line["selection"], line["n"]) for line in json.loads(found.out)}

    assert {n for _, _, n in rows()} == {1, 2, 4}
    assert {n for name, _, n in rows("budgets=[8]") if name == "beam"} == {8}
    assert {name for name, _, _ in rows("strategies=[greedy, beam]")} == {"greedy", "beam"}
    # Selections are read off the stored trees.
    assert {how for _, how, _ in rows("strategies=[{kind: sample, select: best}]")} == {"best", "oracle"}
    assert "4 problems, 1 seed\n" in study("--offline", "--format", "markdown").out
    nothing = study("--offline", "--set", "seeds=[7]")
    assert (nothing.status, "A gain is over" in nothing.out) == (0, False)
    assert "There is no result yet of what the recipe names." in nothing.out
    assert "4 problems, 2 seeds\n" in study("--offline", "--set", "seeds=[1, 0]", "--format", "markdown").out


@pytest.mark.parametrize("options", ["width: 2", "budget: {tokens: 100}"])
def test_what_goes_by_a_name_is_what_the_recipe_says_it_is(study: Study, options: str) -> None:
    study()
    other = study("--offline", "--set", f"strategies=[greedy, {{kind: beam, {options}}}]")
    assert (other.status, other.out) == (1, "")
    assert "strategy 'beam-4' has results with other options than it is now given" in other.err


def test_a_vote_that_reads_scores_is_not_made_of_searches_that_have_none(study: Study) -> None:
    study("--set", "strategies=[greedy, sample]")
    other = study("--offline", "--set", "strategies=[{kind: sample, select: weighted}]")
    assert (other.status, other.out) == (1, "")
    assert "strategy 'sample-4' has results that were not scored, and is now selected by weighted" in other.err
