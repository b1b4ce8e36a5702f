"""Which strategy beats which where the truth is known, over 2,000 problems each."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from outthink.registry import make_strategy
from outthink.study.intervals import paired_interval

pytestmark = pytest.mark.slow

PROBLEMS = 2000


@pytest.fixture(scope="module")
def orderings() -> ModuleType:
    """The script that measures them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "experiments")
        return importlib.import_module("orderings")


async def _outcome(script: ModuleType, strategy: dict[str, Any], **verifier: Any) -> Any:
    (outcome,) = await script.measure(make_strategy(strategy), problems=PROBLEMS, **verifier)
    return outcome


async def test_rebase_beats_sampling_at_equal_tokens(orderings: ModuleType) -> None:
    rebase = await _outcome(orderings, {"kind": "rebase", "n": 16}, noise=0.3)
    sample = await _outcome(orderings, {"kind": "sample", "n": 16}, noise=0.3)
    assert rebase.tokens <= 1.01 * sample.tokens
    assert paired_interval(rebase.right, sample.right).low > 0.25


async def test_dvts_beats_beam_search_at_large_n_where_the_verifiers_errors_last(orderings: ModuleType) -> None:
    dvts = await _outcome(orderings, {"kind": "dvts", "n": 64}, noise=0.2, lasting=True)
    beam = await _outcome(orderings, {"kind": "beam", "n": 64}, noise=0.2, lasting=True)
    assert dvts.tokens <= 1.01 * beam.tokens
    assert paired_interval(dvts.right, beam.right).low > 0.1


async def test_best_of_n_falls_behind_voting_at_large_n_only_with_a_noisy_verifier(orderings: ModuleType) -> None:
    sample, selects = make_strategy({"kind": "sample", "n": 64}), ["majority", "best"]
    common = {"problems": PROBLEMS, "selects": selects, "steps": 3}
    voting, best = await orderings.measure(sample, noise=0.3, success=0.9, **common)
    assert paired_interval(voting.right, best.right).low > 0.1
    voting, best = await orderings.measure(sample, noise=0.0, success=0.6, wrong_answers=3, **common)
    assert paired_interval(best.right, voting.right).low > 0.1
