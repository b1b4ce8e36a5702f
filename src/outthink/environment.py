"""Environment variables that hold for a while: there are libraries that read nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["environment"]

_changing = threading.Lock()


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for what is loaded or started meanwhile, and put back afterwards what they were.

    Args:
        variables: by name. Whoever else wants to set some waits; with none of them nobody does.
    """
    if not variables:
        yield
        return
    with _changing:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
