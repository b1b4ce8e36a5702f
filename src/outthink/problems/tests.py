"""The tests of a problem that asks for a program, as the well-known sets write them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from outthink.errors import ProblemError

__all__ = ["read_tests"]

_CHECK = re.compile(r"^def check\(", re.MULTILINE)


def read_tests(row: Mapping[str, object], where: str, column: str | None, entry_point: str | None) -> tuple[str, ...]:
    """The tests in a column: a list of statements (MBPP, Austin et al. 2021, arXiv 2108.07732), or one program.

    A program that defines `check(candidate)` (HumanEval, Chen et al. 2021, arXiv 2107.03374) is made to call it with
    the entry point.

    Args:
        row: the columns.
        where: names the row in messages.
        column: the column's name; None if there is none.
        entry_point: what a program for the problem has to define.

    Raises:
        ProblemError: the column holds no Python, or there is a `check` and nothing to call it with.
    """
    value = None if column is None else row[column]
    given = [value] if isinstance(value, str) else value
    if given is None or given == [""]:
        return ()
    if not isinstance(given, list) or not all(isinstance(test, str) for test in given):
        raise ProblemError(
            f"{where}, column {column!r}: {value!r} is no list of tests; write Python statements, or one program"
        )
    return tuple(_called(test, where, column, entry_point) for test in given)


def _called(test: str, where: str, column: str | None, entry_point: str | None) -> str:
    if _CHECK.search(test):
        if entry_point is None:
            raise ProblemError(
                f"{where}, column {column!r}: the test defines check(candidate), and no column `entry_point` says what "
                "to call it with; add one"
            )
        test = f"{test}\ncheck({entry_point})"
    try:
        compile(test, "test", "exec")
    except (SyntaxError, ValueError) as error:
        raise ProblemError(f"{where}, column {column!r}: a test is not Python ({error}); correct it") from None
    return test
