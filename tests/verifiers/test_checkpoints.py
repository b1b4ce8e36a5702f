import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs outthink[transformers]")
pytest.importorskip("safetensors", reason="needs outthink[transformers]")

from safetensors.torch import save_file  # noqa: E402

from outthink.errors import ModelNotFound  # noqa: E402
from outthink.verifiers import checkpoints  # noqa: E402
from outthink.verifiers.checkpoints import locate, read_config, read_head, special_token  # noqa: E402
from outthink.verifiers.heads import Labels, Pair, Value  # noqa: E402

BODY = {"model.layers.0.mlp.up_proj.weight": torch.rand(4, 3), "model.norm.weight": torch.rand(3)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2"}))
    return tmp_path


def saved(folder: Path, **tensors: object) -> dict[str, torch.Tensor]:
    named = {name.replace("__", "."): torch.rand(*shape) for name, shape in tensors.items()}  # type: ignore[misc]
    save_file({**BODY, **named}, folder / "model.safetensors")
    return named


def test_a_value_head(folder: Path) -> None:
    named = saved(folder, v_head__summary__weight=(1, 3), v_head__summary__bias=(1,))
    ((weight, bias),) = read_head(folder, Value()).layers
    assert torch.equal(weight, named["v_head.summary.weight"]) and torch.equal(bias, named["v_head.summary.bias"])


def test_a_classifier_without_bias(folder: Path) -> None:
    named = saved(folder, score__weight=(2, 3))
    ((weight, bias),) = read_head(folder, Labels()).layers
    assert torch.equal(weight, named["score.weight"]) and bias is None


def test_two_layers_over_several_files(folder: Path) -> None:
    first = {"score.0.weight": torch.rand(3, 3), "score.0.bias": torch.rand(3)}
    second = {"score.2.weight": torch.rand(2, 3), "score.2.bias": torch.rand(2)}
    places = {}
    for number, tensors in enumerate((BODY | first, second)):
        save_file(tensors, folder / f"model-{number}.safetensors")
        places |= dict.fromkeys(tensors, f"model-{number}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    layers = read_head(folder, Labels()).layers
    assert torch.equal(layers[0][0], first["score.0.weight"]) and torch.equal(layers[1][1], second["score.2.bias"])


@pytest.mark.parametrize("name", ["lm_head__weight", "model__embed_tokens__weight"])
def test_two_words_of_a_language_model_tied_or_not(folder: Path, name: str) -> None:
    named = saved(folder, **{name: (9, 3)})
    ((weight, bias),) = read_head(folder, Pair(good=7, bad=2)).layers
    assert torch.equal(weight, named[name.replace("__", ".")][[7, 2]]) and bias is None


def test_old_files_are_read_without_running_them(folder: Path) -> None:
    tensors = {**BODY, "lm_head.weight": torch.rand(9, 3, dtype=torch.float16)}
    torch.save(tensors, folder / "pytorch_model.bin")
    ((weight, _),) = read_head(folder, Pair(good=0, bad=8)).layers
    assert weight.dtype == torch.float32 and torch.equal(weight, tensors["lm_head.weight"][[0, 8]].float())


def test_a_head_in_a_file_of_its_own(folder: Path) -> None:
    saved(folder, lm_head__weight=(9, 3))
    head = {"weight": torch.rand(1, 3), "bias": torch.rand(1)}
    torch.save(head, folder / "reward_head.pt")
    ((weight, bias),) = read_head(folder, Value()).layers
    assert torch.equal(weight, head["weight"]) and torch.equal(bias, head["bias"])


def test_a_checkpoint_without_a_head_is_named_with_what_it_has(folder: Path) -> None:
    saved(folder, other_head__weight=(1, 3))
    with pytest.raises(ModelNotFound, match=r"no head that is known.*other_head\.weight"):
        read_head(folder, Value())
    with pytest.raises(ModelNotFound, match="no language-model head"):
        read_head(folder, Pair(good=0, bad=1))


@pytest.mark.parametrize(("head", "outputs"), [(Value(), 2), (Labels(), 1)])
def test_a_head_of_another_size_is_refused(folder: Path, head: Value | Labels, outputs: int) -> None:
    saved(folder, score__weight=(outputs, 3))
    with pytest.raises(ModelNotFound, match=f"returns {outputs} number"):
        read_head(folder, head)


def test_words_beyond_the_vocabulary_are_refused(folder: Path) -> None:
    saved(folder, lm_head__weight=(9, 3))
    with pytest.raises(ModelNotFound, match="does not hold lm_head"):
        read_head(folder, Pair(good=9, bad=0))


def test_no_weights_at_all(folder: Path) -> None:
    with pytest.raises(ModelNotFound, match="holds no weights"):
        read_head(folder, Value())


def test_a_local_folder_is_located(folder: Path) -> None:
    assert locate(str(folder)) == folder and read_config(folder) == {"model_type": "qwen2"}


def test_an_adapter_says_what_to_do_with_it(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelNotFound, match="merge it into its base model"):
        locate(str(tmp_path))
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(ModelNotFound, match=r"holds no config\.json"):
        locate(str(tmp_path))


@pytest.mark.parametrize(("model", "reason"), [("owner/name", "cannot be reached"), ("not a name", "is no folder")])
def test_without_a_network_what_is_not_cached_is_not_found(
    model: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkpoints, "hub_answers", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelNotFound, match=reason):
        locate(model)


@pytest.mark.parametrize(
    ("said", "text"),
    [({"bos_token": "<s>"}, "<s>"), ({"bos_token": {"content": "<s>"}}, "<s>"), ({"bos_token": None}, ""), ({}, "")],
)
def test_the_tokenizers_own_begin_of_text(folder: Path, said: dict[str, object], text: str) -> None:
    assert special_token(folder, "bos_token") == ""
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    assert special_token(folder, "bos_token") == text


def test_a_broken_config_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelNotFound, match=r"config\.json cannot be read"):
        read_config(folder)
