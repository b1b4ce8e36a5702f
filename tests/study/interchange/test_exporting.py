"""Runs as files: golden rows, a round trip that changes no selection, tables from which a tree can be made again."""

from __future__ import annotations

import asyncio
import json
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest

from outthink.cost import Cost, Usage
from outthink.errors import UsageError
from outthink.runs.recipe import parse_recipe
from outthink.runs.runner import run
from outthink.runs.store import Store
from outthink.study.interchange import (
    Table,
    export_completions,
    export_table,
    import_completions,
    push,
    series_in,
    the_series,
)
from outthink.tree import Node, Tree

ALL = ["majority", "best", "weighted"]
RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 6},
    "engine": {"kind": "scripted", "steps": 3, "success": 0.7, "wrong_answers": 3},
    "verifier": {"kind": "scripted", "noise": 0.3},
    "strategies": [
        {"kind": "sample", "n": 6, "select": ALL},
        {"kind": "beam", "n": 4, "select": ALL},
        {"kind": "particles", "n": 4, "select": ALL},
        {"kind": "search-and-learn-dvts", "n": 4, "width": 2, "select": ALL},
    ],
}


def a_run(folder: Path, **changes: Any) -> Path:
    asyncio.run(run(parse_recipe({**RECIPE, **changes}, "recipe"), folder))
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, to be read only."""
    return a_run(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One in which many solutions are cut before they come to an end."""
    return a_run(tmp_path_factory.mktemp("short"), sampling={"max_tokens": 53})


async def exported(folder: Path, path: Path, strategy: str | None = None, **options: Any) -> list[dict[str, Any]]:
    with Store.read(folder) as store:
        await export_completions(store, the_series(store, strategy), path, **options)
    return rows_in(path)


def rows_in(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    import pyarrow.parquet

    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


# --- completions


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
async def test_a_row_has_the_columns_that_others_read(tmp_path: Path, suffix: str) -> None:
    theirs = {
        "problem": "What is 2 + 2?",
        "answer": "4",
        "solution": None,
        "subject": "sums",
        "level": "1",
        "unique_id": "add",
        "completions": ["So.\n\nThe answer is 4.", "The answer is 5.", "The answer is 5."],
        "completion_tokens": [9, 5, 5],
        "finished": [True, True, True],
        "weights": [1.0, 1.0, 1.0],
        "scores": [[0.5, 0.9], [0.6], [0.5]],
    }
    (tmp_path / "theirs.jsonl").write_text(json.dumps(theirs))
    await import_completions(str(tmp_path / "theirs.jsonl"), tmp_path / "run")
    (row,) = await exported(tmp_path / "run", tmp_path / f"ours.{suffix}")
    assert row == theirs | {
        "agg_scores": [0.9, 0.6, 0.5],
        "pred": "So.\n\nThe answer is 4.",
        "pred_naive@1": r"\boxed{4}",
        "pred_weighted@1": r"\boxed{4}",
        "pred_maj@1": r"\boxed{4}",
        "pred_naive@2": r"\boxed{4}",
        "pred_weighted@2": r"\boxed{4}",
        # One vote each: the plainer answer.
        "pred_maj@2": r"\boxed{4}",
    }


def test_without_scores_there_are_no_columns_that_come_of_them(tmp_path: Path) -> None:
    a_run(tmp_path / "run", strategies=[{"kind": "sample", "n": 2, "select": "majority"}])
    row, *_ = asyncio.run(exported(tmp_path / "run", tmp_path / "ours.parquet"))
    assert not {"scores", "agg_scores", "pred", "pred_naive@1"} & set(row) and {"pred_maj@1", "pred_maj@2"} <= set(row)


def selections(folder: Path, strategy: str | None = None) -> dict[str, list[tuple[object, ...]]]:
    """What was chosen on each problem; shares of weights are rounded, since sums are taken in another order."""
    with Store.read(folder) as store:
        return {
            result.unit.problem: [
                (each.selection, each.answer, each.correct, each.votes, round(each.weight, 9))
                for each in result.verdicts
            ]
            for result in store.results()
            if strategy in (None, result.unit.strategy)
        }


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("strategy", ["sample-6", "beam-4", "particles-4", "search-and-learn-dvts-4"])
async def test_a_round_trip_changes_no_selection(short: Path, tmp_path: Path, strategy: str, suffix: str) -> None:
    """Some samples are cut, some paths are pruned, particles have weights."""
    path = tmp_path / f"theirs.{suffix}"
    await exported(short, path, strategy)
    await import_completions(str(path), tmp_path / "back", searched=strategy != "sample-6", skip_broken=True)
    before = selections(short, strategy)
    after = selections(tmp_path / "back")
    # A search all of whose paths were cut has nothing to import.
    assert after == {problem: found for problem, found in before.items() if problem in after}
    assert len(after) >= 3


async def test_a_round_trip_keeps_every_sample_and_its_scores(short: Path, tmp_path: Path) -> None:
    await exported(short, tmp_path / "there.parquet", "sample-6")
    await import_completions(str(tmp_path / "there.parquet"), tmp_path / "back")
    there = rows_in(tmp_path / "there.parquet")
    assert await exported(tmp_path / "back", tmp_path / "again.parquet") == there
    assert {finished for row in there for finished in row["finished"]} == {True, False}
    assert all(len(row["completions"]) == 6 for row in there)


async def test_the_first_n_are_the_first_in_order_of_place(plain: Path, tmp_path: Path) -> None:
    """Nodes lie in a tree in the order of writing, which depends on the clock."""
    with Store.read(plain) as store:
        series = the_series(store, "sample-6")
        _, result = next(series.results(store))
        tree = store.tree(result.unit)
    rows = await exported(plain, tmp_path / "ours.jsonl", "sample-6")
    by_ordinal = {tree.path(leaf).nodes[0].ordinal: tree.path(leaf).text for leaf in tree.leaves}
    assert rows[0]["completions"] == [by_ordinal[ordinal] for ordinal in range(6)]
    assert [name for name in rows[0] if name.startswith("pred_maj@")] == ["pred_maj@1", "pred_maj@2", "pred_maj@4"]
    alone = rows[0]["completions"][0].removesuffix(".").split(" ")[-1]
    assert rows[0]["pred_maj@1"] == rows[0]["pred_naive@1"] == f"\\boxed{{{alone}}}"


def test_a_sample_that_a_budget_ended_on_the_way_is_told_as_far_as_it_came(tmp_path: Path) -> None:
    a_run(tmp_path / "run", strategies=[RECIPE["strategies"][0]], budget={"tokens": 230})
    with Store.read(tmp_path / "run") as store:
        assert {result.stopped for result in store.results()} == {"tokens"}
    rows = asyncio.run(exported(tmp_path / "run", tmp_path / "ours.jsonl"))
    assert all(any(row["finished"]) and not all(row["finished"]) for row in rows)
    assert all(bool(text) for row in rows for text in row["completions"])


async def test_of_a_search_answers_are_chosen_among_all_its_solutions_only(plain: Path, tmp_path: Path) -> None:
    row, *_ = await exported(plain, tmp_path / "ours.jsonl", "beam-4")
    assert [name for name in row if name.startswith("pred_maj@")] == ["pred_maj@4"]
    assert selections(plain, "beam-4")[row["unique_id"]][0][1] in row["pred_maj@4"]


async def test_by_the_toolkits_rules_its_search_has_its_unfinished_siblings(short: Path, tmp_path: Path) -> None:
    path, strategy = tmp_path / "theirs.parquet", "search-and-learn-dvts-4"
    theirs = await exported(short, path, strategy, rules="search-and-learn")
    ours = await exported(short, tmp_path / "ours.parquet", strategy)
    assert all(len(row["completions"]) == 4 for row in theirs) and "pred_maj@1" in theirs[0]
    assert not all(all(row["finished"]) for row in theirs) and all(all(row["finished"]) for row in ours)
    for mine, other in zip(ours, theirs, strict=True):
        finished = [text for text, done in zip(other["completions"], other["finished"], strict=True) if done]
        assert sorted(mine["completions"]) == sorted(finished)


def test_a_search_that_failed_has_no_completions(tmp_path: Path) -> None:
    a_run(tmp_path / "run", engine={"kind": "scripted", "fault_rate": 1.0})
    rows = asyncio.run(exported(tmp_path / "run", tmp_path / "ours.jsonl", "sample-6"))
    assert len(rows) == 6 and all(row["completions"] == [] and row["pred_maj@4"] == r"\boxed{}" for row in rows)
    assert rows[0]["pred"] is None


async def test_columns_can_be_chosen(plain: Path, tmp_path: Path) -> None:
    (row, *_) = await exported(plain, tmp_path / "ours.parquet", "beam-4", names=["unique_id", "pred"])
    assert list(row) == ["unique_id", "pred"]
    with pytest.raises(UsageError, match="no column 'pred_maj@8'; did you mean 'pred_maj@4'"):
        await exported(plain, tmp_path / "other.parquet", "beam-4", names=["pred_maj@8"])


def test_which_series_has_to_be_said_where_there_are_several(tmp_path: Path) -> None:
    a_run(tmp_path / "run", seeds=[0, 3], problems={"source": "builtin:scripted", "limit": 1})
    with Store.read(tmp_path / "run") as store:
        with pytest.raises(UsageError, match="name one of its strategies: sample-6, beam-4"):
            the_series(store)
        with pytest.raises(UsageError, match="name one of its seeds: 0, 3"):
            the_series(store, "beam-4")
        with pytest.raises(UsageError, match="no strategy 'beam'; did you mean 'beam-4'"):
            the_series(store, "beam")
        with pytest.raises(UsageError, match="has no seed 1; it has 0, 3"):
            the_series(store, "beam-4", 1)
        assert the_series(store, "beam-4", 3).seed == 3
        assert len(series_in(store)) == 8


# --- tables


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_tree_can_be_made_of_its_rows_again(tmp_path: Path, suffix: str) -> None:
    revisions = {"kind": "revisions", "n": 4, "sequential": 2, "vote": "all", "select": "majority"}
    a_run(
        tmp_path / "run", strategies=[*RECIPE["strategies"], revisions], sampling={"top_logprobs": 3, "logprobs": True}
    )
    path = tmp_path / f"nodes.{suffix}"
    with Store.read(tmp_path / "run") as store:
        written = export_table(store, series_in(store), path, "nodes")
        trees = {(unit.strategy, unit.problem): store.tree(unit) for unit in store.done()}
    rows = rows_in(path)
    assert len(rows) == written == sum(len(tree.nodes) for tree in trees.values())
    again: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        again.setdefault((row["strategy"], row["problem"]), []).append(row)
    for key, tree in trees.items():
        assert remade(again[key], tree.question, tree.stopped) == tree
    assert any(tree.turns for tree in trees.values())


def remade(rows: list[dict[str, Any]], question: str, stopped: str | None) -> Tree:
    nodes, turns = [], {}
    for row in rows:
        costs = {
            model: Usage(**{name.removeprefix(f"{model}_"): row[name] for name in row if name.startswith(f"{model}_")})
            for model in ("engine", "verifier")
        }
        kept = {name: row[name] for name in row if name in Node.__dataclass_fields__}
        if row["turn"]:
            turns[row["index"]] = row["messages"]
        nodes.append(
            Node(
                **kept
                | {
                    "seed": row["node_seed"],
                    "ids": array("i", row["ids"]),
                    "confidences": None if row["confidences"] is None else array("f", row["confidences"]),
                    "cost": Cost(**costs),
                }
            )
        )
    return Tree(question, rows[0]["messages"], nodes, stopped, turns)


async def test_results_have_their_verdicts_and_costs(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "results.parquet"
    told: list[tuple[int, int]] = []
    with Store.read(plain) as store:
        chosen = series_in(store, "sample-6")
        assert export_table(store, chosen, path, "results", watch=lambda *done: told.append(done)) == 6
        results = {result.unit.problem: result for result in store.results() if result.unit.strategy == "sample-6"}
        problems = {problem.id: problem for problem in store.problems()}
    assert told == [(done, 6) for done in range(1, 7)]
    for row in rows_in(path):
        result = results[row["problem"]]
        assert (row["strategy"], row["seed"], row["question"]) == ("sample-6", 0, problems[row["problem"]].question)
        assert row["engine_generated_tokens"] == result.cost.engine.generated_tokens
        assert row["verifier_calls"] == result.cost.verifier.calls and row["digest"] == result.digest
        assert [(each["selection"], each["correct"]) for each in row["verdicts"]] == [
            (verdict.selection, verdict.correct) for verdict in result.verdicts
        ]


@pytest.mark.parametrize("table", ["results", "nodes"])
async def test_columns_of_tables_can_be_chosen(plain: Path, tmp_path: Path, table: Table) -> None:
    with Store.read(plain) as store:
        export_table(store, series_in(store), tmp_path / "some.parquet", table, names=["seed", "problem"])
        with pytest.raises(UsageError, match="no column 'problems'; did you mean 'problem'"):
            export_table(store, series_in(store), tmp_path / "some.parquet", table, names=["problems"])
    assert list(rows_in(tmp_path / "some.parquet")[0]) == ["seed", "problem"]


# --- files and the Hub


async def test_a_file_is_written_whole_or_not_at_all(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ours.parquet"
    await exported(plain, path, "beam-4")
    before = path.read_bytes()

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await exported(plain, path, "sample-6", watch=stop)
    assert path.read_bytes() == before and [each.name for each in path.parent.iterdir()] == ["ours.parquet"]


async def test_files_of_other_kinds_and_parquet_without_pyarrow(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"ends in one of \.parquet, \.jsonl"):
        await exported(plain, tmp_path / "ours.csv", "beam-4")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r'pip install "outthink\[data\]"'):
        await exported(plain, tmp_path / "ours.parquet", "beam-4")
    assert await exported(plain, tmp_path / "ours.jsonl", "beam-4")


class Api:
    """The Hub, replaced at its border."""

    asked: list[tuple[str, dict[str, Any]]]

    def create_repo(self, name: str, **options: Any) -> None:
        self.asked.append((name, options))

    def upload_file(self, **options: Any) -> None:
        self.asked.append(("upload", options))


def test_a_file_is_uploaded_to_a_set_that_is_private_if_it_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Api, "asked", [], raising=False)
    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    assert push(tmp_path / "beam.parquet", "me/mine") == "https://huggingface.co/datasets/me/mine"
    (name, made), (_, uploaded) = Api.asked
    assert (name, made) == ("me/mine", {"repo_type": "dataset", "private": True, "exist_ok": True})
    assert uploaded["path_or_fileobj"] == tmp_path / "beam.parquet"
    assert (uploaded["path_in_repo"], uploaded["repo_id"], uploaded["repo_type"]) == (
        "beam/test.parquet",
        "me/mine",
        "dataset",
    )


def test_a_hub_that_refuses_is_an_error_that_keeps_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Api, name: str, **options: Any) -> None:
        raise OSError("401 Unauthorized")

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr(Api, "create_repo", refuse)
    with pytest.raises(UsageError, match=r"me/mine \(401 Unauthorized\); check the name, and log in.*file is kept"):
        push(tmp_path / "beam.parquet", "me/mine")
