"""Shared by all tests: scripted searches, what goes over HTTP, and the real embedded model for those who ask."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from outthink.budget import Budget
from outthink.cli import main
from outthink.engines import Engine, Sampling
from outthink.engines.http import Http
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.models import BUILT_IN, fetch
from outthink.search import Search
from outthink.select import Aggregate
from outthink.tree import Tree
from outthink.verifiers import Verifier
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

SearchFactory = Callable[..., Search]
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Calls the program in an empty folder: its exit status, what it printed and what it said."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int | None)
        return code or 0, out, err

    return call


@pytest.fixture
def new_search() -> SearchFactory:
    """Makes searches on the scripted engine and the scripted verifier, or on what is given."""

    def make(
        *,
        engine: Engine | None = None,
        verifier: Verifier | None = None,
        scored: bool = True,
        sampling: Sampling | None = None,
        budget: Budget | None = None,
        aggregate: Aggregate = "last",
        seed: int = 0,
        question: str = "What is six times seven?",
        partners: Mapping[str, Engine] | None = None,
    ) -> Search:
        return Search(
            Tree.plant(question, [{"role": "user", "content": question}], list(question.encode()), seed),
            engine=engine or ScriptedEngine(),
            verifier=(verifier or ScriptedVerifier()) if scored else None,
            sampling=sampling or Sampling(),
            separator="\n\n",
            budget=budget or Budget(),
            aggregate=aggregate,
            partners=partners,
        )

    return make


@pytest.fixture(scope="session")
def default_model() -> Path:
    """The weights of the embedded default model, fetched if they are not cached."""
    return fetch(BUILT_IN["smollm2-135m"].weights)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The bodies of all requests for a continuation that go over HTTP."""
    bodies: list[dict[str, Any]] = []
    events = Http.events

    def spy(self: Http, path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        bodies.append(body)
        return events(self, path, body)

    monkeypatch.setattr(Http, "events", spy)
    return bodies
