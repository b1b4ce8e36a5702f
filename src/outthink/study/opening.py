"""Opening studies: a study's folder, or that of a single run, read into what analyses work on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from outthink.errors import StoreError
from outthink.runs import Store
from outthink.study.beside import Beside, beside
from outthink.study.carry_out import RECIPE, run_folder
from outthink.study.cells import Method
from outthink.study.recipe import StudyRecipe, parse_study_recipe
from outthink.study.study import Study, load_study

__all__ = ["Opened", "open_study"]


class Opened(NamedTuple):
    """A study as it was found.

    Args:
        study: all searches, and what they were worth.
        baselines: what its methods are compared with, by engine and verifier.
        folders: of its runs, by engine and verifier.
        beside: its methods beside the larger models that its recipe names.
    """

    study: Study
    baselines: dict[str, Method]
    folders: dict[str, Path]
    beside: tuple[Beside, ...] = ()


async def open_study(
    folder: Path,
    watch: Callable[[int, int], None] = lambda done, total: None,
    *,
    recipe: StudyRecipe | None = None,
) -> Opened:
    """Read all that a folder holds; no model is asked.

    Args:
        folder: of a study, or of a run. A run's methods are compared with the majority of its samples.
        watch: told how many of how many searches are read, run by run.
        recipe: what of a study is looked at, and how; as it was last carried out if None.

    Raises:
        StoreError: there is neither, or it holds a strategy that the recipe has otherwise.
    """
    file = folder / RECIPE
    if recipe is None and not file.is_file():
        study = await load_study({"": folder}, watch=watch)
        return Opened(study, _baselines(study, None), {"": folder})
    recipe = recipe or parse_study_recipe(json.loads(file.read_text(encoding="utf-8")), str(file))
    folders = {label: run_folder(folder, label) for label in recipe.runs}
    there = {label: run for label, run in folders.items() if (run / "run.db").is_file()}
    if not there:
        raise StoreError(f"{folder}: this study has no results yet; carry it out with `outthink study`")
    study = await load_study(there, recipe, watch)
    larger = tuple(beside(study, recipe.larger, _sizes(there))) if recipe.larger else ()
    return Opened(study, _baselines(study, recipe), there, larger)


def _sizes(folders: Mapping[str, Path]) -> dict[str, int]:
    """Parameters of each run's engine, where they are known."""
    found = {}
    for label, folder in folders.items():
        with Store.read(folder) as store:
            shape = store.models().get("engine")
        if shape is not None:
            found[label] = shape.parameters
    return found


def _baselines(study: Study, recipe: StudyRecipe | None) -> dict[str, Method]:
    """By label: the method asked for, or the majority of a pool, or whatever comes first."""
    methods = [method for method in dict.fromkeys(cell.method for cell in study.cells) if method.selection != "oracle"]
    if recipe is not None:
        asked = recipe.baseline
        methods = [
            method
            for method in methods
            if (method.strategy, method.selection) == (asked.strategy, asked.selection)
            and asked.aggregate in (None, method.aggregate)
        ]
    pools = {(outcome.run, outcome.strategy) for outcome in study.outcomes if outcome.pooled}
    methods.sort(key=lambda method: method.selection != "majority" or method[:2] not in pools)
    found: dict[str, Method] = {}
    for method in methods:
        found.setdefault(method.run, method)
    return found
