"""The program behind `outthink.grade`: compares pairs of answers with math-verify until its input ends.

It speaks JSON, one value a line: writes "ready" (or why it is not), then reads `[reference, answer, seconds]`
and writes true or false. It needs nothing of outthink, and it ends whatever happens to its parent: at the end
of its input, or by the kernel's alarm in the middle of a comparison, which no busy C code can hold back.
"""

import json
import logging
import os
import signal
import sys
from typing import TextIO

_MEMORY_BYTES = 2 << 30


def _equal(reference: str, answer: str) -> bool:
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    # Both are whole answers. Unboxed, math-verify would take them for prose and search it for a formula.
    # Its own time limits raise in the middle of sympy, which may swallow them: the alarm stands in for them.
    configs = LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()
    gold, target = (
        parse(rf"\boxed{{{text}}}", extraction_config=configs, parsing_timeout=None) for text in (reference, answer)
    )
    return bool(verify(gold, target, timeout_seconds=None))


def _arm(seconds: float) -> None:
    """Have the kernel kill this process in `seconds`; 0 disarms."""
    if hasattr(signal, "setitimer"):  # elsewhere the parent's own limit has to do
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory() -> None:
    """Let a tower of powers run out of memory here before the machine does."""
    try:
        import resource
    except ImportError:
        return  # not a Unix; the time limit holds everywhere
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    except (OSError, ValueError):
        return  # macOS has the name but not the limit


def _serve(requests: TextIO, replies: TextIO) -> None:
    def reply(value: bool | str) -> None:
        replies.write(json.dumps(value) + "\n")
        replies.flush()

    try:
        import math_verify  # noqa: F401
    except Exception as error:
        reply(f"{type(error).__name__}: {error}")
        return
    reply("ready")
    for line in requests:
        reference, answer, seconds = json.loads(line)
        _arm(seconds)
        try:
            equal = _equal(reference, answer)
        except Exception:
            equal = False  # what math-verify cannot read equals nothing
        _arm(0)
        reply(equal)


def main() -> None:
    """Serve on standard input and output."""
    logging.disable()
    _limit_memory()
    # Libraries print to standard output; the replies keep the real one to themselves.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _serve(sys.stdin, replies)


if __name__ == "__main__":
    main()
