"""The page as a file: it is whole, asks nothing of a network, and takes nothing in the document for markup."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.report import page
from outthink.report.html import SCRIPTS

VENDOR = files("outthink.report") / "page" / "vendor"
SCRIPT = re.compile(r"<script([^>]*)>(.*?)</script>", re.DOTALL)


def data_of(made: str) -> Any:
    (data,) = [text for attributes, text in SCRIPT.findall(made) if "application/json" in attributes]
    return json.loads(data)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_any_text_comes_through_as_it_was(value: Any) -> None:
    made = page({"title": "Any", "value": value})
    assert data_of(made) == {"title": "Any", "value": value}
    # The document, the libraries and the module: no more scripts than these, and each one ends where it should.
    assert len(SCRIPT.findall(made)) == made.count("<script") == made.count("</script") == 4


@pytest.mark.parametrize("poison", ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "\u2028", "\ud800"])
def test_poison_stays_data(poison: str) -> None:
    made = page({"title": poison, "value": poison})
    assert data_of(made)["value"] == poison
    assert "alert(1)</script>" not in made
    (title,) = re.findall(r"<title>(.*?)</title>", made, re.DOTALL)
    assert html.unescape(title) == poison


def test_a_placeholder_in_the_document_is_not_filled() -> None:
    made = page({"title": "<!-- scripts -->", "value": "<!-- style -->"})
    assert data_of(made)["value"] == "<!-- style -->"
    assert made.count("function drawTree(") == 1


def test_only_the_pages_own_scripts_may_run_and_nothing_may_be_fetched() -> None:
    made = page({"title": "T"})
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', made)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and set(rules) == {"default-src", "img-src", "style-src", "script-src"}
    running = [text for attributes, text in SCRIPT.findall(made) if "application/json" not in attributes]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in running]
    assert rules["script-src"].split() == [f"'sha256-{each}'" for each in hashes]
    linked = re.findall(r'(?:src|href)="([^"]*)"', re.sub(SCRIPT, "", made))
    assert linked and all(link.startswith(("#", "data:")) for link in linked)
    style = made[made.index("<style>") : made.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_the_page_without_data_is_small() -> None:
    assert len(page({"title": "T"}).encode()) < 1_000_000


def test_every_script_is_put_in() -> None:
    folder = files("outthink.report") / "page" / "scripts"
    assert {file.name for file in folder.iterdir()} == {f"{name}.js" for name in SCRIPTS}


def test_libraries_are_what_the_manifest_says_with_their_licences() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    made = page({"title": "T"})
    for entry in manifest:
        content = (VENDOR / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert entry["version"] in content.decode()[:200]
        licence = (VENDOR / entry["licence"]).read_text().strip()
        assert "Permission to use, copy, modify" in licence and licence in made
    known = {name for entry in manifest for name in (entry["file"], entry["licence"])}
    assert {file.name for file in VENDOR.iterdir()} == {*known, "manifest.json"}
