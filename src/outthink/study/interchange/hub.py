"""An exported file onto the Hugging Face Hub, as a data set of others' kind."""

from __future__ import annotations

from pathlib import Path

from outthink.errors import UsageError

__all__ = ["push"]


def push(path: Path, name: str) -> str:
    """Upload a file to a data set; a set that does not exist yet is made, and is private.

    Each file gets a folder of its own, as the split `test`: `load_dataset(name, data_dir=FILE)`.

    Args:
        path: the file.
        name: the set's id, `owner/name`.

    Returns:
        Where it can be looked at.

    Raises:
        UsageError: the Hub cannot be reached, or does not take it.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(name, repo_type="dataset", private=True, exist_ok=True)
        api.upload_file(
            path_or_fileobj=path,
            path_in_repo=f"{path.stem}/test{path.suffix}",
            repo_id=name,
            repo_type="dataset",
            commit_message=f"{path.name}, exported by outthink",
        )
    except Exception as error:  # the network's own errors change with the version of huggingface_hub
        raise UsageError(
            f"{path} could not be uploaded to the data set {name} ({error}); check the name, and log in with "
            "`hf auth login`. The file is kept"
        ) from error
    return f"https://huggingface.co/datasets/{name}"
