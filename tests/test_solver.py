import pytest

import outthink as ot
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.engines.scripted import scripted_answer
from outthink.verifiers.scripted import Scripted as ScriptedVerifier

QUESTION = "What is the answer?"
ENGINE = {"kind": "scripted", "steps": 3}


@pytest.mark.parametrize("select", ["majority", "best", "weighted"])
def test_a_question_becomes_a_solution(select: ot.select.Select) -> None:
    solution = ot.solve(
        ot.Problem(question=QUESTION, answer=scripted_answer(QUESTION)),
        strategy=ot.Beam(n=8, width=4),
        engine=ENGINE,
        verifier="scripted",
        select=select,
    )
    assert solution.correct is (solution.answer == scripted_answer(QUESTION))
    assert solution.text.endswith(f"The answer is {solution.answer}.")
    assert solution.choice.candidates == 8
    assert solution.cost == solution.tree.cost
    assert solution.cost.engine.generated_tokens > 0 and solution.cost.verifier.scored_tokens > 0


def test_without_a_reference_nothing_is_graded() -> None:
    assert ot.solve(QUESTION, strategy="greedy", engine=ENGINE, verifier=None, select="majority").correct is None


def test_majority_over_samples_needs_no_verifier_and_asks_none() -> None:
    solution = ot.solve(QUESTION, strategy=ot.Sample(n=3), engine=ENGINE, verifier="scripted", select="majority")
    assert solution.cost.verifier == ot.Usage()


@pytest.mark.parametrize("strategy", [ot.Beam(n=4), ot.Sample(n=4)])
def test_what_reads_scores_says_that_it_needs_a_verifier(strategy: ot.Strategy) -> None:
    with pytest.raises(ot.UsageError, match="name a verifier"):
        ot.solve(QUESTION, strategy=strategy, engine=ENGINE, verifier=None)


def test_a_failure_is_raised_with_its_own_class() -> None:
    with pytest.raises(ot.EngineError, match="scripted fault"):
        ot.solve(QUESTION, engine={"kind": "scripted", "fault_rate": 1.0}, verifier="scripted")


def test_no_finished_solution_gives_no_answer() -> None:
    solution = ot.solve(QUESTION, engine=ENGINE, verifier="scripted", sampling=ot.Sampling(max_tokens=5))
    assert (solution.answer, solution.text, solution.choice.candidates) == (None, "", 0)


async def test_inside_async_code_solve_points_to_asolve() -> None:
    with pytest.raises(ot.UsageError, match="asolve"):
        ot.solve(QUESTION, engine=ENGINE)
    solution = await ot.asolve(QUESTION, engine=ENGINE, verifier="scripted", strategy="dvts")
    assert solution.choice.candidates == 16


async def test_a_solver_serves_many_problems_and_closes_what_it_opened() -> None:
    class Counting(ScriptedEngine):
        opened = closed = 0

        async def open(self) -> None:
            self.opened += 1

        async def close(self) -> None:
            self.closed += 1

    engine = Counting()
    async with ot.Solver(engine=engine, verifier=ScriptedVerifier()) as solver:
        for number in range(3):
            await solver.solve(ot.Problem(question=f"number {number}"), ot.Sample(n=2))
    assert (engine.opened, engine.closed) == (1, 1)


async def test_an_engine_that_does_not_open_is_closed_all_the_same() -> None:
    class Broken(ScriptedEngine):
        closed = False

        async def open(self) -> None:
            raise ot.ModelNotFound("no such model")

        async def close(self) -> None:
            self.closed = True

    engine = Broken()
    with pytest.raises(ot.ModelNotFound):
        async with ot.Solver(engine=engine):
            pass
    assert engine.closed


async def test_equal_answers_vote_together_however_they_are_written() -> None:
    async with ot.Solver(engine=ScriptedEngine()) as solver:
        tree = ot.Tree.plant("q", [], [], 0)
        for text in ["The answer is 0.5.", "so \\boxed{\\frac{1}{2}}", "The answer is 2.", "#### 1/2"]:
            node = ot.Node(
                index=len(tree.nodes), parent=0, ordinal=len(tree.nodes) - 1, depth=1, length=1, seed=0,
                ids=tree.root.ids[:0], text=text, finish="end",
            )  # fmt: skip
            tree.nodes.append(node)
        choice, correct, ungraded = await solver.conclude(
            ot.Problem(question="q", answer="0.50"), tree, "majority", None
        )
    assert (choice.votes, correct, ungraded) == (3, True, None)
