"""Environment variables that hold for a while."""

import os
import threading

import pytest

from outthink.environment import environment


def test_variables_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTTHINK_KNOWN", "before")
    monkeypatch.delenv("OUTTHINK_NEW", raising=False)
    with (
        pytest.raises(RuntimeError, match="meanwhile"),
        environment({"OUTTHINK_KNOWN": "now", "OUTTHINK_NEW": "1"}),
    ):
        assert (os.environ["OUTTHINK_KNOWN"], os.environ["OUTTHINK_NEW"]) == ("now", "1")
        raise RuntimeError("meanwhile")
    assert os.environ["OUTTHINK_KNOWN"] == "before"
    assert "OUTTHINK_NEW" not in os.environ


def test_two_do_not_set_variables_at_once_and_one_that_sets_none_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUTTHINK_NEW", raising=False)
    seen: list[str] = []

    def other() -> None:
        with environment({"OUTTHINK_NEW": "2"}):
            seen.append(os.environ["OUTTHINK_NEW"])

    thread = threading.Thread(target=other)
    with environment({"OUTTHINK_NEW": "1"}):
        thread.start()
        with environment({}):
            assert os.environ["OUTTHINK_NEW"] == "1"
        thread.join(0.05)
        assert not seen
    thread.join()
    assert seen == ["2"]
    assert "OUTTHINK_NEW" not in os.environ
