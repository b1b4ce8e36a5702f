import io

import pytest
from rich.console import Console

from outthink.runs.runner import Progress
from outthink.terminal.progress import Pace, watching

SAMPLES = {"greedy": 1, "sample-4": 4}


def progress(strategy: str, done: int, *, graded: int, seconds: float, failed: int = 0) -> Progress:
    return Progress(
        done=done,
        total=20,
        strategy=strategy,
        correct=graded // 2,
        ended=graded,
        graded=graded,
        failed=failed,
        generated_tokens=100 * done,
        seconds=seconds,
    )


def test_the_time_left_counts_solutions_not_searches() -> None:
    pace = Pace(SAMPLES)
    for done in range(1, 11):
        left = pace.left(progress("greedy", done, graded=done, seconds=done))
    assert left == 40.0
    assert pace.left(progress("sample-4", 11, graded=1, seconds=14)) == 36.0


def test_a_resumed_run_has_only_the_rest_ahead() -> None:
    pace = Pace(SAMPLES)
    assert pace.left(progress("sample-4", 19, graded=9, seconds=2.0)) == 2.0
    assert pace.left(progress("sample-4", 20, graded=10, seconds=4.0)) == 0.0


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_shown(terminal: bool) -> None:
    file = io.StringIO()
    with watching(Console(file=file, force_terminal=terminal, width=120), SAMPLES) as watch:
        watch(progress("greedy", 1, graded=1, seconds=0.5))
        watch(progress("greedy", 2, graded=2, seconds=1.0))
        watch(progress("sample-4", 20, graded=10, seconds=9.0, failed=1))
    assert "sample-4, 50.0 % right, 222 tokens/s, 0:0" in file.getvalue()
    assert "1 failed" in file.getvalue()


def test_without_a_terminal_there_is_a_line_now_and_then() -> None:
    file = io.StringIO()
    with watching(Console(file=file, width=120), SAMPLES) as watch:
        for done in range(1, 21):
            watch(progress("greedy", done, graded=min(done, 10), seconds=2.0 * done))
    assert [line.split("/")[0] for line in file.getvalue().splitlines()] == ["1", "6", "11", "16", "20"]


def test_nothing_is_promised_before_a_part_is_done() -> None:
    pace = Pace(SAMPLES)
    assert pace.left(progress("greedy", 1, graded=1, seconds=60.0)) is None
    assert pace.left(progress("greedy", 2, graded=2, seconds=61.0)) is None
    assert pace.left(progress("greedy", 3, graded=3, seconds=62.0)) == pytest.approx(62 * 47 / 3)
