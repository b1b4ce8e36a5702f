"""How llama.cpp's library is loaded, told by stand-ins for it."""

import os
import sys
from pathlib import Path

import pytest

import outthink as ot
from outthink.engines.llamacpp import LlamaCpp
from outthink.engines.llamacpp_library import llamacpp_library

WAITS = "GOMP_SPINCOUNT"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is imported as llama.cpp; it remembers for how long threads were to wait busily."""
    # Afterwards what was imported before is there again, or nothing.
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    del sys.modules["xllamacpp"]
    monkeypatch.syspath_prepend(tmp_path)
    for name in (WAITS, "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "xllamacpp.py"
    file.write_text(f"import os\nwaits = os.environ.get({WAITS!r})\n")
    return file


def test_its_threads_soon_give_up_their_cores_and_nobody_elses(library: Path) -> None:
    assert int(llamacpp_library().waits) < 10_000
    assert WAITS not in os.environ


@pytest.mark.parametrize(("name", "value", "waits"), [(WAITS, "70", "70"), ("OMP_WAIT_POLICY", "active", None)])
def test_what_the_user_has_told_openmp_stays(
    library: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, waits: str | None
) -> None:
    monkeypatch.setenv(name, value)
    assert llamacpp_library().waits == waits
    assert os.environ[name] == value


async def test_where_it_cannot_be_loaded_it_says_what_to_install_and_fetches_nothing(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTTHINK_CACHE", str(tmp_path / "cache"))
    library.write_text("raise ImportError('libgomp.so.1: cannot open shared object file: No such file or directory')\n")
    with pytest.raises(ot.UsageError, match=r"libgomp\.so\.1.*apt-get install libgomp1"):
        await LlamaCpp().open()
    assert not (tmp_path / "cache").exists()
