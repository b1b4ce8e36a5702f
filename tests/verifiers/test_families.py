"""Every family against its authors' formula, written down independently, on whole texts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs outthink[transformers]")
pytest.importorskip("transformers", reason="needs outthink[transformers]")

from conftest import SearchFactory  # noqa: E402
from outthink.engines.scripted import Scripted as ScriptedEngine  # noqa: E402
from outthink.strategies.beam import Beam  # noqa: E402
from outthink.tree import Tree  # noqa: E402
from outthink.verifiers.families import PROCESS  # noqa: E402
from outthink.verifiers.orm import Orm  # noqa: E402
from outthink.verifiers.prm import Prm  # noqa: E402
from rewards import QWEN3, TinyReward, chunked, grow, llama, mistral, qwen, reward_model  # noqa: E402
from tiny import tiny_llama  # noqa: E402

FLOAT32 = {"kind": "transformers", "dtype": "float32", "device": "cpu"}
SYSTEM = "Solve the problem step by step."
BOXED = "Please reason step by step, and put your final answer within \\boxed{}."

QUESTIONS = [
    "Tom has 3 boxes of 4 pens. How many pens has he?",
    "What is $\\frac{1}{2} + x$ for x = 0.5?\nGive a number.",
]
SOLUTIONS = [
    ["Step 1: There are 3 * 4 = 12 pens.\n\n", "Step 2: The answer is 12.\n\n"],
    ["He has 3 boxes.\nEach holds 4.\n\n", "\n\n", "So 3 + 4 = 7.\n\n", "the answer is \\boxed{7}."],
    ["Step 1: one half is 0.5\n\n", "  Étape 2: 0.5 + 0.5 = 1 ✓.\n\n", "The answer is $1$\n\n", "\n\n"],
]
CASES = [(question, solution) for question in QUESTIONS for solution in SOLUTIONS]

Formula = Callable[[TinyReward, str, list[str]], list[float]]


@dataclass(frozen=True)
class Case:
    """How a family's tiny model is built, and what its authors compute with it: from steps, or from text as it is."""

    formula: Formula
    tokenizer: Callable[[], Any] = qwen
    body: str = "qwen2"
    head: dict[str, tuple[int, ...]] | None = None
    as_it_is: bool = False

    def expected(self, tiny: TinyReward, question: str, solution: list[str]) -> list[float]:
        return self.formula(tiny, question, solution if self.as_it_is else said(solution))


def pair(tiny: TinyReward, ids: Sequence[int], good: int, bad: int) -> Any:
    return tiny.logits(ids, [good, bad]).softmax(-1)[:, 0]


def at(scores: Any, ids: Sequence[int], mark: int) -> list[float]:
    found: list[float] = scores[torch.tensor(ids) == mark].tolist()
    return found


def math_shepherd(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
    ids = tiny.tokenizer.encode(f"{question} " + "\n".join(f"{step} ки" for step in steps))
    return at(pair(tiny, ids, 648, 387), ids, 12902)


def math_shepherd_sal(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
    ids = tiny.tokenizer.encode(f"{SYSTEM}\n{question}\n " + "\n\n".join(f"{step} ки" for step in steps))
    return at(pair(tiny, ids, 648, 387), ids, 12902)


def turn_by_turn(joint: str) -> Formula:
    def formula(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
        scores, dialogue = [], []
        for number, step in enumerate(steps):
            dialogue.append({"role": "user", "content": step if number else question + joint + step})
            dialogue.append({"role": "assistant", "content": "+"})
            ids = tiny.tokenizer.apply_chat_template(dialogue, return_dict=False)
            scores.append(tiny.logits(ids, [10, 12])[-3].softmax(-1)[0].item())
        return scores

    return formula


def lines(split: bool) -> Formula:
    def formula(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
        ids, flags = tiny.tokenizer.encode(question + "\n"), []
        newline = tiny.tokenizer.encode("\n")[-1]
        for step in steps:
            for line in step.split("\n") if split else [step.replace("\n", " ")]:
                ids += [*tiny.tokenizer.encode(line), newline]
            flags.append(len(ids) - 1)
        found: list[float] = tiny.linear(ids, "v_head.summary")[flags, 0].sigmoid().tolist()
        return found

    return formula


def extra_tokens(system: str | None) -> Formula:
    def formula(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
        dialogue = [{"role": "system", "content": system}] if system else []
        dialogue.append({"role": "user", "content": question})
        dialogue.append({"role": "assistant", "content": "<extra_0>".join(steps) + "<extra_0>"})
        text = tiny.tokenizer.apply_chat_template(dialogue, tokenize=False)
        ids = tiny.tokenizer.encode(text)
        logits = tiny.linear(ids, "score.0").relu() @ tiny.head["score.2.weight"].T + tiny.head["score.2.bias"]
        return at(logits.softmax(-1)[:, 1], ids, 151651)

    return formula


def universal(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
    asked = question + "\n\n###\n\nThe reference answer is: There is no reference answer for this question."
    dialogue = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": asked}]
    prompt = tiny.tokenizer.apply_chat_template(dialogue, add_generation_prompt=True, return_dict=False)
    scores = []
    for end in range(1, len(steps) + 1):
        answer = tiny.tokenizer.encode("\n\n".join(steps[:end]) + "\n\n")
        scores.append(tiny.linear([*prompt, *answer, 151645], "score")[-1, 0].sigmoid().item())
    return scores


def reasonflux_text(tiny: TinyReward, question: str, texts: list[str]) -> list[float]:
    read = [question + "".join(texts[: end + 1]).strip() for end, text in enumerate(texts) if text.strip()]
    return [tiny.linear(tiny.tokenizer.encode(text), "reward_head")[-1, 0].sigmoid().item() for text in read]


def trl(separator: str) -> Formula:
    def formula(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
        tokenize = lambda text: tiny.tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
        ids, ends = [*tiny.tokenizer.encode("", add_special_tokens=True), *tokenize(question)], []
        for step in steps:
            ids += tokenize(step) + tokenize(separator)
            ends.append(len(ids) - 1)
        found: list[float] = tiny.linear(ids, "score")[ends].softmax(-1)[:, 1].tolist()
        return found

    return formula


def versaprm(mark: int) -> Formula:
    def formula(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
        ids = tiny.tokenizer.encode(f"{question} \n\n" + "".join(f"{step} \n\n\n\n" for step in steps))
        return at(tiny.logits(ids, [12, 10]).softmax(-1)[:, 1], ids, mark)

    return formula


def math_psa(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
    ids = tiny.tokenizer.encode(f"{question} " + " ".join(f"{step} \n\n\n\n\n" for step in steps))
    return at(pair(tiny, ids, 488, 481), ids, 76325)


def plus_minus(tiny: TinyReward, question: str, steps: list[str]) -> list[float]:
    asked = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    text, ends = tiny.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True), []
    ids = tiny.tokenizer.encode(text, add_special_tokens=False)
    for step in steps:
        ids += tiny.tokenizer.encode(f"{step}\n\n", add_special_tokens=False)
        ends.append(len(ids) - 1)
    plus, minus = (tiny.tokenizer.encode(sign, add_special_tokens=False) for sign in "+-")
    found: list[float] = pair(tiny, ids, *plus, *minus)[ends].tolist()
    return found


CASES_BY_FAMILY = {
    "math-shepherd": Case(math_shepherd, mistral, "mistral"),
    "math-shepherd-sal": Case(math_shepherd_sal, mistral, "mistral"),
    "rlhflow": Case(turn_by_turn(" "), llama, "llama"),
    "rlhflow-processbench": Case(turn_by_turn("\n\n"), llama, "llama"),
    "skywork": Case(lines(True), head={"v_head.summary.weight": (1, 16), "v_head.summary.bias": (1,)}),
    "skywork-step": Case(lines(False), head={"v_head.summary.weight": (1, 16), "v_head.summary.bias": (1,)}),
    "qwen": Case(
        extra_tokens(BOXED),
        head={"score.0.weight": (16, 16), "score.0.bias": (16,), "score.2.weight": (2, 16), "score.2.bias": (2,)},
    ),
    "reasonflux": Case(
        extra_tokens(None),
        head={"score.0.weight": (16, 16), "score.0.bias": (16,), "score.2.weight": (2, 16), "score.2.bias": (2,)},
    ),
    "universal": Case(universal, head={"score.weight": (1, 16)}),
    "reasonflux-text": Case(
        reasonflux_text, head={"reward_head.weight": (1, 16), "reward_head.bias": (1,)}, as_it_is=True
    ),
    "trl": Case(trl("\n"), head={"score.weight": (2, 16), "score.bias": (2,)}),
    "trl-blank-line": Case(trl("\n\n"), llama, "llama", head={"score.weight": (2, 16), "score.bias": (2,)}),
    "versaprm": Case(versaprm(23535), llama, "llama"),
    "versaprm-qwen": Case(versaprm(22701)),
    "math-psa": Case(math_psa),
    "plus-minus": Case(plus_minus, llama, "llama"),
}


@pytest.fixture(scope="module", params=CASES_BY_FAMILY)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, TinyReward]:
    case = CASES_BY_FAMILY[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, reward_model(folder, case.tokenizer(), body=case.body, head=case.head)


@asynccontextmanager
async def opened(verifier: Prm | Orm) -> AsyncIterator[Prm | Orm]:
    try:
        await verifier.open(ScriptedEngine())
        yield verifier
    finally:
        await verifier.close()


def said(solution: Sequence[str]) -> list[str]:
    return [step.strip() for step in solution if step.strip()]


async def in_steps(verifier: Prm | Orm, tree: Tree) -> list[float]:
    """The scores of a path that is scored as it grows."""
    for path in chunked(tree):
        if steps := path.unscored:
            scores = await verifier.score(path)
            assert len(scores.values) == len(steps)
            for step, value in zip(steps, scores.values, strict=True):
                step.score = value
    return tree.path(tree.nodes[-1]).scores


def test_every_family_is_compared() -> None:
    assert {*CASES_BY_FAMILY, "implicit"} == set(PROCESS)


async def test_scores_are_the_authors(family: tuple[str, TinyReward]) -> None:
    name, tiny = family
    expected = [CASES_BY_FAMILY[name].expected(tiny, question, solution) for question, solution in CASES]
    trees = [grow(question, solution, system=SYSTEM) for question, solution in CASES]
    whole = [tree.path(tree.nodes[-1]) for tree in trees]

    async with opened(Prm(model=str(tiny.folder), family=name, backend=FLOAT32)) as prm:
        alone = [(await prm.score(path)).values for path in whole[:2]]
    assert alone == [pytest.approx(each, abs=1e-4) for each in expected[:2]]

    async with opened(Prm(model=str(tiny.folder), family=name, backend=FLOAT32)) as prm:
        together = await asyncio.gather(*(prm.score(path) for path in whole))
    assert [scores.values for scores in together] == [pytest.approx(each, abs=1e-4) for each in expected]

    async with opened(Prm(model=str(tiny.folder), family=name, backend=FLOAT32)) as prm:
        interleaved = await asyncio.gather(*(in_steps(prm, tree) for tree in trees))
        assert interleaved == [pytest.approx(each, abs=1e-4) for each in expected]
        assert prm.usage.cached_tokens > 0


async def test_what_a_path_shares_with_another_is_computed_once(family: tuple[str, TinyReward]) -> None:
    name, tiny = family
    async with opened(Prm(model=str(tiny.folder), family=name, backend=FLOAT32)) as prm:
        tree = grow(*CASES[0])
        first, second = chunked(tree)
        one = (await prm.score(first)).usage
        for step in first.unscored:
            step.score = 0.5
        two = (await prm.score(second)).usage
        assert one.cached_tokens == 0 and two.cached_tokens > 0
        # The rest is the second step, and where a sequence is closed, what closes it.
        assert two.scored_tokens < one.scored_tokens
        assert prm.usage == one + two


async def test_the_log_ratio_of_implicit_rewards(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    trained, reference = (tiny_llama(tmp_path / str(seed), seed=seed) for seed in (1, 2))
    tokenizer = AutoTokenizer.from_pretrained(trained)
    models = [AutoModelForCausalLM.from_pretrained(folder) for folder in (trained, reference)]
    expected = []
    for question, solution in CASES:
        asked = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
        steps = said(solution)
        answers = [tokenizer.encode("".join(f"{step}\n\n" for step in steps[: end + 1])) for end in range(len(steps))]
        ids = torch.tensor([*prompt, *answers[-1]])
        with torch.no_grad():
            likely, base = (model(ids[None]).logits[0, :-1].double().log_softmax(-1) for model in models)
        gains = (likely - base)[torch.arange(len(ids) - 1), ids[1:]]
        sums = [gains[len(prompt) - 1 :][: len(answer)].sum() for answer in answers]
        expected.append([torch.sigmoid(0.001 * total).item() for total in sums])

    prm = Prm(model=str(trained), family="implicit", reference=str(reference), backend=FLOAT32)
    trees = [grow(question, solution) for question, solution in CASES]
    async with opened(prm):
        together = await asyncio.gather(*(prm.score(tree.path(tree.nodes[-1])) for tree in trees))
        assert [scores.values for scores in together] == [pytest.approx(each, abs=1e-6) for each in expected]
        interleaved = await asyncio.gather(*(in_steps(prm, tree) for tree in trees))
        assert interleaved == [pytest.approx(each, abs=1e-6) for each in expected]
        assert prm.usage.cached_tokens > 0


@pytest.mark.parametrize("outputs", [1, 2])
async def test_outcome_rewards_are_read_at_the_end_of_the_chat(tmp_path: Path, outputs: int) -> None:
    tiny = reward_model(
        tmp_path,
        qwen(QWEN3),
        body="qwen3",
        head={"score.weight": (outputs, 16)},
        architecture="Qwen3ForSequenceClassification",
        id2label={str(label): f"LABEL_{label}" for label in range(outputs)},
    )
    expected = []
    for question, solution in CASES:
        dialogue = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": "".join(solution).strip()},
        ]
        logits = tiny.linear(tiny.tokenizer.apply_chat_template(dialogue, return_dict=False), "score")[-1]
        expected.append(logits.sigmoid().item() if outputs == 1 else logits.softmax(-1)[1].item())
    trees = [grow(question, solution) for question, solution in CASES]
    async with opened(Orm(model=str(tmp_path), backend=FLOAT32)) as orm:
        found = await asyncio.gather(*(orm.score(tree.path(tree.nodes[-1])) for tree in trees))
        for tree, scores, value in zip(trees, found, expected, strict=True):
            assert scores.values == pytest.approx([value] * len(tree.path(tree.nodes[-1]).steps), abs=1e-4)


async def test_two_layers_may_return_one_reward(tmp_path: Path) -> None:
    head = {"score.0.weight": (16, 16), "score.0.bias": (16,), "score.2.weight": (1, 16), "score.2.bias": (1,)}
    tiny = reward_model(tmp_path, qwen(), head=head, architecture="Qwen2ForRewardModel")
    question, solution = CASES[0]
    dialogue = [
        {"role": "system", "content": BOXED},
        {"role": "user", "content": question},
        {"role": "assistant", "content": "".join(solution).strip()},
    ]
    ids = tiny.tokenizer.apply_chat_template(dialogue, return_dict=False)
    logits = tiny.linear(ids, "score.0").relu() @ tiny.head["score.2.weight"].T + tiny.head["score.2.bias"]
    tree = grow(question, solution)
    async with opened(Orm(model=str(tmp_path), backend=FLOAT32, scale=0.1)) as orm:
        found = await orm.score(tree.path(tree.nodes[-1]))
    assert found.values == pytest.approx([(0.1 * logits[-1, 0]).sigmoid().item()] * 2, abs=1e-4)


async def test_a_search_computes_every_token_about_once(tmp_path: Path, new_search: SearchFactory) -> None:
    tiny = reward_model(tmp_path, qwen(), head={"score.weight": (2, 16)}, architecture="Qwen2ForTokenClassification")
    question = "How often is the question read, if its solutions share it? " * 4
    prm = Prm(model=str(tmp_path), backend=FLOAT32)
    search = new_search(verifier=prm, question=question)
    async with opened(prm):
        await search.run(Beam(n=16, width=4))
    tokenize = lambda text: tiny.tokenizer(text, add_special_tokens=False)["input_ids"]  # noqa: E731
    steps = search.tree.nodes[1:]
    written = len(tokenize(question)) + sum(len(tokenize(step.text.strip())) + 1 for step in steps)
    spent = search.tree.cost.verifier
    assert all(step.score is not None for step in steps) and len(steps) > 32
    assert spent == prm.usage
    assert spent.scored_tokens <= 1.1 * written and spent.cached_tokens > spent.scored_tokens
