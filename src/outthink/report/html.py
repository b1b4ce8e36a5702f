"""The page: template, style, scripts, libraries and document put together in one file that asks nothing of a network.

What a model has written stands only in the document, as data: nothing of it is ever parsed as markup. The page also
carries a policy that lets no script run but its own, known by their hashes, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

__all__ = ["page"]

SCRIPTS = (
    "elements",
    "format",
    "state",
    "looks",
    "tables",
    "legend",
    "curves",
    "accuracy",
    "policies",
    "difficulty",
    "verifiers",
    "costs",
    "larger",
    "comparisons",
    "searches",
    "layout",
    "tree",
    "replay",
    "reasons",
    "reading",
    "walk",
    "problem",
    "problems",
    "tabs",
    "main",
)
"""In the order in which they are put together, as one module."""

_PLACE = re.compile(r"<!-- (title|policy|style|document|libraries|scripts) -->")


def page(document: Mapping[str, Any]) -> str:
    """The whole page.

    Args:
        document: what `outthink.report.document.document` made.
    """
    libraries = [_library(each) for each in json.loads(_read("vendor/manifest.json"))]
    module = "\n".join(_read(f"scripts/{name}.js") for name in SCRIPTS)
    parts = {
        "title": html.escape(str(document["title"])),
        "policy": _policy([*libraries, module]),
        "style": _read("style.css"),
        "document": _embedded(document),
        "libraries": "\n".join(f"<script>{text}</script>" for text in libraries),
        "scripts": f'<script type="module">{module}</script>',
    }
    # One pass over the template: what is put in is not looked through again.
    return _PLACE.sub(lambda place: parts[place[1]], _read("index.html"))


def _read(name: str) -> str:
    return (files("outthink.report") / "page" / name).read_text(encoding="utf-8")


def _library(entry: Mapping[str, str]) -> str:
    """A library behind its licence, which asks to be in every copy."""
    licence = _read(f"vendor/{entry['licence']}").strip()
    return f"/* {entry['package']} {entry['version']}\n\n{licence}\n*/\n{_read('vendor/' + entry['file']).strip()}"


def _embedded(document: Mapping[str, Any]) -> str:
    """JSON that no HTML parser can take for anything else: of the five characters that it reads, none is left."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(scripts: list[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"
