"""Label, train, evaluate, search: the whole way on the real embedded model, at the smallest scale there is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from judged import scores_of
from outthink.cli import main
from outthink.learn.labels import read_labels
from outthink.merged import merged
from outthink.runs import Store
from outthink.verifiers.prm import Prm

pytestmark = [pytest.mark.model, pytest.mark.slow]

for package in ("torch", "peft", "accelerate"):
    pytest.importorskip(package, reason=f'training needs {package}: pip install "outthink[transformers]"')

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, default_model: Path) -> Path:
    """Labels of eight problems, a reward model trained on them, and a policy, by the recipes of what ships."""
    folder = tmp_path_factory.mktemp("loop")
    small = [
        "--set",
        "problems.limit=8",
        "--set",
        "label={kind: rollouts, solutions: 2, rollouts: 2}",
        "--set",
        "harvest=0",
    ]
    _done("label", str(RECIPES / "nano-label.yaml"), *small, "--out", str(folder / "label"))
    labels = f"data=['{folder / 'label' / 'labels.jsonl'}']"
    brief = ["--set", "held_out=0.2", "--set", "lora={rank: 4}", "--set", "fit.batch_tokens=512"]
    again = ["--set", "fit.epochs=6", "--set", "fit.learning_rate=2.0e-3", "--set", labels]
    _done("train", str(RECIPES / "nano-prm-rollouts.yaml"), *again, *brief, "--out", str(folder / "prm"))
    worked = ["--set", "problems.limit=24", "--set", "held_out=0.2"]
    _done("train", str(RECIPES / "nano-policy.yaml"), *worked, *brief[2:], "--out", str(folder / "policy"))
    return folder


def _done(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 0


def test_labels_are_read_off_the_rollouts(folder: Path) -> None:
    labelled = list(read_labels(folder / "label" / "labels.jsonl"))

    assert len({each.problem for each in labelled}) >= 6
    assert {0, 1} >= {label for each in labelled for label in each.labels}
    # Each step but the last has its own solution and two rollouts at the least.
    assert all(count >= 3 for each in labelled for count in each.counts[:-1])
    assert all(each.values[-1] == float(bool(each.correct)) for each in labelled)


def test_trainings_tell_what_they_did(folder: Path) -> None:
    for name in ("prm", "policy"):
        told = json.loads((folder / name / "training.json").read_text())
        losses = [record["loss"] for record in told["records"]]
        half = len(losses) // 2
        # Single batches differ more than a short training changes.
        assert sum(losses[-half:]) < sum(losses[:half])
        assert told["records"][-1]["held_out"]["loss"] > 0
        assert set(told["written"]) == {"adapter", "adapter.gguf", "model"}


def test_a_policy_learns_what_it_found_itself(tmp_path: Path) -> None:
    sums = [(2, 3), (4, 1), (5, 2), (3, 3), (1, 6), (4, 4), (2, 5), (7, 1)]
    problems = [{"id": f"{a}+{b}", "question": f"What is {a} + {b}?", "answer": str(a + b)} for a, b in sums]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, problems)))
    _done(
        "train",
        str(RECIPES / "nano-policy.yaml"),
        *("--set", "rounds=2", "--set", f"problems={{source: {tmp_path / 'sums.jsonl'}}}"),
        *("--set", "sample.n=4", "--set", "sample.sampling.max_tokens=64", "--set", "held_out=0"),
        *("--set", "fit.batch_tokens=512", "--out", str(tmp_path / "policy")),
    )

    adapters = []
    for number, place in ((1, tmp_path / "policy" / "round-1"), (2, tmp_path / "policy")):
        assert json.loads((place / "training.json").read_text())["examples"] > 0
        with Store.read(tmp_path / "policy" / f"samples-{number}") as samples:
            adapters.append(json.loads(samples.recipe())["engine"].get("adapter"))
    # The second round samples what the first has made.
    assert adapters == [None, str(tmp_path / "policy" / "round-1" / "adapter.gguf")]
    assert (tmp_path / "policy" / "adapter.gguf").exists()


async def test_the_same_reward_model_says_the_same_on_llamacpp_and_transformers(
    folder: Path, default_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = folder / "prm"
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("OUTTHINK_CACHE", str(tmp_path))
        whole = merged(default_model, trained / "adapter.gguf", "F16")
    adapter = {"adapter": str(trained / "adapter.gguf")}
    labelled = list(read_labels(folder / "label" / "labels.jsonl"))[:6]
    there, here, quantized = [
        [value for scores in await scores_of(prm, labelled) for value in scores]
        for prm in (
            Prm(model=str(trained / "model"), backend={"kind": "transformers", "dtype": "float32"}),
            Prm(model=str(whole), family="plus-minus", backend=_on_llamacpp({})),
            Prm(model="smollm2-135m", family="plus-minus", backend=_on_llamacpp(adapter)),
        )
    ]

    assert max(there) - min(there) > 0.5, "it says something"
    assert here == pytest.approx(there, abs=0.01)
    # Beside an adapter the model has four bits, and is computed on eight: here 0.02 on average, and 0.04 at most.
    assert quantized == pytest.approx(there, abs=0.1)


def _on_llamacpp(options: dict[str, str]) -> dict[str, object]:
    return {"kind": "generate", "engine": {"kind": "llamacpp", "context": 512, **options}}


def test_a_verifier_is_evaluated_on_what_was_labelled(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = folder / "prm" / "adapter.gguf"
    backend = f"{{kind: generate, engine: {{kind: llamacpp, context: 512, adapter: '{adapter}'}}}}"
    _done(
        "evaluate-verifier",
        "prm:smollm2-135m",
        str(folder / "label"),
        *("--set", "verifier.family=plus-minus", "--set", f"verifier.backend={backend}"),
        *("--out", str(folder / "evaluation")),
    )

    assert "AUC" in capsys.readouterr().out
    told = json.loads((folder / "evaluation" / "evaluation.json").read_text())
    assert told["failed"] == 0 and told["cost"]["scored_tokens"] > 0


def test_a_search_uses_both_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = folder / "prm" / "adapter.gguf"
    backend = f"{{kind: generate, engine: {{kind: llamacpp, context: 512, threads: 1, adapter: '{adapter}'}}}}"
    _done(
        "solve",
        "Lena has 14 apples and buys 23 more. How many does she have?",
        *("--strategy", "beam", "--n", "4", "--json"),
        *("--engine", "llamacpp:smollm2-135m", "--adapter", str(folder / "policy" / "adapter.gguf")),
        *("--set", "engine.threads=1", "--set", "sampling.max_step_tokens=24", "--set", "sampling.max_tokens=64"),
        *("--verifier", "prm:smollm2-135m", "--set", "verifier.family=plus-minus"),
        *("--set", f"verifier.backend={backend}"),
    )

    told = json.loads(capsys.readouterr().out)
    assert told["cost"]["verifier"]["scored_tokens"] > 0
