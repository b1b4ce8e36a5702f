import math
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from conftest import SearchFactory
from outthink.cost import Usage
from outthink.engines import Request, Step
from outthink.engines.scripted import Scripted as ScriptedEngine
from outthink.errors import ContextTooSmall, UsageError, VerifierError
from outthink.strategies.sample import Sample
from outthink.tree import Path, Tree
from outthink.verifiers.generative import Generative

QUESTION = "What is 2 + 2?"
STEPS = ("2 + 2 = 4", "So it is 4.")


class Critic(ScriptedEngine):
    """Writes given critiques in turn; finds good what does not say WRONG. Tokens are bytes."""

    def __init__(self, *critiques: str) -> None:
        super().__init__()
        self._critiques = critiques or ("Fine.\n",)
        self.prompts: list[str] = []
        self.read: list[str] = []
        self.requests: list[Request] = []
        self.options: set[bytes] = set()
        self.closed = False

    async def close(self) -> None:
        self.closed = True

    async def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        self.prompts.append(bytes(path.ids).decode())
        critique = self._critiques[len(self.requests) % len(self._critiques)]
        self.requests.append(request)
        lines = critique.splitlines(keepends=True)
        for line in lines:
            usage = Usage(generated_tokens=len(line))
            self.usage += usage
            yield Step(sibling=0, ids=list(line.encode()), text=line, finish="step", usage=usage)

    async def choose(
        self, ids: Sequence[int], positions: Sequence[int], options: Sequence[int]
    ) -> tuple[list[list[float]], Usage]:
        assert list(positions) == [len(ids) - 1]
        self.read.append(bytes(ids).decode())
        self.options.add(bytes(options))
        good = 0.1 if "WRONG" in self.read[-1].rsplit("Paragraph", 1)[-1] else 0.8
        usage = Usage(scored_tokens=7, calls=1)
        self.usage += usage
        return [[math.log(good), math.log(1 - good)]], usage


def path(*steps: str, finished: bool = True) -> Path:
    tree = Tree.written(QUESTION, steps, "\n\n")
    if not finished:
        tree.nodes[-1].finish = "step"
    return tree.path(tree.nodes[-1])


async def opened(writes: ScriptedEngine, **options: Any) -> Generative:
    verifier = Generative(**options)
    await verifier.open(writes)
    return verifier


async def test_genrm_asks_for_a_grade_and_reads_it_after_the_thought() -> None:
    engine = Critic("\nStep 1 is right.\nVerification: Is the answer correct (Yes/No)? No\nnever read\n", "x")
    scores = await (await opened(engine, format="genrm")).score(path(*STEPS))
    assert scores.values == pytest.approx([0.8, 0.8])
    assert engine.prompts == [
        "You are a math teacher. Grade the Solution, verifying correctness step by step. At the end of the Solution "
        'verification, when you give your final grade, write it in the form "Verification: Is the answer correct '
        '(Yes/No)? X", where X is either Yes or No.\n\n'
        "Question: What is 2 + 2?\nSolution: 2 + 2 = 4\n\nSo it is 4.Let's verify step by step."
    ]
    begun = engine.prompts[0]
    assert engine.read == [f"{begun}\nStep 1 is right.\nVerification: Is the answer correct (Yes/No)? "]
    assert engine.options == {b"YN"}


async def test_genrm_says_nothing_of_what_is_not_finished() -> None:
    engine = Critic()
    scores = await (await opened(engine, format="genrm")).score(path(*STEPS, finished=False))
    assert (scores.values, scores.usage, engine.prompts) == ([0.5, 0.5], Usage(), [])


async def test_the_score_is_the_mean_over_k_critiques() -> None:
    engine = Critic("Fine.\n", "WRONG!\n", "Fine.\n")
    verifier = await opened(engine, format="genrm", k=3)
    scores = await verifier.score(path(*STEPS))
    assert scores.values == pytest.approx([(0.8 + 0.1 + 0.8) / 3] * 2)
    assert len({request.seed for request in engine.requests}) == 3
    assert scores.usage == verifier.usage == engine.usage == Usage(generated_tokens=19, scored_tokens=21, calls=3)


async def test_thinkprm_judges_the_path_as_it_stands() -> None:
    engine = Critic(
        " \nStep 1: The step is \\boxed{correct}\nStep 2: The step is \\boxed{correct}\nStep 3: no such step\n"
    )
    steps = ("## Step 1: 2 + 2 = 4", "So it is 4.")
    scores = await (await opened(engine, format="thinkprm")).score(path(*steps, finished=False))
    assert scores.values == pytest.approx([0.8, 0.8])
    assert engine.prompts == [
        "You are given a math problem and a proposed step-by-step solution:\n\n[Math Problem]\n\nWhat is 2 + 2?\n\n"
        "[Solution]\n\nStep 1: 2 + 2 = 4\nStep 2: So it is 4.\n\nReview and critique each step in the proposed "
        "solution to determine whether each step is correct. If the solution is incomplete, only verify the provided "
        "steps.\nLet's verify step by step:"
    ]
    written = " \nStep 1: The step is \\boxed{correct}\nStep 2: The step is \\boxed{correct}\n"
    assert engine.read == [f"{engine.prompts[0]}{written}\nIs the solution correct? "]
    assert engine.options == {b"yn"}


@pytest.mark.parametrize("stop", ["</think>", "Is the solution correct? Yes"])
async def test_thinkprm_stops_where_its_authors_do(stop: str) -> None:
    engine = Critic(f" All WELL {stop} WRONG\n")
    scores = await (await opened(engine, format="thinkprm")).score(path(*STEPS))
    assert scores.values == pytest.approx([0.8, 0.8])
    assert engine.read[0].endswith("Let's verify step by step: All WELL \nIs the solution correct? ")


async def test_genprm_judges_each_step_knowing_what_it_said_before() -> None:
    engine = Critic("good\n</analyze>\nunread", "WRONG\n</analyze>\n")
    scores = await (await opened(engine, format="genprm")).score(path(*STEPS))
    assert scores.values == pytest.approx([0.8, 0.1])
    system = "You are a math teacher. Your task is to review and critique the paragraphs in solution step by step."
    first = f"{system}\nQuestion: What is 2 + 2?\n\n2 + 2 = 4"
    one = "<analyze>\nLet's analyze the Paragraph 1 step by step: "
    two = "<analyze>\nLet's analyze the Paragraph 2 step by step: "
    judged = "</analyze>\n<output>\n**Judgement**: $\\boxed{"
    said = f"{one}good\n{judged}Yes}}$\n</output>\n"
    assert engine.prompts == [first + one, f"{first}\n{said}\nSo it is 4.{two}"]
    assert engine.read[0] == f"{first}{one}good\n{judged}"


async def test_genprm_remembers_its_critiques_and_writes_again_those_it_does_not_know() -> None:
    engine = Critic("good\n</analyze>\n")
    verifier = await opened(engine, format="genprm", k=2)
    whole = path(*STEPS)
    half = whole.tree.path(whole.tree.nodes[1])
    (half.node.score,) = (await verifier.score(half)).values
    assert len((await verifier.score(whole)).values) == 1
    assert len(engine.requests) == 4
    # Another verifier was not there for the first step: it needs one critique of it, to go on from.
    stranger = await opened(engine, format="genprm", k=2)
    assert len((await stranger.score(whole)).values) == 1
    assert len(engine.requests) == 7


ANALYSIS = "<analyze>\nLet's analyze the Paragraph 1 step by step: fine\n</analyze>\n"
CHECK = "<verify>\nLet's use python code to find any potential error:\n```python\n"
JUDGED = "<output>\n**Judgement**: $\\boxed{"


async def test_genprm_runs_what_it_writes_and_reads_what_that_prints() -> None:
    engine = Critic(
        "fine\n</analyze>\n",
        "total = 2 + 2\nprint(total)\n```\nnever read\n",
        "One more.\n```python\nprint(total + 1)\n```\n",
        "All is well.\n</verify>\n<output>\nnever read\n",
    )
    verifier = await opened(engine, format="genprm", sandbox={"trusted": True})
    assert (await verifier.score(path(*STEPS[:1]))).values == pytest.approx([0.8])
    first = f"{CHECK}total = 2 + 2\nprint(total)\n```\n[Code Output]\n\n```\n4\n```\n"
    second = f"{first}One more.\n```python\nprint(total + 1)\n```\n[Code Output]\n\n```\n5\n```\n"
    replies = [text.partition(ANALYSIS)[2] for text in [*engine.prompts[1:], engine.read[0]]]
    assert replies == [CHECK, first, second, f"{second}All is well.\n</verify>\n{JUDGED}"]


async def test_genprm_may_use_what_it_defined_for_the_steps_before() -> None:
    engine = Critic(
        *("fine\n</analyze>\n", "four = 4\n```\n", "</verify>\n"),
        *("fine\n</analyze>\n", "print(four)\nfail()\n```\n", "</verify>\n"),
    )
    verifier = await opened(engine, format="genprm", sandbox={"trusted": True})
    await verifier.score(path(*STEPS))
    assert "[Code Output]\n\n```\n\n```\n" in engine.prompts[2]
    assert engine.prompts[5].endswith("Code execute Error: NameError: name 'fail' is not defined\n```\n")


@pytest.mark.parametrize(
    ("critiques", "options"),
    [
        (("fine\n</analyze>\n", *["print(1)\n```\n"] * 3), {}),
        (("fine\n</analyze>\n", "no end"), {}),
        (("fine\n</analyze>\n",), {"max_tokens": len(CHECK)}),
    ],
    ids=["too many programs", "no end", "too long"],
)
async def test_a_check_without_an_end_is_left_out(critiques: tuple[str, ...], options: dict[str, int]) -> None:
    engine = Critic(*critiques)
    verifier = await opened(engine, format="genprm", sandbox={"trusted": True}, **options)
    assert (await verifier.score(path(*STEPS[:1]))).values == pytest.approx([0.8])
    assert engine.read[0].endswith(ANALYSIS + JUDGED)
    assert len(engine.requests) == len(critiques)


async def test_a_check_keeps_the_critiques_cap() -> None:
    engine = Critic("fine\n</analyze>\n", "no end")
    await (await opened(engine, format="genprm", max_tokens=200, sandbox={"trusted": True})).score(path(*STEPS[:1]))
    assert [request.max_tokens for request in engine.requests] == [200, 200 - len(f"fine\n</analyze>\n{CHECK}")]


async def test_who_writes_no_programs_has_no_sandbox() -> None:
    with pytest.raises(UsageError, match="thinkprm writes no programs; leave `sandbox` away"):
        Generative(format="thinkprm", sandbox={})
    with pytest.raises(UsageError, match=r"verifier\.sandbox: unknown key 'second'"):
        Generative(format="genprm", sandbox={"second": 1})


@pytest.mark.parametrize("format", ["genrm", "thinkprm", "genprm"])
async def test_a_tree_is_scored_and_pays(new_search: SearchFactory, format: str) -> None:
    engine, writer = Critic(), ScriptedEngine(steps=3)
    verifier = Generative(format=format)  # type: ignore[arg-type]
    await verifier.open(engine)
    search = new_search(engine=writer, verifier=verifier)
    await search.run(Sample(n=4))
    assert all(len(search.tree.path(leaf).scores) == 3 for leaf in search.tree.leaves)
    assert search.tree.cost.engine == writer.usage
    assert search.tree.cost.verifier == verifier.usage == engine.usage
    assert len(engine.requests) == (12 if format == "genprm" else 4)


async def test_an_engine_of_its_own_is_opened_used_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Critic()
    monkeypatch.setattr("outthink.verifiers.generative.make_engine", lambda spec, where: engine)
    verifier = await opened(
        ScriptedEngine(), format="genrm", engine={"kind": "llamacpp"}, max_tokens=64, temperature=0.0
    )
    assert (await verifier.score(path(*STEPS))).values == pytest.approx([0.8, 0.8])
    assert (engine.requests[0].max_tokens, engine.requests[0].sampling.temperature) == (64, 0.0)
    await verifier.close()
    assert engine.closed


async def test_an_engine_without_log_probabilities_is_refused() -> None:
    class Mute:
        """Writes, but tells no log-probabilities."""

    with pytest.raises(UsageError, match="Mute tells no log-probabilities: use llamacpp"):
        await Generative(format="genrm").open(Mute())  # type: ignore[arg-type]


async def test_what_does_not_fit_is_the_verifiers_error() -> None:
    class Narrow(Critic):
        async def encode(self, messages: Sequence[dict[str, str]]) -> list[int]:
            raise ContextTooSmall("too long; raise engine.context")

    with pytest.raises(VerifierError, match=r"raise engine\.context, or lower verifier\.max_tokens"):
        await (await opened(Narrow(), format="thinkprm")).score(path(*STEPS))


async def test_words_that_begin_with_the_same_token_are_refused() -> None:
    class Coarse(Critic):
        async def tokenize(self, text: str) -> list[int]:
            return [0]

    with pytest.raises(UsageError, match="cannot be told apart"):
        await (await opened(Coarse(), format="genrm")).score(path(*STEPS))


@pytest.mark.parametrize("options", [{"k": 0}, {"max_tokens": 0}, {"temperature": -1.0}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        Generative(format="genrm", **options)
