"""The verifier `tests`, and programs from a question to a grade. Programs here are ours, so they may be trusted."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

import outthink as ot
from conftest import SearchFactory
from outthink.cost import Usage
from outthink.engines import Request, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import RecipeError, UsageError, VerifierError
from outthink.problems import Problem, load_problems
from outthink.runs.recipe import parse_recipe
from outthink.runs.runner import run
from outthink.runs.store import Store
from outthink.sandbox import Sandbox
from outthink.strategies.sample import Sample
from outthink.tree import Path as TreePath
from outthink.tree import Tree
from outthink.verifiers.unit_tests import UnitTests

TRUSTED = {"trusted": True}
QUESTION = "Write add(a, b)."
RIGHT = "So:\n\n```python\ndef add(a, b):\n    return a + b\n```"
HALF = "So:\n\n```python\ndef add(a, b):\n    return 3\n```"
EXAMPLES = ("assert add(1, 2) == 3", "assert add(2, 2) == 4")
PROBLEM = Problem(id="add", question=QUESTION, tests=("assert add(5, 6) == 11",), example_tests=EXAMPLES)


class Programmer(ScriptedEngine):
    """Writes one of some solutions, whichever the seed says."""

    def __init__(self, *solutions: str) -> None:
        super().__init__()
        self._solutions = solutions

    async def sample(self, path: TreePath, request: Request) -> AsyncGenerator[Step]:
        for sibling in range(request.n):
            text = self._solutions[sibling % len(self._solutions)]
            usage = Usage(generated_tokens=len(text), calls=1)
            self.usage += usage
            yield Step(sibling=sibling, ids=list(text.encode()), text=text, finish="end", usage=usage)


def path(*steps: str, finished: bool = True) -> TreePath:
    tree = Tree.written(QUESTION, steps, "\n\n")
    if not finished:
        tree.nodes[-1].finish = "step"
    return tree.path(tree.nodes[-1])


@pytest.mark.parametrize(
    ("options", "solution", "score"),
    [
        ({}, RIGHT, 1.0),
        ({}, HALF, 0.5),
        ({"score": "all"}, HALF, 0.0),
        ({"score": "all"}, RIGHT, 1.0),
        ({}, "The answer is 3.", 0.0),
    ],
)
async def test_the_score_is_the_share_of_the_tests_or_all_of_them(
    options: dict[str, Any], solution: str, score: float
) -> None:
    verifier = UnitTests(sandbox=TRUSTED, **options)
    await verifier.open(ScriptedEngine())
    verifier.learn(PROBLEM)
    scores = await verifier.score(path("Let us think.", solution))
    assert scores.values == [score, score]
    assert verifier.usage == scores.usage and scores.usage.calls == (0 if "answer" in solution else 1)


async def test_an_unfinished_solution_is_not_run() -> None:
    verifier = UnitTests(sandbox=TRUSTED)
    verifier.learn(PROBLEM)
    assert await verifier.score(path("So:", finished=False)) == ot.verifiers.Scores(values=[0.5], usage=Usage())


async def test_a_tree_is_scored_and_pays(new_search: SearchFactory) -> None:
    verifier, engine = UnitTests(sandbox=TRUSTED), Programmer(RIGHT, HALF)
    verifier.learn(PROBLEM)
    search = new_search(engine=engine, verifier=verifier, question=QUESTION)
    await search.run(Sample(n=4))
    assert sorted(search.value(leaf) for leaf in search.tree.leaves) == [0.5, 0.5, 1.0, 1.0]
    assert search.tree.cost == ot.Cost(engine=engine.usage, verifier=verifier.usage)


def test_a_problem_without_example_tests_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'p'.*columns: \{example_tests: test_list\}"):
        UnitTests().learn(Problem(id="p", question="?", tests=("assert True",)))


def test_one_question_has_one_set_of_tests() -> None:
    verifier = UnitTests()
    verifier.learn(PROBLEM)
    verifier.learn(PROBLEM)
    with pytest.raises(UsageError, match="'b' asks what another one asks"):
        verifier.learn(Problem(id="b", question=QUESTION, example_tests=("assert True",)))


async def test_a_question_it_was_not_told_of_is_an_error() -> None:
    with pytest.raises(VerifierError, match="was not told"):
        await UnitTests(sandbox=TRUSTED).score(path(RIGHT))


def test_its_sandbox_takes_options_as_any_sandbox_does() -> None:
    with pytest.raises(RecipeError, match=r"verifier\.sandbox.*memory"):
        UnitTests(sandbox={"memory": 512})


async def test_without_isolation_it_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outthink.sandbox.shutil.which", lambda name: None)
    with pytest.raises(UsageError, match="install bubblewrap"):
        await UnitTests().open(ScriptedEngine())


@pytest.mark.parametrize(("solutions", "correct"), [((RIGHT, HALF), True), ((HALF,), False), (("No idea.",), False)])
async def test_the_program_that_passes_the_examples_is_graded_by_the_hidden_tests(
    solutions: tuple[str, ...], correct: bool
) -> None:
    async with ot.Solver(
        engine=Programmer(*solutions), verifier=UnitTests(sandbox=TRUSTED), sandbox=Sandbox(**TRUSTED)
    ) as solver:
        solution = await solver.solve(PROBLEM, Sample(n=4), select="best")
    assert solution.correct is correct
    assert solution.answer == (
        None if "No" in solutions[0] else solution.text.split("```")[1].split("\n", 1)[1].strip()
    )


async def test_programs_are_voted_on_by_their_text() -> None:
    spaced = RIGHT.replace("    return", "\n    return")
    async with ot.Solver(engine=Programmer(RIGHT, spaced, HALF), sandbox=Sandbox(**TRUSTED)) as solver:
        solution = await solver.solve(PROBLEM, Sample(n=3), select="majority")
    assert (solution.choice.votes, solution.correct) == (2, True)


async def test_a_run_grades_programs_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outthink.runs.runner.make_engine", lambda spec: Programmer(HALF, RIGHT))
    problems = tmp_path / "problems.jsonl"
    row = {"id": "add", "question": QUESTION, "test_list": ["assert add(5, 6) == 11"], "example_tests": EXAMPLES}
    problems.write_text(json.dumps(row))
    recipe = parse_recipe(
        {
            "problems": {"source": str(problems)},
            "engine": "scripted",
            "verifier": {"kind": "tests", "sandbox": TRUSTED},
            "sandbox": TRUSTED,
            "strategies": [{"kind": "sample", "n": 2, "select": "best"}],
        },
        "recipe",
    )
    await run(recipe, tmp_path / "run")
    await run(recipe, tmp_path / "run")
    with Store.read(tmp_path / "run") as store:
        ((verdict,),) = [result.verdicts for result in store.results()]
        assert [problem.tests for problem in store.problems()] == [("assert add(5, 6) == 11",)]
    assert verdict.correct is True


async def test_the_documentations_example_is_sound(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "verifiers" / "tests.md"
    rows = page.read_text(encoding="utf-8").split("```jsonl\n")[1].split("```")[0]
    (tmp_path / "problems.jsonl").write_text(rows)
    double, longest = load_problems(str(tmp_path / "problems.jsonl"))
    sandbox = Sandbox(**TRUSTED)
    solved = "def double(x):\n    return 2 * x\n\ndef longest(words):\n    return max(words, key=len)"
    for problem in (double, longest):
        assert all(await sandbox.run(solved, (*problem.tests, *problem.example_tests)))
        assert not any(await sandbox.run("def double(x): pass\nlongest = double", problem.tests))
