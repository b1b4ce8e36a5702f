"""Trainings from recipe to files, on tiny models: what comes out is found and read by the rest of the package."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from worked import labelled

from outthink.errors import ModelNotFound, OutthinkError, ProblemError, RecipeError, StoreError, UsageError
from outthink.learn.labels import Labelled, held_out, write_labels
from outthink.learn.train.recipe import Fit, load_train_recipe
from outthink.learn.train.report import Record, Report, Watch
from outthink.prompt import Prompt
from outthink.tree import Tree
from outthink.verifiers.orm import Orm
from outthink.verifiers.prm import Prm
from tiny import tiny_llama

for package in ("torch", "peft", "accelerate"):
    pytest.importorskip(package, reason=f'training needs {package}: pip install "outthink[transformers]"')

Carry = Callable[..., Report]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Solutions in which "14" is good and "96" is bad: something that can be learnt."""
    file = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    write_labels(file, (labelled(number) for number in range(60)))
    return file


@pytest.fixture
def carry(tmp_path: Path, base: Path, labels: Path) -> Carry:
    """Carries out a training; by default of a step-scoring adapter."""

    from outthink.learn.train.train import train

    def make(out: str = "out", watch: Watch | None = None, **changes: object) -> Report:
        given: dict[str, Any] = {
            "train": "prm",
            "model": str(base),
            "data": [str(labels)],
            "lora": {"rank": 8},
            "fit": {"epochs": 20, "batch_tokens": 512, "precision": "float32", "learning_rate": 0.003, "checkpoint": 3},
            "held_out": 0.2,
        }
        given = {key: value for key, value in {**given, **changes}.items() if value is not ...}
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(json.dumps(given))
        return train(load_train_recipe(recipe), tmp_path / out, watch)

    return make


def _tree(solution: Labelled) -> Tree:
    prompt = Prompt()
    return Tree.written(solution.question, solution.steps, prompt.step, prompt.messages(solution.question))


async def _scores(verifier: Prm | Orm, solution: Labelled) -> list[float]:
    await verifier.open(None)  # type: ignore[arg-type]
    try:
        tree = _tree(solution)
        return list((await verifier.score(tree.path(tree.nodes[-1]))).values)
    finally:
        await verifier.close()


@pytest.mark.parametrize("family", ["plus-minus", "trl"])
def test_a_reward_model_learns_and_is_recognised_by_its_path(carry: Carry, tmp_path: Path, family: str) -> None:
    report = carry(family=family)

    assert report.figures["auc"] > 0.95
    assert report.examples + report.held_out == 60
    model = str(tmp_path / "out" / "model")
    good = asyncio.run(_scores(Prm(model=model, backend="transformers"), labelled(100)))
    bad = asyncio.run(_scores(Prm(model=model, backend="transformers"), labelled(99)))
    assert len(good) == 2 and good[0] > 0.7 and bad[0] < 0.3


def test_what_is_scored_is_what_was_trained(carry: Carry, tmp_path: Path) -> None:
    """The cross-entropy that the trainer measures follows from the scores of the model it saved."""
    report = carry()
    measured = [each for each in map(labelled, range(60)) if held_out(each.problem, 0.2)]
    model = str(tmp_path / "out" / "model")

    async def entropy() -> float:
        verifier = Prm(model=model, backend={"kind": "transformers", "dtype": "float32"})
        losses = []
        await verifier.open(None)  # type: ignore[arg-type]
        for each in measured:
            tree = _tree(each)
            scores = (await verifier.score(tree.path(tree.nodes[-1]))).values
            losses += [-t * math.log(s) - (1 - t) * math.log(1 - s) for s, t in zip(scores, each.targets, strict=True)]
        await verifier.close()
        return sum(losses) / len(losses)

    assert asyncio.run(entropy()) == pytest.approx(report.figures["loss"], rel=1e-4)


def test_an_outcome_model_learns_whether_solutions_are_right(carry: Carry, tmp_path: Path) -> None:
    report = carry(train="orm")

    assert report.figures["auc"] > 0.95
    verifier = Orm(model=str(tmp_path / "out" / "model"), backend="transformers")
    scores = asyncio.run(_scores(verifier, labelled(100)))
    assert scores[-1] > 0.7


def test_all_weights_can_be_trained(carry: Carry, tmp_path: Path) -> None:
    report = carry(lora=None, fit={"epochs": 12, "batch_tokens": 512, "precision": "float32"})

    assert report.written == ("model",)
    assert report.figures["auc"] > 0.9


def test_hard_labels_and_the_last_step_alone(carry: Carry) -> None:
    soft, hard = carry(out="soft"), carry(out="hard", labels="hard")
    last = carry(out="last", last_step_only=True)

    assert [record.loss for record in soft.records] != [record.loss for record in hard.records]
    assert soft.tokens > last.tokens * 0.9
    assert last.records[0].loss != soft.records[0].loss


def test_the_same_seed_gives_the_same_weights_also_when_interrupted(carry: Carry, tmp_path: Path) -> None:
    whole = carry(out="whole")

    def stop(record: Record, seconds: float) -> None:
        if record.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry(out="parts", watch=Watch(step=stop))
    seen: list[int] = []
    parts = carry(out="parts", watch=Watch(step=lambda record, seconds: seen.append(record.step)))

    assert seen[0] == 6
    assert [record.loss for record in parts.records] == [record.loss for record in whole.records]
    assert _weights(tmp_path / "parts") == _weights(tmp_path / "whole")
    assert not (tmp_path / "parts" / "checkpoint.pt").exists()


def _weights(folder: Path) -> Mapping[str, bytes]:
    from safetensors.numpy import load_file

    return {name: each.tobytes() for name, each in load_file(folder / "model" / "model.safetensors").items()}


@pytest.mark.parametrize(
    "where", ["accelerate.Accelerator.backward", "outthink.learn.train.reward.RewardTask.evaluate"]
)
def test_a_step_or_a_measurement_that_is_cut_short_is_done_anew_and_nothing_else(
    carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Also with dropout, which must draw again what it drew."""
    fit = {"epochs": 2, "batch_tokens": 512, "precision": "float32", "checkpoint": 1000}
    lora = {"rank": 8, "dropout": 0.3}
    whole = carry(out="whole", fit=fit, lora=lora)

    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    seen: list[int] = []

    def watch(record: Record, seconds: float) -> None:
        seen.append(record.step)
        if len(seen) == 3:
            patched.setattr(where, stop)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        carry(out="parts", fit=fit, lora=lora, watch=Watch(step=watch))
    parts = carry(out="parts", fit=fit, lora=lora, watch=Watch(step=watch))

    assert seen == sorted(set(seen)) and len(seen) >= len(whole.records) - 1
    assert parts.records == whole.records
    assert _weights(tmp_path / "parts") == _weights(tmp_path / "whole")


def test_a_crash_loses_what_came_after_the_last_checkpoint(carry: Carry) -> None:
    def crash(record: Record, seconds: float) -> None:
        if record.step == 5:
            raise RuntimeError("the power is out")

    with pytest.raises(RuntimeError):
        carry(watch=Watch(step=crash))
    seen: list[int] = []
    carry(watch=Watch(step=lambda record, seconds: seen.append(record.step)))

    assert seen[0] == 4


def test_a_training_that_is_done_is_not_done_again(carry: Carry) -> None:
    first = carry()

    def never(record: Record, seconds: float) -> None:
        raise AssertionError("it was done")

    assert carry(watch=Watch(step=never)) == first


def test_a_folder_belongs_to_one_recipe_and_its_data(carry: Carry) -> None:
    carry()

    with pytest.raises(StoreError, match="another training"):
        carry(seed=1)


def test_a_checkpoint_belongs_to_one_recipe_and_its_data(carry: Carry) -> None:
    def stop(record: Record, seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry(watch=Watch(step=stop))
    with pytest.raises(StoreError, match="another recipe or other data"):
        carry(seed=1)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"data": ["nowhere.jsonl"]}, ProblemError, "no such file"),
        ({"model": "nobody/nothing"}, ModelNotFound, "nobody/nothing"),
        ({"model": "smollm2-135m-arithmetic"}, UsageError, "has an adapter already"),
        ({"held_out": 0.999}, ProblemError, "every problem is held out"),
        ({"family": "implicit"}, UsageError, "not trained here"),
        ({"family": "plusminus"}, UsageError, "did you mean 'plus-minus'"),
        ({"fit": {"batch_tokens": 8}}, UsageError, "an example alone has"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    carry: Carry, changes: dict[str, object], kind: type[OutthinkError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        carry(**changes)


@pytest.mark.parametrize(("capability", "precision"), [("AVX2", "float32"), ("AVX512", "bfloat16")])
def test_left_to_itself_a_training_computes_in_numbers_that_the_cpu_has_kernels_for(
    carry: Carry, monkeypatch: pytest.MonkeyPatch, capability: str, precision: str
) -> None:
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: capability)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    seen: list[str] = []

    def spy(task: Any, how: Fit, **given: object) -> None:
        weights = {weight.dtype for weight in task.model.parameters() if not weight.requires_grad}
        seen.extend([how.precision, *map(str, weights)])
        raise KeyboardInterrupt

    monkeypatch.setattr("outthink.learn.train.train.fit", spy)
    with pytest.raises(KeyboardInterrupt):
        carry(fit={"epochs": 1})
    assert seen == [precision, f"torch.{precision}"]


def test_a_training_starts_from_another_ones_adapter(carry: Carry, tmp_path: Path) -> None:
    first = carry(out="first")
    second = carry(out="second", lora={"start": str(tmp_path / "first" / "adapter")})

    assert second.records[0].loss < 0.5 * first.records[0].loss


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_for_another_base_is_refused(carry: Carry, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    small = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2))
    get_peft_model(small, LoraConfig(r=2, target_modules=["q_proj"])).save_pretrained(tmp_path / "other")

    with pytest.raises(UsageError, match="an adapter for another base model"):
        carry(lora={"start": str(tmp_path / "other")})
    with pytest.raises(ModelNotFound, match=r"holds no adapter_config\.json"):
        carry(lora={"start": str(tmp_path)})


def test_a_policy_learns_worked_solutions(carry: Carry, tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    lines = [
        {"question": f"Mia has {n} apples.", "answer": "37", "solution": "14 + 23 = 37\n\nThe answer is 37."}
        for n in range(40)
    ]
    problems.write_text("\n".join(map(json.dumps, lines)))

    report = carry(train="policy", data=..., problems={"source": str(problems)})

    assert report.written == ("adapter", "model")
    assert report.figures["loss"] < 0.5 * report.records[0].loss


def test_a_worked_solution_says_what_its_answer_is() -> None:
    from outthink.learn.train.train import taught
    from outthink.problems import Problem

    problem = Problem(id="g", question="?", answer="72", solution="48 / 2 = 24\n24 + 48 = 72")
    assert taught(problem, "\n").steps == ("48 / 2 = 24", "24 + 48 = 72", "The answer is 72.")
    told = Problem(id="g", question="?", answer="72", solution="48 + 24 = 72\n\nSo the answer is 72.")
    assert taught(told, "\n\n").steps == ("48 + 24 = 72", "So the answer is 72.")
    with pytest.raises(ProblemError, match="no worked solution"):
        taught(Problem(id="g", question="?", answer="72"), "\n")


def test_a_policy_learns_the_right_ones_of_labelled_solutions(carry: Carry, labels: Path) -> None:
    report = carry(train="policy", held_out=0.0)

    # Of each problem's two solutions one at least is right, and two right ones are the same.
    assert report.examples == 30


def test_worked_solutions_are_learnt_with_mistakes_in_them(carry: Carry) -> None:
    broken = {"problems": {"source": "builtin", "split": "train", "limit": 10}, "times": 2}
    report = carry(data=..., broken=broken, fit={"epochs": 1, "precision": "float32"})
    assert report.examples + report.held_out == 10 * 3
    assert report.records[-1].held_out["auc"] >= 0
    with pytest.raises(RecipeError, match=r"broken\.problems\.source: Field required"):
        carry(data=..., broken={"problems": {"split": "train"}})
    with pytest.raises(RecipeError, match="broken: unknown key 'tims'; did you mean 'times'"):
        carry(data=..., broken={**broken, "tims": 3})
