import io

import pytest
from rich.console import Console

from outthink.terminal.evaluation import scoring


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_shown(terminal: bool) -> None:
    file = io.StringIO()
    with scoring(Console(file=file, force_terminal=terminal, width=120)) as watch:
        for done in range(21):
            watch(done, 20)
    assert "20/20" in file.getvalue()


def test_without_a_terminal_there_are_few_lines() -> None:
    file = io.StringIO()
    with scoring(Console(file=file, width=120)) as watch:
        for done in range(101):
            watch(done, 100)
    assert file.getvalue().splitlines() == ["0/100 solutions scored", "100/100 solutions scored"]
