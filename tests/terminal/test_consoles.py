import logging

import pytest

from outthink.terminal.consoles import show_log


def test_what_the_library_says_is_shown_once_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show_log()
    show_log()
    logging.getLogger("outthink.engines.openai").info("mode ids\x1b[2J")
    logging.getLogger("outthink.engines.fleet").warning("it is gone")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["mode ids\N{REPLACEMENT CHARACTER}[2J", "it is gone"]
