"""Make this example's report and figures anew, from its stored trees: no model is loaded.

    pip install ".[report]"
    python examples/nano-study/figures.py [FOLDER]

writes `report.html` and the figures to a folder, by default the one this script lies in.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main(folder: Path) -> None:
    """Unpack the study and let `outthink report` draw it."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(HERE / "study.tar.xz") as packed:
            packed.extractall(scratch, filter="data")
        (study,) = Path(scratch).iterdir()
        report = [sys.executable, "-m", "outthink", "report", str(study), "--out", str(folder / "report.html")]
        subprocess.run([*report, "--figures", str(folder / "figures"), "--trees", "20"], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
