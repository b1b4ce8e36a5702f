from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from outthink.errors import UsageError
from outthink.learn.evaluation.sources import Sampled, read_source
from outthink.learn.evaluation.stored import Sample, stored_samples
from outthink.runs import Store, load_recipe, run

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 3},
    "engine": {"kind": "scripted", "steps": 3},
    "strategies": ["greedy", {"kind": "sample", "n": 2}, {"kind": "sample", "n": 4}],
}


async def samples_of(folder: Path, **changes: Any) -> Sequence[Sample]:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**RECIPE, **changes}))
    await run(load_recipe(path), folder / "run")
    with Store.read(folder / "run") as store:
        return stored_samples(store)[0]


async def test_the_largest_set_of_samples_is_taken_with_all_its_seeds(tmp_path: Path) -> None:
    samples = await samples_of(tmp_path, seeds=[0, 1])
    assert len(samples) == 3 * 4 * 2
    assert all(each.finished and len(each.steps) == 3 for each in samples)
    assert not any(step.endswith("\n") for each in samples for step in each.steps)
    assert {each.answer == each.reference for each in samples} == {True, False}


async def test_what_came_to_no_end_is_a_sample_without_an_answer(tmp_path: Path) -> None:
    samples = await samples_of(tmp_path, sampling={"max_tokens": 30})
    assert len(samples) == 12
    assert not any(each.finished or each.answer for each in samples)
    source = read_source(str(tmp_path / "run"))
    assert source.written == []
    assert (await source.findings({}, "last", 0.5)).best_of[-1].passed.value == 0.0


async def test_the_prompt_is_the_runs_own(tmp_path: Path) -> None:
    await samples_of(tmp_path, prompt={"system": "Think."})
    source = read_source(str(tmp_path / "run"))
    assert isinstance(source, Sampled)
    assert source.prompt.system == "Think."


async def test_problems_without_an_answer_tell_nothing(tmp_path: Path) -> None:
    (tmp_path / "open.jsonl").write_text('{"question": "Why?"}\n')
    with pytest.raises(UsageError, match="no samples of a problem with an answer"):
        await samples_of(tmp_path, problems={"source": str(tmp_path / "open.jsonl")})
