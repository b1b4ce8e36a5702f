"""What the report says of a verifier, against counting by hand."""

from __future__ import annotations

import asyncio
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import carry_out

from outthink.report.verifiers import diagnostics
from outthink.study.study import Study, load_study

STRATEGIES = [{"kind": "sample", "n": 12, "select": ["majority", "weighted"]}, {"kind": "beam", "n": 4}]


def study_of(folder: Path, **changes: Any) -> Study:
    carry_out(folder, strategies=STRATEGIES, **changes)
    return asyncio.run(load_study({"": folder}))


def test_a_perfect_verifier_knows_all(tmp_path: Path) -> None:
    found = diagnostics(study_of(tmp_path, verifier={"kind": "scripted"}), "")
    assert found is not None and found["pooled"]
    # One wrong step spoils the rest, so the last step's score tells all; the lowest does as well.
    last, lowest, _, _ = found["aggregates"]
    assert last["auc"]["value"] == last["within"]["value"] == lowest["auc"]["value"] == 1.0


def test_figures_are_those_of_counting(tmp_path: Path) -> None:
    study = study_of(tmp_path, verifier={"kind": "scripted", "noise": 0.3})
    found = diagnostics(study, "")
    assert found is not None
    solutions = [(o.problem, s.scores[-1], bool(s.correct)) for o in study.outcomes if o.pooled for s in o.solved]
    assert found["right"] + found["wrong"] == len(solutions) == 8 * 2 * 12
    last = found["aggregates"][0]
    assert last["aggregate"] == "last"
    assert last["auc"]["value"] == pytest.approx(counted(solutions))
    problems = sorted({problem for problem, _, _ in solutions})
    within = [counted([each for each in solutions if each[0] == problem]) for problem in problems]
    assert last["within"]["value"] == pytest.approx(np.nanmean(within))
    assert sum(last["histogram"]["right"]) == found["right"] and sum(last["histogram"]["wrong"]) == found["wrong"]
    assert sum(each["count"] for each in last["bins"]) == len(solutions)
    assert 0 <= last["ece"]["low"] <= last["ece"]["high"] <= 1


def counted(solutions: list[tuple[str, float, bool]]) -> float:
    right = [score for _, score, correct in solutions if correct]
    wrong = [score for _, score, correct in solutions if not correct]
    pairs = [(a > b) + 0.5 * (a == b) for a, b in product(right, wrong)]
    return float(np.mean(pairs)) if pairs else float("nan")


def test_without_samples_the_searches_own_solutions_are_judged(tmp_path: Path) -> None:
    carry_out(tmp_path, strategies=[{"kind": "beam", "n": 4}])
    found = diagnostics(asyncio.run(load_study({"": tmp_path})), "")
    assert found is not None and not found["pooled"]
