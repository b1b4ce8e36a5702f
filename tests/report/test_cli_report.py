"""The command: what it writes, what it says, and what it says when it cannot."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from reported import carry_out

from outthink.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return carry_out(tmp_path_factory.mktemp("finished"), seeds=[0])


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(each) for each in arguments])
    return int(left.value.code or 0)


def test_it_writes_the_page_and_says_so(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    assert call("report", finished, "-o", out, "--trees", "3", "--title", "Mine & yours") == 0
    assert "<title>Mine &amp; yours</title>" in out.read_text()
    said = capsys.readouterr().err
    assert str(out) in said and "3 of 8 problems" in said


def test_figures_come_along(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert call("report", finished, "-o", tmp_path / "p.html", "--figures", tmp_path / "f", "--trees", "none") == 0
    assert (tmp_path / "f" / "accuracy-samples.pdf").is_file()
    assert f"8 figures to {tmp_path / 'f'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("{run}", "--trees", "some"), 2, "give all, none, or a number"),
        (("{run}", "-o", "{tmp}"), 2, "is a folder"),
        (("{run}", "-o", "{tmp}/missing/p.html"), 2, "there is no folder"),
        (("{tmp}",), 1, "no run here"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    finished: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    given = [each.replace("{run}", str(finished)).replace("{tmp}", str(tmp_path)) for each in arguments]
    assert call("report", *given) == status
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said


def test_a_full_disk_is_an_error_and_no_traceback(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *arguments: Any, **options: Any) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    assert call("report", finished, "-o", tmp_path / "p.html", "--trees", "none") == 1
    assert f"{tmp_path / 'p.html'}: cannot be written: No space left on device" in capsys.readouterr().err


def test_without_matplotlib_it_says_what_to_install(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = builtins.__import__

    def missing(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("outthink.report.figures"):
            raise ImportError("No module named 'matplotlib'", name="matplotlib")
        return found(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert call("report", finished, "-o", tmp_path / "p.html", "--figures", tmp_path) == 2
    assert 'matplotlib: pip install "outthink[report]"' in capsys.readouterr().err
    assert not (tmp_path / "p.html").exists()
