"""A study in smoke size: its own strategies on stand-ins for its models and problems, to be tried anywhere.

What it shows is that the recipe runs from end to end. Its figures mean nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from outthink.registry import Spec
from outthink.study.recipe import StudyRecipe, parse_study_recipe

__all__ = ["StandIns", "smoke"]

StandIns = Literal["scripted", "embedded"]
"""What takes the models' place: scripts, which load nothing, or the embedded model under rules."""

_BUDGETS = 2


class _Instead(NamedTuple):
    problems: Mapping[str, Any]
    engine: Spec
    verifier: Spec
    caps: Mapping[str, int]


_INSTEAD: Mapping[StandIns, _Instead] = {
    "scripted": _Instead(
        problems={"source": "builtin:scripted", "limit": 6},
        engine={"kind": "scripted", "steps": 3, "parameters": 10**9, "layers": 16, "width": 2048, "kv_width": 1024},
        verifier={"kind": "scripted", "noise": 0.2, "parameters": 10**9},
        caps={},
    ),
    "embedded": _Instead(
        problems={"source": "builtin", "split": "test", "limit": 2},
        engine={"kind": "llamacpp", "context": 1024, "parallel": 8},
        verifier="rules",
        caps={"max_step_tokens": 48, "max_tokens": 128},
    ),
}


def smoke(study: StudyRecipe, instead: StandIns) -> StudyRecipe:
    """A study in smoke size.

    Every engine and every verifier is replaced, under its own label, and so are the problems. Of the budgets the two
    smallest are left at which no strategy is left out (all, if there is none), of the seeds the first. Everything else
    stays.

    Args:
        study: the whole of it.
        instead: what takes the place of its models.
    """
    given, stand_ins = json.loads(study.text), _INSTEAD[instead]
    small = given | {
        "problems": stand_ins.problems,
        "sampling": given.get("sampling", {}) | stand_ins.caps,
        "budgets": _smallest(study),
        "seeds": given.get("seeds", [0])[:1],
        **_replaced(given, "engine", "engines", stand_ins.engine),
        **_replaced(given, "verifier", "verifiers", stand_ins.verifier),
    }
    if "partners" in given:
        small["partners"] = dict.fromkeys(given["partners"], stand_ins.engine)
    return parse_study_recipe(small, "the recipe in smoke size")


def _replaced(given: Mapping[str, Any], one: str, many: str, spec: Spec) -> dict[str, Any]:
    if given.get(many) is not None:
        return {many: dict.fromkeys(given[many], spec)}
    # An engine there always is, if only by default.
    return {one: spec} if one == "engine" or given.get(one) is not None else {}


def _smallest(study: StudyRecipe) -> list[int]:
    # What is left out is called NAME-N.
    refused = {int(name.rpartition("-")[2]) for name, _ in study.left_out}
    working = [n for n in study.budgets if n not in refused]
    return working[:_BUDGETS] or list(study.budgets)
