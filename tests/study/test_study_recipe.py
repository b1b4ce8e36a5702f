import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from outthink.errors import RecipeError
from outthink.strategies import Pool
from outthink.strategies.beam import Beam
from outthink.study.outcomes import series_name
from outthink.study.recipe import Baseline, StudyRecipe, load_study_recipe, parse_study_recipe
from outthink.study.sweep import seats

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 4},
    "engine": {"kind": "scripted", "steps": 3},
    "verifiers": {"good": "scripted", "bad": {"kind": "scripted", "noise": 1.0}},
    "budgets": [16, 1, 4],
    "strategies": [
        "greedy",
        {"kind": "sample", "select": ["majority", "best"], "aggregate": ["last", "min"]},
        {"kind": "beam", "aggregate": "min", "budget": {"tokens": 900}},
        {"kind": "lookahead", "inner": {"kind": "beam", "width": "sqrt"}, "name": "ahead"},
        {"kind": "rebase", "n": 4},
    ],
    "seeds": [0, 3],
    "in_flight": 2,
}


def study(**changes: Any) -> StudyRecipe:
    return parse_study_recipe({**RECIPE, **changes}, "study")


def test_a_study_is_an_ordinary_recipe_for_every_engine_with_every_verifier() -> None:
    loaded = study()
    assert list(loaded.runs) == ["scripted+good", "scripted+bad"]
    names = ["greedy", "sample-16", "beam-4", "beam-16", "ahead-1", "ahead-4", "ahead-16", "rebase-4"]
    for label, recipe in loaded.runs.items():
        assert [entry.name for entry in recipe.strategies] == names
        assert recipe.verifier == RECIPE["verifiers"][label.removeprefix("scripted+")]
        assert (recipe.engine, recipe.seeds, recipe.in_flight) == (RECIPE["engine"], (0, 3), 2)
        assert [entry for each in loaded.series for entry in each.entries.values()] == list(recipe.strategies)


def test_a_pool_is_run_once_and_what_is_given_stays() -> None:
    loaded = study()
    assert loaded.budgets == (1, 4, 16)
    assert {each.name: list(each.entries) for each in loaded.series} == {
        "greedy": [1],
        "sample": [16],
        "beam": [4, 16],
        "ahead": [1, 4, 16],
        "rebase": [4],
    }
    _, sample, beam, _, _ = loaded.series
    assert (sample.pooled, sample.select, sample.aggregates) == (True, ("majority", "best"), ("last", "min"))
    assert (beam.pooled, beam.select, beam.aggregates) == (False, ("weighted",), ("min",))
    entry = beam.entries[4]
    assert (entry.strategy, entry.aggregate, entry.budget.tokens) == (Beam(n=4), "min", 900)
    assert sample.entries[16].aggregate == "last"


def test_a_budget_that_a_strategy_refuses_is_left_out_and_told() -> None:
    ((name, reason),) = study().left_out
    assert name == "beam-1"
    assert "strategies.2: width is 4; it must lie between 1 and n = 1" in reason


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"verifiers": None, "strategies": ["sample"]}, ["scripted"]),
        ({"verifiers": None, "verifier": "rules"}, ["scripted+rules"]),
        ({"engine": None}, ["llamacpp+good", "llamacpp+bad"]),
        (
            {"engine": None, "engines": {"a": "scripted", 7: "scripted"}},
            ["a+good", "a+bad", "7+good", "7+bad"],
        ),
    ],
)
def test_labels_are_kinds_unless_given(changes: dict[str, Any], labels: list[str]) -> None:
    given = {key: value for key, value in {**RECIPE, **changes}.items() if value is not None}
    assert list(parse_study_recipe(given, "study").runs) == labels


@pytest.mark.parametrize(
    ("changes", "baseline"),
    [
        ({}, Baseline(strategy="sample", selection="majority")),
        ({"strategies": ["beam", {"kind": "sample", "select": "best"}]}, Baseline(strategy="sample", selection="best")),
        ({"strategies": ["beam"]}, Baseline(strategy="beam", selection="weighted")),
        (
            {"baseline": {"strategy": "sample", "selection": "best", "aggregate": "min"}},
            Baseline(strategy="sample", selection="best", aggregate="min"),
        ),
    ],
)
def test_the_baseline_is_the_majority_of_the_pool_unless_given(changes: dict[str, Any], baseline: Baseline) -> None:
    assert study(**changes).baseline == baseline


def test_its_text_is_the_same_study(tmp_path: Path) -> None:
    loaded = study()
    assert parse_study_recipe(json.loads(loaded.text), "stored") == loaded
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    assert load_study_recipe(path, ["budgets=[2]", "strategies.2.width=2"]).series[2].entries == {
        2: study(budgets=[2], strategies=[{**RECIPE["strategies"][2], "width": 2}]).series[0].entries[2]
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": []}, "unknown key 'strategy'; did you mean 'strategies'"),
        ({"problems": None}, "problems is missing"),
        ({"problems": {"sorce": "x"}}, r"problems: unknown key 'sorce'"),
        ({"budgets": None}, r"budgets is missing; for example"),
        ({"budgets": []}, "budgets: expected a list"),
        ({"budgets": [4, 0]}, "budgets: expected a list of whole numbers from 1 on"),
        ({"strategies": []}, "strategies: expected a list"),
        ({"strategies": ["sample", "bean"]}, r"strategies\.1: .*did you mean 'beam'"),
        ({"strategies": ["sample", {"kind": "beam", "widht": 2}]}, r"strategies\.1: unknown key 'widht'"),
        ({"strategies": ["sample", {"kind": "beam", "select": "worst"}]}, r"strategies\.1\.select: 'worst'"),
        ({"strategies": ["sample", {"kind": "beam", "aggregate": ["min", "max"]}]}, r"strategies\.1\.aggregate: 'max'"),
        ({"strategies": [{"kind": "beam", "aggregate": ["min", "min"]}]}, r"strategies\.0\.aggregate: expected diff"),
        ({"strategies": ["beam", {"kind": "beam", "width": 2}]}, r"strategies\.1: a second strategy called 'beam'"),
        ({"strategies": ["beam"], "budgets": [1, 2]}, r"strategies\.0: width is 4"),
        ({"verifier": "rules"}, "verifier and verifiers: give one of them"),
        ({"verifiers": ["rules"]}, "verifiers: expected verifiers by label"),
        ({"verifiers": {"a/b": "rules"}}, "'a/b' is no label"),
        ({"verifiers": {"..": "rules"}}, "'..' is no label"),
        ({"verifiers": {"mine": "rulez"}}, r"verifiers\.mine: .*did you mean 'rules'"),
        ({"engine": {"kind": "scripted", "stepz": 2}}, r"engine: unknown key 'stepz'"),
        ({"verifiers": None}, "'beam-4' reads scores; name a verifier|'sample-16' reads scores"),
        ({"seeds": [0, 0]}, "repeats a seed"),
        ({"baseline": {"strategy": "sampel", "selection": "best"}}, "baseline.strategy: .*did you mean 'sample'"),
        ({"baseline": {"strategy": "sample", "selection": "weighted"}}, "sample is selected by majority, best"),
        (
            {"baseline": {"strategy": "sample", "selection": "best", "aggregate": "mean"}},
            "baseline.aggregate: 'mean' is none of those of sample",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        study(**changes)


def test_analyses_find_every_series_at_every_n() -> None:
    loaded = study(strategies=[*RECIPE["strategies"], "self-refine", {"kind": "dvts", "width": 1}])
    for recipe in loaded.runs.values():
        found = {
            (series_name(entry), seats(entry.strategy), isinstance(entry.strategy, Pool)) for entry in recipe.strategies
        }
        assert found == {(each.name, n, each.pooled) for each in loaded.series for n in each.entries}
