"""Carrying out a study: its runs, one after the other, each in a folder of its own; whatever ends one ends no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from outthink.errors import OutthinkError
from outthink.runs.recipe import Recipe
from outthink.runs.runner import Progress, planned, run
from outthink.study.recipe import StudyRecipe
from outthink.study.sharing import shared

__all__ = ["RECIPE", "carry_out", "run_folder", "steps"]

RECIPE = "study.json"
"""The file in a study's folder that holds its recipe, as it was last given."""


def run_folder(folder: Path, label: str) -> Path:
    """Where a study keeps the run of this label."""
    return folder / "runs" / label


async def carry_out(
    study: StudyRecipe,
    folder: Path,
    watch: Callable[[Progress], None] = lambda progress: None,
    *,
    retry_failed: bool = False,
) -> dict[str, OutthinkError]:
    """Carry out what the folder does not hold yet.

    All runs are checked before the first one begins. They take turns, so there is one engine and one verifier at a
    time; what is there of a pool is not sampled again, whether it grows or has another verifier (`sharing.py`).
    Cancelling loses only what was under way.

    Args:
        study: what to do. With further budgets, strategies, seeds, engines or verifiers, only these are carried out.
        folder: the study's own.
        watch: told of every result: how far the study is, its strategies called "LABEL STRATEGY".
        retry_failed: searches that failed in an earlier sitting are forgotten and tried again.

    Returns:
        The runs that could not begin or did not come to their end, by label, and why.

    Raises:
        ProblemError, StoreError: there are no such problems, or a run's folder holds something else.
    """
    whole = _Whole(watch)
    for label, recipe in study.runs.items():
        whole.expect(label, *_extent(recipe, run_folder(folder, label)))
    _write(study, folder / RECIPE)
    ended = {}
    for label, recipe in study.runs.items():
        try:
            others = [(other, run_folder(folder, name)) for name, other in study.runs.items() if name != label]
            with shared(recipe, run_folder(folder, label), others) as work:
                await run(recipe, run_folder(folder, label), whole.watch(label), retry_failed=retry_failed, unit=work)
        except OutthinkError as error:
            # A model that is missing or gone: the others may have better luck.
            ended[label] = error
    return ended


def steps(study: StudyRecipe) -> dict[str, int]:
    """All strategies of all runs, called as `carry_out` calls them, and how many solutions each writes."""
    return {
        _called(label, entry.name): entry.strategy.samples
        for label, recipe in study.runs.items()
        for entry in recipe.strategies
    }


def _write(study: StudyRecipe, file: Path) -> None:
    scratch = file.with_suffix(".new")
    scratch.write_text(study.text, encoding="utf-8")
    scratch.replace(file)


def _called(label: str, strategy: str) -> str:
    return f"{label} {strategy}"


def _extent(recipe: Recipe, folder: Path) -> tuple[int, int]:
    """Units of a run that have a result, and units there are."""
    with planned(recipe, folder) as (store, _, problems):
        plan = store.plan()
        return sum((unit.strategy, unit.seed) in plan for unit in store.done()), len(plan) * len(problems)


class _Whole:
    """The progress of several runs as that of one."""

    def __init__(self, watch: Callable[[Progress], None]) -> None:
        self._watch = watch
        self._done: dict[str, int] = {}
        self._total = 0
        self._latest: dict[str, Progress] = {}

    def expect(self, label: str, done: int, total: int) -> None:
        """There is one more run."""
        self._done[label] = done
        self._total += total

    def watch(self, label: str) -> Callable[[Progress], None]:
        """What is to be told of a run's results."""

        def tell(progress: Progress) -> None:
            self._latest[label] = progress
            self._done[label] = progress.done
            latest = self._latest.values()
            self._watch(
                replace(
                    progress,
                    done=sum(self._done.values()),
                    total=self._total,
                    strategy=_called(label, progress.strategy),
                    failed=sum(each.failed for each in latest),
                    generated_tokens=sum(each.generated_tokens for each in latest),
                    seconds=sum(each.seconds for each in latest),
                )
            )

        return tell
