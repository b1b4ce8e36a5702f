"""The report's document: what the study and the trees say, and nothing that is not JSON."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import LARGER, RECIPE, carry_out, make, unpacked

from outthink.answer import canonical
from outthink.errors import StoreError
from outthink.report import run_folders
from outthink.runs import Store
from outthink.study.carry_out import carry_out as carry_out_study
from outthink.study.recipe import parse_study_recipe
from outthink.study.study import Study, load_study


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return carry_out(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def made(finished: Path) -> dict[str, Any]:
    return make(finished, trees="all")


@pytest.fixture(scope="module")
def study(finished: Path) -> Study:
    return asyncio.run(load_study({finished.name: finished}))


def test_it_is_json(made: dict[str, Any]) -> None:
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_points_are_the_cells(made: dict[str, Any], study: Study) -> None:
    assert len(made["points"]) == len(study.cells)
    for point, cell in zip(made["points"], study.cells, strict=True):
        method = made["methods"][point["method"]]
        assert (method["strategy"], method["selection"], point["n"]) == (*cell.method[1:3], cell.n)
        assert point["value"] == pytest.approx(cell.accuracy.mean())
        assert point["low"] <= point["value"] <= point["high"]
        assert point["costs"]["tokens"] == pytest.approx(cell.costs["tokens"].mean())
        assert point["right"] == [round(100 * share) for share in cell.accuracy.mean(axis=1)]


def test_the_axes_are_those_of_which_something_is_known(tmp_path: Path, made: dict[str, Any]) -> None:
    assert [axis["name"] for axis in made["axes"]] == ["samples", "tokens", "flops", "seconds"]
    unknown = make(carry_out(tmp_path, engine={"kind": "scripted", "steps": 2}, strategies=["greedy"], seeds=[0]))
    assert [axis["name"] for axis in unknown["axes"]] == ["samples", "tokens", "seconds"]


def test_difficulty_is_told_from_other_samples_than_it_sorts(made: dict[str, Any], study: Study) -> None:
    (fifths,) = made["difficulty"]
    assert (fifths["kind"], fifths["run"]) == ("pass@1", made["runs"][0]["label"])
    names = [each["name"] for each in fifths["bins"]]
    assert names[0] == "1 (easiest)" and names[-1] == f"{len(names)} (hardest)"
    # Of two seeds each is sorted by the samples of the other.
    shares = {
        (outcome.problem, outcome.seed): np.mean([each.correct for each in outcome.solved])
        for outcome in study.outcomes
        if outcome.pooled
    }
    held_out = {0: 3, 3: 0}
    ease = {place: shares[place[0], held_out[place[1]]] for place in shares}
    assert {row for each in fifths["bins"] for row in each["problems"]} == set(range(8))
    most = [
        max(ease[made["problems"][row]["id"], seed] for row in each["problems"] for seed in (0, 3))
        for each in fifths["bins"]
    ]
    assert most == sorted(most, reverse=True)


def test_in_each_bin_the_best_method_leads_by_what_the_next_one_lacks(made: dict[str, Any]) -> None:
    for each in made["difficulty"][0]["bins"]:
        values = {(point["method"], point["n"]): point["value"] for point in each["points"]}
        for best in each["best"]:
            ranks = [value for _, value in best["ranks"]]
            assert ranks == sorted(ranks, reverse=True)
            assert all(values[method, best["n"]] == pytest.approx(value) for method, value in best["ranks"])
            assert all(made["methods"][method]["selection"] != "oracle" for method, _ in best["ranks"])
            if len(ranks) > 1:
                assert best["lead"]["value"] == pytest.approx(ranks[0] - ranks[1])


def test_levels_are_sorted_by_their_numbers(tmp_path: Path) -> None:
    rows = [{"question": f"Q{i}", "answer": "1", "level": f"Level {level}"} for i, level in enumerate([10, 9, 10, 1])]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    folder = carry_out(
        tmp_path / "run", problems={"source": str(tmp_path / "p.jsonl")}, strategies=["greedy"], seeds=[0]
    )
    (levels,) = make(folder)["difficulty"]
    named = [(each["name"], each["problems"]) for each in levels["bins"]]
    assert named == [("Level 1", [3]), ("Level 9", [1]), ("Level 10", [0, 2])]


def test_comparisons_are_differences_of_their_points(made: dict[str, Any]) -> None:
    values = {(point["method"], point["n"]): point["value"] for point in made["points"]}
    names = [method["name"] for method in made["methods"]]
    assert {names[each["second"][0]] for each in made["comparisons"]} == {"greedy", "sample · majority"}
    for each in made["comparisons"]:
        assert each["value"] == pytest.approx(values[tuple(each["first"])] - values[tuple(each["second"])])
        assert each["low"] <= each["value"] <= each["high"] and each["problems"] == 8
        assert each["second"][1] <= each["first"][1] and each["p"] <= each["adjusted"]
    # Against a vote, all but the vote itself and the oracles; against greedy, all but greedy and the oracles.
    cells = sum(made["methods"][point["method"]]["selection"] != "oracle" for point in made["points"])
    assert len(made["comparisons"]) == 2 * cells - 1 - 4


def test_policies_are_told_with_their_rivals(made: dict[str, Any]) -> None:
    assert {each["difficulty"] for each in made["policies"]} == {
        "known",
        "predicted by scores",
        "predicted by agreement",
    }
    for each in made["policies"]:
        gain = each["accuracy"]["value"] - each["single_accuracy"]["value"]
        assert each["gain"]["value"] == pytest.approx(gain)
        assert each["choices"] and all(0 <= choice["steady"] <= 1 for choice in each["choices"])


def test_searches_hold_the_stored_trees(made: dict[str, Any], finished: Path) -> None:
    assert len(made["searches"]) == len(RECIPE["strategies"]) * 2 * 8
    with Store.read(finished) as store:
        for search in made["searches"]:
            name = search["strategy"] if search["n"] == 1 else f"{search['strategy']}-{search['n']}"
            problem = made["problems"][search["problem"]]["id"]
            result = next(
                each
                for each in store.results()
                if (each.unit.strategy, each.unit.seed, each.unit.problem) == (name, search["seed"], problem)
            )
            tree, packed = store.tree(result.unit), unpacked(search)
            assert packed["nodes"]["text"] == [node.text for node in tree.nodes]
            assert packed["nodes"]["parent"] == [node.parent for node in tree.nodes]
            assert packed["leaves"] == [node.index for node in tree.leaves]
            scores = [np.nan if node.score is None else node.score for node in tree.nodes]
            packed_scores = [np.nan if score is None else score for score in packed["nodes"]["score"]]
            np.testing.assert_allclose(packed_scores, scores, atol=1e-4)


def test_the_winners_are_those_that_the_run_chose(made: dict[str, Any], finished: Path) -> None:
    compared = 0
    with Store.read(finished) as store:
        for result in store.results():
            series, _, n = result.unit.strategy.partition("-")
            search = next(
                each
                for each in made["searches"]
                if (each["strategy"], each["n"], each["seed"]) == (series, int(n or 1), result.unit.seed)
                and made["problems"][each["problem"]]["id"] == result.unit.problem
            )
            packed = unpacked(search)
            for verdict, told, right in zip(result.verdicts, packed["verdicts"], search["right"], strict=True):
                winner = packed["answers"][told["winner"]]
                assert told["selection"] == verdict.selection
                assert winner["text"] == canonical(verdict.answer or "")
                assert winner["correct"] == right == verdict.correct
                assert winner["votes"] == verdict.votes
                speaker = packed["leaves"].index(told["leaf"])
                assert packed["leaf_answers"][speaker] == told["winner"]
                compared += 1
    assert compared == 8 * 2 * 8


def test_trees_of_the_first_problems_only(finished: Path) -> None:
    few = make(finished, trees=2)
    assert {search["problem"] for search in few["searches"]} == {0, 1} and few["trees"] == 2
    assert make(finished, trees=0)["searches"] == []
    assert make(finished, trees=999)["trees"] == 8


def test_no_more_trees_than_there_is_room_for(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = make(finished)
    assert every["trees"] == 8
    sizes = [sum(len(each["tree"]) for each in every["searches"] if each["problem"] == row) for row in range(8)]
    monkeypatch.setattr("outthink.report.searches.ROOM", sum(sizes[:3]))
    assert make(finished)["trees"] == 3
    monkeypatch.setattr("outthink.report.searches.ROOM", 1)
    assert make(finished)["trees"] == 1
    assert make(finished, trees="all")["trees"] == 8


def test_failed_searches_say_why_and_are_wrong(tmp_path: Path) -> None:
    engine = {"kind": "scripted", "steps": 3, "fault_rate": 0.5}
    document = make(carry_out(tmp_path, engine=engine, seeds=[0]), trees="all")
    failed = [search for search in document["searches"] if search["error"] is not None]
    assert failed
    for search in failed:
        assert not any(search["right"]) and "scripted fault" in search["error"]
        assert unpacked(search)["leaves"] == []
    assert sum(row["failed"] for row in document["costs"]) == len(failed)


def test_without_references_nothing_is_right_or_wrong(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"question": "Q: 1"}\n{"question": "Q: 2"}\n')
    source = {"source": str(tmp_path / "p.jsonl")}
    document = make(carry_out(tmp_path / "run", problems=source, seeds=[0]), trees="all")
    assert all(point["value"] is None for point in document["points"])
    assert document["verifiers"] == [] and document["difficulty"] == []
    assert all(right is None for search in document["searches"] for right in search["right"])


def test_no_verifier_no_diagnostics(tmp_path: Path) -> None:
    strategies = ["greedy", {"kind": "sample", "n": 4}]
    document = make(carry_out(tmp_path, verifier=None, strategies=strategies, seeds=[0]), trees="all")
    assert document["verifiers"] == []
    assert all(verdict["sums"] is None for each in document["searches"] for verdict in unpacked(each)["verdicts"])


def test_costs_are_means_of_what_was_spent(made: dict[str, Any], finished: Path) -> None:
    with Store.read(finished) as store:
        for row in made["costs"]:
            name = row["strategy"] if row["n"] == 1 else f"{row['strategy']}-{row['n']}"
            mine = [result for result in store.results() if result.unit.strategy == name]
            assert row["searches"] == len(mine) == 16
            for part in ("engine", "verifier"):
                spent = [getattr(result.cost, part) for result in mine]
                assert row[part]["generated_tokens"] == pytest.approx(
                    np.mean([each.generated_tokens for each in spent])
                )
                assert row[part]["flops"] == pytest.approx(np.mean([each.flops for each in spent]))


def test_several_runs_are_told_apart_by_their_labels(tmp_path: Path) -> None:
    strategies = ["greedy", {"kind": "sample", "n": 2}]
    for label in ("large", "small"):
        carry_out(tmp_path / "runs" / label, strategies=strategies, seeds=[0])
    document = make(tmp_path)
    names = [method["name"] for method in document["methods"]]
    assert len(set(names)) == len(names) == 6
    assert {name.split(" · ")[0] for name in names} == {"large", "small"}
    assert [run["label"] for run in document["runs"]] == ["large", "small"]
    assert document["title"] == tmp_path.name


def test_a_study_is_reported_as_its_recipe_says(tmp_path: Path) -> None:
    recipe = {
        "problems": {"source": "builtin:scripted", "limit": 5},
        "engines": {"tiny": {"kind": "scripted", "steps": 2, "parameters": 1000}},
        "verifiers": {"good": "scripted", "poor": {"kind": "scripted", "noise": 0.4}},
        "budgets": [1, 3, 4],
        "strategies": [{"kind": "sample", "select": ["majority", "weighted"], "aggregate": ["last", "min"]}],
        "baseline": {"strategy": "sample", "selection": "weighted", "aggregate": "min"},
        "prices": {"hour": 1.0},
        "larger": [LARGER],
    }
    asyncio.run(carry_out_study(parse_study_recipe(recipe, "recipe"), tmp_path))
    document = make(tmp_path)
    assert [run["label"] for run in document["runs"]] == ["tiny+good", "tiny+poor"]
    assert {point["n"] for point in document["points"]} == {1, 3, 4}
    names = [method["name"] for method in document["methods"]]
    assert "tiny+good · sample · weighted · min" in names
    against = {names[each["second"][0]] for each in document["comparisons"]}
    assert against == {
        f"tiny+{run} · sample · {how}" for run in ("good", "poor") for how in ("majority", "weighted · min")
    }
    assert "money" in [axis["name"] for axis in document["axes"]]
    assert {each["larger"]["name"] for each in document["larger"]} == {"Whale"}
    assert {each["ratio"] for each in document["larger"]} == {None, 0.5}
    allowed = 2 * 8000 * 30
    for each in document["larger"]:
        if each["ratio"] is None and each["n"] is not None:
            assert each["flops"] <= allowed
            assert each["value"] == pytest.approx(each["accuracy"] - 0.5)
            assert each["low"] <= each["value"] <= each["high"]
    # The second verifier took over the pool that was sampled for the first.
    assert [each["seconds"] is None for each in document["costs"]] == [False, True]
    json.dumps(document, allow_nan=False)


def test_folders_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    folders = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "c" / "other"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "run.db").touch()
    assert list(run_folders(folders)) == [str(folders[0]), str(folders[1]), "other"]
    assert list(run_folders([folders[0], folders[0]])) == ["run"]
    with pytest.raises(StoreError, match="no run here"):
        run_folders([tmp_path])


def test_a_run_without_results_is_no_report(tmp_path: Path) -> None:
    folder = carry_out(tmp_path / "run", strategies=["greedy"], seeds=[0])
    with sqlite3.connect(folder / "run.db") as connection:
        connection.execute("DELETE FROM results")
    connection.close()
    with pytest.raises(StoreError, match="no search is done yet"):
        make(folder)


@pytest.mark.parametrize("kept", ["problem = 'scripted-test-1'", "strategy != 'sample-6'", "random() % 3 = 0"])
def test_a_run_that_is_not_done_is_reported_as_far_as_it_is(tmp_path: Path, kept: str) -> None:
    folder = carry_out(tmp_path / "run")
    with sqlite3.connect(folder / "run.db") as connection:
        connection.execute(f"DELETE FROM results WHERE NOT ({kept})")
    connection.close()
    document = make(folder)
    json.dumps(document, allow_nan=False)
    assert len(document["problems"]) == 8 and document["points"]
