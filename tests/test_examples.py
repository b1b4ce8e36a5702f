"""The example that is kept: what is told of it is what its stored trees say."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[1] / "examples" / "nano-study"


def call(*arguments: str | Path, cwd: Path) -> str:
    """What a program writes that finds no model, wherever it looks."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "OUTTHINK_CACHE": str(cwd / "empty"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The folder that its study lies in."""
    with tarfile.open(EXAMPLE / "study.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path


def test_its_report_and_figures_are_made_anew(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    call(EXAMPLE / "figures.py", tmp_path, cwd=tmp_path)
    assert (tmp_path / "report.html").stat().st_size > 100_000
    drawn = {figure.name for figure in (tmp_path / "figures").glob("*.svg")}
    assert {figure.name for figure in (EXAMPLE / "figures").glob("*.svg")} <= drawn


def test_its_table_is_what_its_trees_say(unpacked: Path) -> None:
    study = ["study", EXAMPLE / "recipe.yaml", "--out", "nano-study", "--offline", "--format", "markdown"]
    table = [line for line in call("-m", "outthink", *study, cwd=unpacked).splitlines() if line.startswith("|")]
    told = (EXAMPLE / "README.md").read_text()
    assert len(table) > 10 and "\n".join(table) in told


def test_what_is_unpacked_packs_to_the_same(unpacked: Path) -> None:
    (unpacked / "pack.py").write_bytes((EXAMPLE / "pack.py").read_bytes())
    call("pack.py", "nano-study", cwd=unpacked)
    with tarfile.open(EXAMPLE / "study.tar.xz") as before, tarfile.open(unpacked / "study.tar.xz") as after:
        assert [(each.name, each.size) for each in after] == [(each.name, each.size) for each in before]
