from collections.abc import Sequence
from typing import Any

import pytest

from outthink.study.recipe import StudyRecipe, parse_study_recipe
from outthink.study.smoke import StandIns, smoke

WHOLE: dict[str, Any] = {
    "problems": {"source": "HuggingFaceH4/MATH-500", "split": "test"},
    "prompt": {"system": "Box it.", "step": "\n"},
    "engines": {"small": {"kind": "vllm", "model": "a"}, "large": {"kind": "vllm", "model": "b"}},
    "verifiers": {"prm": {"kind": "prm", "model": "Qwen/Qwen2.5-Math-PRM-7B", "backend": "vllm"}},
    "sampling": {"temperature": 1.0, "max_tokens": 2048},
    "budgets": [1, 4, 16, 64],
    "strategies": [
        "greedy",
        {"kind": "sample", "select": ["majority", "weighted"], "aggregate": ["last", "min"]},
        {"kind": "beam", "width": 4, "name": "narrow", "budget": {"tokens": 9000}},
    ],
    "seeds": [3, 4],
    "baseline": {"strategy": "sample", "selection": "weighted", "aggregate": "min"},
}


def whole(**changes: Any) -> StudyRecipe:
    return parse_study_recipe({**WHOLE, **changes}, "here")


def test_only_models_problems_budgets_and_seeds_are_smaller() -> None:
    before, after = whole(), smoke(whole(), "scripted")
    assert list(after.runs) == ["small+prm", "large+prm"]
    for run in after.runs.values():
        assert isinstance(run.engine, dict) and run.engine["kind"] == "scripted"
        assert isinstance(run.verifier, dict) and run.verifier["kind"] == "scripted"
        assert (run.problems.source, run.seeds) == ("builtin:scripted", (3,))
        assert (run.prompt, run.sampling) == (before.runs["small+prm"].prompt, before.runs["small+prm"].sampling)
        assert [entry.name for entry in run.strategies] == ["greedy", "sample-16", "narrow-4", "narrow-16"]
        assert run.strategies[2] == before.runs["small+prm"].strategies[2]
    assert after.baseline == before.baseline
    assert [(each.name, each.select, each.aggregates) for each in after.series] == [
        (each.name, each.select, each.aggregates) for each in before.series
    ]


@pytest.mark.parametrize(
    ("budgets", "widths", "left"),
    [
        ([16, 1, 4, 64], [4], (4, 16)),
        ([1, 4, 16], [1], (1, 4)),
        ([1, 4, 16], [16], (16,)),
        ([1, 4, 6], [4, 5], (6,)),
        ([8], [4], (8,)),
    ],
)
def test_the_smallest_budgets_that_work_are_left(
    budgets: Sequence[int], widths: Sequence[int], left: Sequence[int]
) -> None:
    strategies = [{"kind": "beam", "width": width, "name": f"beam-{width}"} for width in widths]
    study = whole(budgets=budgets, strategies=["sample", *strategies], baseline=None)
    small = smoke(study, "scripted")
    assert (small.budgets, small.left_out) == (left, ())


def test_where_no_budget_suits_all_strategies_none_goes() -> None:
    by_three, by_four = ({"kind": "dvts", "width": width, "name": f"by-{width}"} for width in (3, 4))
    study = whole(budgets=[4, 6, 8], strategies=[by_three, by_four, {"kind": "beam", "width": 7}], baseline=None)
    assert {name for name, _ in study.left_out} == {"by-3-4", "by-3-8", "by-4-6", "beam-4", "beam-6"}
    assert smoke(study, "scripted").budgets == (4, 6, 8)


def test_what_there_is_none_of_stays_away() -> None:
    bare = {key: WHOLE[key] for key in ("problems", "budgets")} | {"strategies": ["sample"]}
    (run,) = smoke(parse_study_recipe(bare, "here"), "scripted").runs.values()
    assert isinstance(run.engine, dict) and run.engine["kind"] == "scripted"
    assert (run.verifier, run.partners, run.seeds) == (None, {}, (0,))


def test_partners_are_replaced() -> None:
    study = smoke(whole(partners={"large": {"kind": "vllm", "model": "b"}}), "scripted")
    partner = study.runs["small+prm"].partners["large"]
    assert isinstance(partner, dict) and partner["kind"] == "scripted"


def test_the_embedded_model_writes_no_more_than_its_context_holds() -> None:
    run = smoke(whole(), "embedded").runs["small+prm"]
    assert isinstance(run.engine, dict) and run.engine["kind"] == "llamacpp"
    assert (run.verifier, run.problems.source, run.sampling.max_tokens) == ("rules", "builtin", 128)
    assert run.sampling.temperature == 1.0


@pytest.mark.parametrize("instead", ["scripted", "embedded"])
def test_a_study_in_smoke_size_is_in_smoke_size(instead: StandIns) -> None:
    once = smoke(whole(), instead)
    assert smoke(once, instead) == once
