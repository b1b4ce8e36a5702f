"""`outthink evaluate-verifier` as a user meets it."""

import json
import math
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from conftest import Cli
from outthink.learn.evaluation import evaluate as evaluate_module
from outthink.learn.labels import Labelled, read_labels, write_labels


def evaluate(cli: Cli, *arguments: str) -> tuple[int, str, str]:
    return cli("evaluate-verifier", *arguments)


def figures(folder: str) -> Any:
    return json.loads(Path(folder, "evaluation.json").read_text())


@pytest.fixture
def labels(tmp_path: Path) -> str:
    """Labelled sums, some with a wrong equation, which the rules see."""
    rng, labelled = Random(0), []
    for number in range(8):
        for _ in range(4):
            right = rng.random() < 0.6
            labelled.append(
                Labelled(
                    problem=f"p{number}",
                    question=f"What is {number} + 1 + 1?",
                    steps=(f"{number} + 1 = {number + 1 + (not right)}", f"The answer is {number + 2 + (not right)}."),
                    labels=(int(right), int(right)),
                    answer=str(number + 2 + (not right)),
                    correct=right,
                )
            )
    write_labels(tmp_path / "labels.jsonl", labelled)
    return "labels.jsonl"


@pytest.fixture
def bench(tmp_path: Path) -> str:
    rows = [
        {"id": "gsm8k-0", "problem": "a?", "steps": ["1 + 1 = 2", "2 + 2 = 5", "so 5"], "label": 1},
        {"id": "gsm8k-1", "problem": "b?", "steps": ["1 + 1 = 2", "so 2"], "label": -1},
        {"id": "math-0", "problem": "c?", "steps": ["let us think", "1 + 2 = 4"], "label": 0},
        {"id": "math-1", "problem": "d?", "steps": ["2 + 2 = 4"], "label": -1},
    ]
    (tmp_path / "bench.json").write_text(json.dumps(rows))
    return "bench.json"


def test_processbench_is_told_split_by_split(cli: Cli, bench: str) -> None:
    status, out, err = evaluate(cli, "rules", bench)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines() if line.count("[") >= 2][1:] == ["gsm8k", "math", "average"]
    assert "All figures: evaluations/rules-bench/evaluation.json" in err
    rows = figures("evaluations/rules-bench")["findings"]["first_errors"]
    assert [(row["split"], row["found"][0], row["passed"][0], row["f1"][0]) for row in rows] == [
        ("gsm8k", 1.0, 1.0, 1.0),
        ("math", 0.0, 1.0, 0.0),
        ("average", 0.5, 1.0, 0.5),
    ]


def test_the_threshold_counts(cli: Cli, bench: str) -> None:
    evaluate(cli, "rules", bench, "--threshold", "0.6", "--out", "strict")
    # Steps without an equation score 0.5 and are now taken to be wrong.
    assert [row["found"][0] for row in figures("strict")["findings"]["first_errors"]] == [1.0, 1.0, 1.0]


def test_labelled_solutions_tell_all_of_steps_lengths_and_choices(cli: Cli, labels: str) -> None:
    status, out, _ = evaluate(cli, "rules", labels, "--out", "here")
    assert status == 0
    for title in (
        "Steps: 64 steps of 32 solutions of 8 problems",
        "Reliability",
        "By position",
        "By length",
    ):
        assert title in out
    assert max(map(len, out.splitlines())) <= 100
    told = figures("here")
    # Some were written twice, and scored once.
    assert told["solutions"] == len(Path("here/scores.jsonl").read_text().splitlines()) == 15
    found = told["findings"]
    assert (told["aggregate"], told["solutions"], told["failed"], told["cost"]["calls"]) == ("min", 15, 0, 15)
    # Equations are seen through, last steps have none.
    assert [each["auc"][0] for each in found["steps"]["positions"]] == [1.0, 0.5, 0.5]
    assert found["best_of"] == found["first_errors"] == []


def test_the_aggregate_can_be_chosen(cli: Cli, labels: str) -> None:
    for how in ("last", "min"):
        evaluate(cli, "rules", labels, "--aggregate", how, "--out", how)
    assert (figures("last")["aggregate"], figures("min")["aggregate"]) == ("last", "min")


def test_a_second_call_scores_nothing_again(cli: Cli, labels: str) -> None:
    first = evaluate(cli, "rules", labels)
    kept = Path("evaluations/rules-labels/scores.jsonl").read_bytes()
    again = evaluate(cli, "rules", labels, "--parallel", "2")
    assert again[1] == first[1]
    assert Path("evaluations/rules-labels/scores.jsonl").read_bytes() == kept


def test_a_model_that_was_trained_anew_is_scored_anew(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "weights").write_text("old")
    spec = {"kind": "prm", "model": str(checkpoint)}
    old = evaluate_module._files(spec)
    assert old == evaluate_module._files(spec) != []
    (checkpoint / "weights").write_text("newer")
    assert evaluate_module._files(spec) != old
    assert evaluate_module._files({"kind": "rules"}) == evaluate_module._files({"kind": "prm", "model": "a/b"}) == []


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> str:
    recipe = {
        "problems": {"source": "builtin:scripted", "limit": 12},
        "engine": {"kind": "scripted", "steps": 3, "success": 0.7},
        "verifier": {"kind": "scripted"},
        "strategies": ["greedy", {"kind": "sample", "n": 8, "select": "majority"}, {"kind": "beam", "n": 16}],
        "seeds": [0, 1],
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert cli("run", "recipe.yaml", "--out", "run")[0] == 0
    return "run"


def test_a_runs_samples_are_graded_and_chosen_from(cli: Cli, run: str) -> None:
    status, out, _ = evaluate(cli, "scripted", run)
    assert status == 0
    assert "Answers chosen among k samples" in out
    points = figures("evaluations/scripted-run")["findings"]["best_of"]
    # Two seeds of eight samples; the trees that depend on their budget are left out.
    assert [(point["k"], point["problems"]) for point in points] == [(k, 12) for k in (1, 2, 4, 8, 16)]
    for point in points:
        # Without noise the verifier always knows.
        assert point["best"][0] == pytest.approx(point["passed"][0])
    assert points[0]["passed"][0] == pytest.approx(0.7**3, abs=0.12)
    assert points[2]["best_gain"][1][0] > 0


def test_noise_costs(cli: Cli, run: str) -> None:
    evaluate(cli, "scripted", run, "--set", "verifier.noise=0.5", "--out", "noisy")
    points = figures("noisy")["findings"]["best_of"]
    assert points[-1]["best"][0] < points[-1]["passed"][0]


def test_failures_are_counted_and_told(cli: Cli, labels: str) -> None:
    status, out, _ = evaluate(cli, "scripted", labels, "--set", "verifier.nan_rate=0.2", "--out", "here")
    told = figures("here")
    assert status == 0
    assert 0 < told["failed"] < told["solutions"]
    assert f"{told['failed']} solutions could not be scored. The first: VerifierError: the verifier scored" in out
    assert told["findings"]["steps"]["solutions"] < 32
    assert math.isfinite(told["findings"]["steps"]["brier"][0])


def test_nothing_scored_is_an_error(cli: Cli, labels: str) -> None:
    status, out, err = evaluate(cli, "scripted", labels, "--set", "verifier.nan_rate=1")
    assert (status, out) == (1, "")
    assert "solutions could be scored; the first: VerifierError: the verifier scored step 1 with nan" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ruels", "labels.jsonl"], "there are no verifiers of kind 'ruels'; did you mean 'rules'?"),
        (["rules", "nowhere.jsonl"], "nowhere.jsonl: no such file"),
        (["rules", "nowhere"], "'nowhere' is nothing to evaluate on: name a run's folder"),
        (["rules", "empty.jsonl"], "empty.jsonl holds no solution"),
        (["rules", "other.jsonl"], "other.jsonl, line 1: neither `labels`, as labelled solutions have"),
        (["rules", "bad.jsonl"], "bad.jsonl, line 1: values: there are 1 for 2 steps"),
        (["rules", "labels.jsonl", "--set", "verifier.of=step"], "verifier: unknown key 'of'"),
        (["rules", "labels.jsonl", "--set", "strategy.n=4"], "--set strategy: nothing is written here"),
        (["judge", "labels.jsonl", "--engine", "scripted"], "the judge needs an engine that tells log-probabilities"),
    ],
)
def test_what_cannot_be_done_is_refused(cli: Cli, labels: str, arguments: list[str], message: str) -> None:
    Path("empty.jsonl").write_text("")
    Path("other.jsonl").write_text('{"question": "q"}\n')
    bad = {"problem": "p", "question": "q", "steps": ["a", "b"], "labels": [1, 1], "values": [0.5]}
    Path("bad.jsonl").write_text(json.dumps(bad) + "\n")
    status, out, err = evaluate(cli, *arguments)
    assert (status, out) == (2, "")
    assert message in err


def test_the_labels_of_a_folder_are_found(cli: Cli, labels: str) -> None:
    Path("folder").mkdir()
    Path(labels).rename("folder/labels.jsonl")
    assert evaluate(cli, "rules", "folder", "--out", "here")[0] == 0
    assert figures("here")["findings"]["steps"]["solutions"] == 32


def test_a_folder_without_a_run_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    status, _, err = evaluate(cli, "rules", "empty")
    assert status == 1
    assert "no run here" in err


def test_a_run_without_independent_samples_is_refused(cli: Cli, tmp_path: Path) -> None:
    recipe = {
        "problems": {"source": "builtin:scripted", "limit": 1},
        "engine": "scripted",
        "strategies": ["greedy"],
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    cli("run", "recipe.yaml", "--out", "run")
    status, _, err = evaluate(cli, "rules", "run")
    assert status == 2
    assert "none of its strategies writes independent samples" in err


def test_a_limit_counts_problems_split_by_split(cli: Cli, bench: str, labels: str, run: str) -> None:
    assert evaluate(cli, "rules", bench, "--limit", "1", "--out", "bench")[0] == 0
    counts = [(each["split"], each["wrong"], each["right"]) for each in figures("bench")["findings"]["first_errors"]]
    assert counts == [("gsm8k", 1, 0), ("math", 1, 0), ("average", 2, 0)]
    assert evaluate(cli, "rules", labels, "--limit", "3", "--out", "labels")[0] == 0
    few = {each.question for each in read_labels(Path(labels)) if each.problem in ("p0", "p1", "p2")}
    solutions = {(each.question, each.steps) for each in read_labels(Path(labels)) if each.question in few}
    assert figures("labels")["solutions"] == len(solutions)
    whole, part = (
        evaluate(cli, "scripted", run, "--out", out, *limit)[0] or figures(out)["solutions"]
        for out, limit in (("whole", ()), ("part", ("--limit", "2")))
    )
    assert 0 < part < whole
