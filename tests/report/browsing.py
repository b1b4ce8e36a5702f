"""A headless Chromium that looks at pages, and takes note of everything that should not happen."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outthink.cost import Cost
from outthink.report import page
from outthink.report.packing import pack_search
from outthink.study.account import Account, Work
from outthink.study.cells import Method
from outthink.study.outcomes import Outcome, Solved
from outthink.tree import Tree

if TYPE_CHECKING:
    from playwright.sync_api import BrowserType, Page

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

TABS = ("accuracy", "difficulty", "verifier", "cost", "comparisons", "problems")


@dataclass
class Visit:
    """A page that is open, and what went wrong on it."""

    page: Page
    file: Path
    wrong: list[str] = field(default_factory=list)

    def go(self, place: str) -> None:
        """Open the page anew at a place."""
        self.page.goto("about:blank")
        self.page.goto(f"file://{self.file}#{place}")

    def tab(self, name: str) -> None:
        """Change to a tab, as a reader does."""
        self.page.get_by_role("tab", name=name.capitalize()).click()


@contextmanager
def visiting(
    chromium: BrowserType,
    chrome: str,
    folder: Path,
    document: dict[str, Any],
    *,
    scheme: str = "light",
    size: tuple[int, int] = (1280, 900),
    place: str = "",
) -> Iterator[Visit]:
    """Open a document's page in a fresh profile; afterwards nothing may have been fetched, and no error told."""
    folder.mkdir(exist_ok=True)
    file = folder / "page.html"
    file.write_text(page(document), encoding="utf-8")
    context = chromium.launch_persistent_context(
        folder / "profile",
        executable_path=chrome,
        args=FLAGS,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        has_touch=size[0] < 600,
    )
    try:
        visit = Visit(context.pages[0], file)
        context.route(lambda url: not url.startswith(("file:", "about:", "data:")), lambda route: route.abort())
        context.on("request", lambda request: _note(visit, request.url))
        visit.page.on("pageerror", lambda error: visit.wrong.append(str(error)))
        visit.page.on(
            "console", lambda said: visit.wrong.append(said.text) if said.type in ("error", "warning") else None
        )
        visit.page.on("dialog", lambda dialog: visit.wrong.append(f"dialog: {dialog.message}"))
        visit.go(place)
        yield visit
        assert visit.wrong == []
    finally:
        context.close()


def _note(visit: Visit, url: str) -> None:
    if not url.startswith((f"file://{visit.file}", "about:", "data:")):
        visit.wrong.append(f"request: {url}")


def grown(leaves: int, nodes: int, text: str = "Step {}: $x_{{{}}} = 3$.\n\n") -> str:
    """A packed search of so many finished solutions and nodes, half of them right."""
    rng = random.Random(0)
    tree = Tree.plant("Q", [{"role": "user", "content": "Q"}], [1, 2, 3], 0)
    tips = [0]
    for index in range(1, nodes):
        # What is left over are leaves; before that, tips grow into broad and deep trees.
        last = index >= nodes - leaves
        parent = 0 if index <= 32 else tips[rng.randrange(len(tips))]
        above = tree.nodes[parent]
        node = replace(
            tree.root,
            index=index,
            parent=parent,
            ordinal=above.children,
            depth=above.depth + 1,
            length=above.length + 5,
            ids=array("i", range(5)),
            text=f"The answer is {index % 7}." if last else text.format(index, index),
            finish="end" if last else "step",
            score=rng.random(),
            cost=Cost(),
            began=index / 100,
            written=index / 100 + 0.01,
            scored=index / 100 + 0.02,
            children=0,
        )
        above.children += 1
        tree.nodes.append(node)
        if not last and node.depth < 14:
            tips = [*tips[-40:], index]
    solved = [
        Solved(key=str(leaf.index % 7), scores=(leaf.score or 0.0,), correct=leaf.index % 7 == 0, weight=1.0, tokens=5)
        for leaf in tree.leaves
    ]
    return pack_search(tree, outcome_of(tuple(solved)), METHODS)


METHODS = [Method("", "beam", "weighted", "last"), Method("", "beam", "majority", None)]


def outcome_of(solved: tuple[Solved, ...]) -> Outcome:
    """A search that found some solutions."""
    return Outcome(
        run="",
        strategy="beam",
        n=len(solved),
        pooled=False,
        seed=0,
        problem="p",
        graded=True,
        solved=solved,
        ranks=True,
        account=Account(
            engine=Work(), verifier=Work(), once_engine=Work(), once_verifier=Work(), prompt=0.0, lengths=()
        ),
        cost=Cost(),
        seconds=1.0,
        error=None,
    )
