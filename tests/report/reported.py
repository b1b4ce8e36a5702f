"""A small run to report on."""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from pathlib import Path
from typing import Any

from outthink.report import make_document
from outthink.runs.recipe import parse_recipe
from outthink.runs.runner import run

RECIPE: dict[str, Any] = {
    "problems": {"source": "builtin:scripted", "limit": 8},
    "engine": {"kind": "scripted", "steps": 3, "parameters": 1000},
    "verifier": {"kind": "scripted", "noise": 0.3, "parameters": 2000},
    "strategies": [
        "greedy",
        {"kind": "sample", "n": 6, "select": ["majority", "best", "weighted", "best-of-majority"]},
        {"kind": "beam", "n": 2, "width": 2},
        {"kind": "beam", "n": 4},
        {"kind": "particles", "n": 4},
    ],
    "seeds": [0, 3],
}


LARGER: dict[str, Any] = {
    "name": "Whale",
    "parameters": 8000,
    "tokens": 30,
    "accuracy": 0.5,
    "source": "a paper",
    "ratios": [0.5],
}


def carry_out(folder: Path, **changes: Any) -> Path:
    """A run of the recipe above, but for some fields, in a folder."""
    asyncio.run(run(parse_recipe({**RECIPE, **changes}, "recipe"), folder))
    return folder


def make(folder: Path, **options: Any) -> dict[str, Any]:
    """A report's document of a run."""
    return asyncio.run(make_document([folder], **options))


def unpacked(search: dict[str, Any]) -> dict[str, Any]:
    """A search as the page reads it."""
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(search["tree"])))
    return found
