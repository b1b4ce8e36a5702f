from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from outthink.terminal.counting import counting


def shown(monkeypatch: pytest.MonkeyPatch, times: list[float], *, total: int | None, terminal: bool = False) -> str:
    """What is shown of things done at these times after the beginning."""
    clock = iter([0.0, *times, *([times[-1]] * 1000)])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    file = io.StringIO()
    with counting(Console(file=file, force_terminal=terminal, width=120)) as watch:
        for done in range(1, len(times) + 1):
            watch("trees packed", done, total)
    return file.getvalue()


def test_without_a_terminal_there_is_a_line_now_and_then_and_a_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [0.0, 1.9, 2.1, 3.0, 12.2, 13.0, 14.0]
    lines = shown(monkeypatch, times, total=7).splitlines()
    assert lines == ["3/7 trees packed", "5/7 trees packed", "7/7 trees packed"]
    assert shown(monkeypatch, times, total=None).splitlines() == ["3 trees packed", "5 trees packed"]


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_is_shown_of_what_takes_no_time(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    assert shown(monkeypatch, [0.1, 1.0, 1.9], total=3, terminal=terminal).strip() == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = shown(monkeypatch, [1.0, 2.1, 2.2], total=3, terminal=True)
    assert "3/3" in bar and "trees packed" in bar
