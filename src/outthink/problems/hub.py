"""Rows of data sets on the Hugging Face Hub, by way of the Parquet copy the Hub keeps of every public set.

That copy has one layout for all, `config/split/0000.parquet`, so no set needs code of its own. A split is fetched
whole, so that the Hub's cache, which is read where there is no network, does not hold a part of one.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from outthink.errors import ProblemError
from outthink.problems.rows import Row, read_rows

__all__ = ["hub_rows"]

_COPY = "refs/convert/parquet"
_PATIENCE = 10.0  # seconds


def hub_rows(name: str, *, config: str | None, split: str) -> Generator[Row]:
    """Yields the rows of one split.

    Args:
        name: The id of the data set, `owner/name`.
        config: Which of the set's configurations, where it has several.
        split: Which of its splits.

    Raises:
        ProblemError: The set, configuration or split does not exist, or the Hub cannot be reached.
        UsageError: pyarrow is not installed.
    """
    cached = False
    try:
        files = _listed(name)
    except ConnectionError as error:
        files, cached = _cached(name), True
        if not files:
            raise ProblemError(
                f"the Hub cannot be reached for the data set {name} ({error}), and it is not in the cache; "
                "connect, or download it elsewhere and name the .jsonl, .csv or .parquet file"
            ) from error
    shards = {file: _fetched(name, file, cached=cached) for file in _shards(files, name, config, split)}
    for file, path in shards.items():
        yield from read_rows(path, name=f"{name}/{file}")


def _listed(name: str) -> list[str]:
    """The files of the Parquet copy; ConnectionError for whatever may be the network's fault."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        siblings = HfApi().dataset_info(name, revision=_COPY, timeout=_PATIENCE).siblings
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise ProblemError(
            f"the Hub has no data set {name} that may be read from here; check the id, or log in with "
            "`hf auth login` (a file's name would end in .jsonl, .json, .csv or .parquet)"
        ) from error
    except RevisionNotFoundError as error:
        raise ProblemError(
            f"the Hub keeps no Parquet copy of {name}; download one of its files and name that"
        ) from error
    except Exception as error:  # the network's own errors change with the version of huggingface_hub
        raise ConnectionError(str(error) or type(error).__name__) from error
    return [sibling.rfilename for sibling in siblings or []]


def _cached(name: str) -> list[str]:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, repo_type="dataset", revision=_COPY, local_files_only=True))
    except LocalEntryNotFoundError:
        return []
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")]


def _fetched(name: str, file: str, *, cached: bool) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(name, file, repo_type="dataset", revision=_COPY, local_files_only=cached)
    except Exception as error:  # as above
        raise ProblemError(f"{name}/{file} cannot be fetched from the Hub ({error}); try again") from error
    return Path(path)


def _shards(files: list[str], name: str, config: str | None, split: str) -> list[str]:
    """The files of one split of one configuration, in order."""
    parts: dict[str, dict[str, list[str]]] = {}
    for file in sorted(files):
        if file.endswith(".parquet") and file.count("/") == 2:
            first, second, _ = file.split("/")
            # Of a very large split the Hub converts the first gigabytes only.
            parts.setdefault(first, {}).setdefault(second.removeprefix("partial-"), []).append(file)
    if config is None and len(parts) > 1 and "default" in parts:
        config = "default"
    if config is None and len(parts) == 1:
        config = next(iter(parts))
    if config not in parts:
        asked = f"no configuration {config!r}" if config else "several configurations"
        raise ProblemError(
            f"the data set {name} has {asked}: write {name}:CONFIG with one of {', '.join(parts) or '(none)'}"
        )
    if split not in parts[config]:
        raise ProblemError(f"the data set {name} has no split {split!r}: choose one of {', '.join(parts[config])}")
    return parts[config][split]
