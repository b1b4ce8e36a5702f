"""The cores that this process may compute on."""

from __future__ import annotations

import os

__all__ = ["usable_cores"]


def usable_cores() -> list[int]:
    """Numbers of the cores that this process may use; of all, where the system keeps no such list (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
