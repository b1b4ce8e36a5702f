"""Pack a study's folder into `study.tar.xz`, from which `figures.py` makes the report and the figures.

    outthink study recipes/nano-study.yaml --out studies/nano-study
    python examples/nano-study/pack.py studies/nano-study

Trees are stored compressed one by one. Compressed together, with their own compression taken out, they take a fraction
of that, and what is unpacked is a study's folder like any other: it can be looked at and gone on with.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tarfile
import tempfile
import zlib
from contextlib import closing
from pathlib import Path

PACKED = Path(__file__).with_name("study.tar.xz")


def main(study: Path) -> None:
    """Copy what a study's folder stores, slimmed, into one file."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / study.name
        copy.mkdir()
        shutil.copy(study / "study.json", copy)
        for run in sorted(study.glob("runs/*/run.db")):
            (target := copy / run.relative_to(study)).parent.mkdir(parents=True)
            slim(run, target)
        with tarfile.open(PACKED, "w:xz", preset=9) as packed:
            packed.add(copy, arcname=study.name, filter=anonymous)


def slim(source: Path, target: Path) -> None:
    """Copy a run's database, its trees without compression."""
    with closing(sqlite3.connect(source)) as stored, closing(sqlite3.connect(target)) as copy:
        stored.backup(copy)
        copy.create_function("unpressed", 1, lambda tree: zlib.compress(zlib.decompress(tree), level=0))
        copy.execute("UPDATE results SET tree = unpressed(tree)")
        copy.commit()
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("VACUUM")


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member without its owner and its time: the same study is the same file."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
