"""Programs are judged by running them: the share of a problem's example tests that a program passes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from outthink.cost import Usage
from outthink.engines import Engine
from outthink.errors import UsageError, VerifierError
from outthink.options import make
from outthink.problems import Problem
from outthink.programs import extract_program
from outthink.sandbox import Sandbox
from outthink.select import Aggregate
from outthink.tree import Path
from outthink.verifiers import Scores

__all__ = ["UnitTests"]


class UnitTests:
    """Runs the program in a finished solution against the problem's example tests, in a sandbox.

    All steps of a finished solution get its score, steps of unfinished ones 0.5; a solution without a program scores 0.
    The tests that decide whether an answer is right are not looked at: name their column as `example_tests` too where
    they are no secret.

    Args:
        score: "share" of the tests that pass, or "all", which is 1 if every test passes and 0 otherwise.
        sandbox: options of `outthink.sandbox.Sandbox`, where programs are run.
    """

    aggregate: Aggregate = "last"
    deterministic = True
    parameters = 0

    def __init__(
        self,
        *,
        score: Literal["share", "all"] = "share",
        sandbox: Mapping[str, Any] | None = None,
    ) -> None:
        self._share = score == "share"
        self.sandbox = make(Sandbox, sandbox or {}, "verifier.sandbox")
        self._tests: dict[str, tuple[str, ...]] = {}
        self.usage = Usage()

    async def open(self, engine: Engine) -> None:
        """See that programs can be run.

        Raises:
            UsageError: nothing can isolate them here, and they are not trusted.
        """
        await self.sandbox.open()

    async def close(self) -> None:
        """Nothing to give back: every program's process ends with it."""

    def learn(self, problem: Problem) -> None:
        """Be told a problem's tests before its solutions come.

        Raises:
            UsageError: it has none, or others than a problem that asks the same.
        """
        if not problem.example_tests:
            raise UsageError(
                f"the verifier `tests` has nothing to run: problem {problem.id!r} has no example tests; name their "
                "column, as in `columns: {example_tests: test_list}`, or use another verifier"
            )
        if self._tests.setdefault(problem.question, problem.example_tests) != problem.example_tests:
            raise UsageError(
                f"problem {problem.id!r} asks what another one asks and has other tests; remove one of them"
            )

    async def score(self, path: Path) -> Scores:
        """Run a finished solution's program."""
        steps = path.unscored
        if not path.node.finished:
            return Scores(values=[0.5] * len(steps), usage=Usage())
        if path.question not in self._tests:
            raise VerifierError("the verifier `tests` was not told this problem's tests; let it judge within a Solver")
        program = extract_program(path.text)
        if program is None:
            return Scores(values=[0.0] * len(steps), usage=Usage())
        began = time.perf_counter()
        passed = await self.sandbox.run(program, self._tests[path.question])
        usage = Usage(calls=1, seconds=time.perf_counter() - began)
        self.usage += usage
        value = sum(passed) / len(passed) if self._share else float(all(passed))
        return Scores(values=[value] * len(steps), usage=usage)
