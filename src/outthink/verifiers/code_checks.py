"""Checks by programs within a critique: what the critic writes in Python is run, and it goes on from what that printed.

GenPRM (Zhao et al. 2025, arXiv 2504.00891), with `verify` and `execute` as in its authors' code: a critique is an
analysis, a check, and a judgement. A check that does not come to an end is left out, as theirs is.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from outthink.sandbox import Sandbox

__all__ = ["Write", "checked"]

Write = Callable[[str, Sequence[str]], Awaitable[tuple[str, str | None]]]
"""Writes a reply on, up to one of some texts: what was written before it, and which it was; None is none of them."""

_BLOCK = re.compile(r"```python\s*(.*?)\s*```", re.DOTALL)
_WRITTEN = "\n```\n"
_ENDS = ("</verify>", "<output>")
_PROGRAMS = 3
"""After so many without an end its authors give a check up."""


async def checked(analysis: str, opening: str, before: Sequence[str], write: Write, sandbox: Sandbox) -> str:
    """The reply with its check; without, if the check does not end by itself.

    Args:
        analysis: the reply so far.
        opening: how the check begins, up to where its first program does.
        before: earlier critiques of the solution; programs may use what was defined in theirs.
        write: goes on with the reply.
        sandbox: where programs are run.

    Raises:
        UsageError: see `Sandbox.open`.
    """
    reply = analysis + opening
    for _ in range(_PROGRAMS):
        text, stop = await write(reply, (_WRITTEN, *_ENDS))
        reply += text
        if stop in _ENDS:
            return f"{reply.rstrip()}\n</verify>\n"
        if stop is None:
            break
        reply += _WRITTEN
        programs = [program for each in (*before, reply) for program in _BLOCK.findall(each)]
        reply += f"[Code Output]\n\n```\n{await sandbox.printed(programs)}\n```\n"
    return analysis
