from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outthink.errors import UsageError
from outthink.tree import Message
from outthink.verifiers.families import OUTCOME, PROCESS
from outthink.verifiers.layouts import Layout, Marked, Query, Turns
from outthink.verifiers.words import Words
from rewards import chunked, grow, llama, mistral, qwen

BOXED = "Please reason step by step, and put your final answer within \\boxed{}."


class Letters:
    """A tokenizer whose tokens are characters, and a chat template to be read; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def tokenize(self, text: str) -> list[int]:
        self.asked.append(text)
        return list(map(ord, text))

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        text = "".join(f"[{message['role']}]{message['content']}" for message in messages)
        return list(map(ord, text if messages[-1]["role"] == "assistant" else text + "[assistant]"))


def letters() -> Words:
    return Words(Letters(), bos="<bos>", eos="<eos>")


def shown(query: Query) -> str:
    """The text of a query, with | after each position that is read."""
    return "".join(chr(token) + "|" * (place in query.positions) for place, token in enumerate(query.ids))


async def rendered(layout: Layout, texts: Sequence[str], system: str | None = None) -> list[str]:
    tree = grow("Q?", texts, system=system)
    path = tree.path(tree.nodes[-1])
    return [shown(query) for query in await layout.render(path, path.steps, letters())]


STEPS = ["  A1\nA2\n\n", "\n\n", "B\n\n"]

SHOWN = {
    "math-shepherd": ["<s>Q? A1\nA2 ки|\nB ки|"],
    "math-shepherd-sal": ["<s>S\nQ?\n A1\nA2 ки|\n\nB ки|"],
    "rlhflow": ["[user]Q? A1\nA2[assistant]|+[user]B[assistant]|"],
    "rlhflow-processbench": ["[user]Q?\n\nA1\nA2[assistant]|+[user]B[assistant]|"],
    "skywork": ["<bos>Q?\nA1\nA2\n|B\n|"],
    "skywork-step": ["<bos>Q?\nA1 A2\n|B\n|"],
    "qwen": [f"[system]{BOXED}[user]Q?[assistant]A1\nA2<extra_0>|B<extra_0>|"],
    "universal": [
        "[system]You are a helpful assistant.[user]Q?\n\n###\n\nThe reference answer is: There is no reference answer "
        "for this question.[assistant]A1\nA2\n\n<eos>|",
        "[system]You are a helpful assistant.[user]Q?\n\n###\n\nThe reference answer is: There is no reference answer "
        "for this question.[assistant]A1\nA2\n\nB\n\n<eos>|",
    ],
    "reasonflux": ["[user]Q?[assistant]A1\nA2<extra_0>|B<extra_0>|"],
    "reasonflux-text": ["<bos>Q?A1\nA2|", "<bos>Q?A1\nA2\n\n\n\nB|"],
    "trl": ["<bos>Q?A1\nA2\n|B\n|"],
    "trl-blank-line": ["<bos>Q?A1\nA2\n\n|B\n\n|"],
    "plus-minus": ["[system]S[user]Q?[assistant]A1\nA2\n\n|B\n\n|"],
    "versaprm": ["<|begin_of_text|>Q? \n\nA1\nA2 \n\n\n\n|B \n\n\n\n|"],
    "versaprm-qwen": ["Q? \n\nA1\nA2 \n\n\n\n|B \n\n\n\n|"],
    "math-psa": ["Q? A1\nA2 \n\n\n\n\n| B \n\n\n\n\n|"],
    "implicit": ["[user]Q?[assistant]A1\nA2\n\n|B\n\n|"],
    "reward": ["[user]Q?[assistant]A1\nA2|", "[user]Q?[assistant]A1\nA2\n\n\n\nB|"],
    "qwen-reward": [
        f"[system]{BOXED}[user]Q?[assistant]A1\nA2|",
        f"[system]{BOXED}[user]Q?[assistant]A1\nA2\n\n\n\nB|",
    ],
    "classifier": ["[user]Q?[assistant]A1\nA2|", "[user]Q?[assistant]A1\nA2\n\n\n\nB|"],
}
"""What every family is shown, and where it is read."""

FAMILIES = {**PROCESS, **OUTCOME}


@pytest.mark.parametrize("name", FAMILIES)
async def test_what_a_family_is_shown(name: str) -> None:
    assert await rendered(FAMILIES[name].layout, STEPS, system="S") == SHOWN[name]


async def test_a_mark_that_the_policy_wrote_itself_is_not_repeated() -> None:
    written = ["Step 1: A ки\n", "Step 2: B ки"]
    assert await rendered(PROCESS["math-shepherd"].layout, written) == ["<s>Q? Step 1: A ки|\nStep 2: B ки|"]


TEXTS = st.lists(
    st.one_of(st.text(max_size=12), st.sampled_from(["\n\n", " ", "a<extra_0>b ки\n\n", "+", " \n\n\n\n", "[user]\n"])),
    max_size=6,
)


@pytest.mark.parametrize("name", FAMILIES)
@given(texts=TEXTS)
async def test_every_step_that_says_something_has_one_position(name: str, texts: list[str]) -> None:
    layout, words = FAMILIES[name].layout, letters()
    for path in chunked(grow("Q?", texts)):
        queries = await layout.render(path, path.steps, words)
        places = [position for query in queries for position in query.positions]
        assert len(places) == len(path.steps)
        for query in queries:
            assert all(0 <= place < len(query.ids) for place in query.positions)
            assert query.positions == sorted(set(query.positions))
            assert not query.positions or query.positions[-1] == len(query.ids) - 1


@pytest.mark.parametrize("name", [name for name in PROCESS if len(SHOWN[name]) == 1])
@given(texts=TEXTS)
async def test_another_step_only_appends(name: str, texts: list[str]) -> None:
    layout, words = PROCESS[name].layout, letters()
    before: list[int] = []
    places: list[int] = []
    for path in chunked(grow("Q?", texts)):
        (query,) = await layout.render(path, path.steps, words)
        assert query.ids[: len(before)] == before
        assert query.positions[: len(places)] == places
        if path.steps:
            before, places = query.ids, query.positions


async def test_only_the_steps_asked_for_are_read() -> None:
    tree = grow("Q?", ["A\n\n", "B\n\n", "C"])
    path = tree.path(tree.nodes[-1])
    (query,) = await PROCESS["qwen"].layout.render(path, path.steps[1:], letters())
    assert shown(query).endswith("A<extra_0>B<extra_0>|C<extra_0>|")
    (query,) = await PROCESS["rlhflow"].layout.render(path, path.steps[1:2], letters())
    assert shown(query) == "[user]Q? A[assistant]+[user]B[assistant]|+[user]C[assistant]"


async def test_a_step_is_tokenised_once_however_many_paths_it_lies_on() -> None:
    tokens = Letters()
    words = Words(tokens)
    for _ in range(2):
        for path in chunked(grow("Q?", ["first\n\n", "second\n\n", "third\n\n"])):
            await PROCESS["trl"].layout.render(path, path.steps, words)
    assert [tokens.asked.count(text) for text in ("first", "second", "third", "Q?")] == [1, 1, 1, 1]


async def test_what_was_not_asked_for_the_longest_is_forgotten() -> None:
    tokens = Letters()
    words = Words(tokens, room=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await words.text(text)
    assert tokens.asked == ["a", "b", "c", "b"]


async def test_a_text_that_begins_otherwise_than_it_goes_on_is_cut_out_of_its_context() -> None:
    class Prefixed(Letters):
        """Begins every text with a token of its own, as SentencePiece does."""

        async def tokenize(self, text: str) -> list[int]:
            return [0, *await super().tokenize(text)]

    layout = Marked(mark="#", joint=".")
    tree = grow("Q", ["A", "B"])
    (query,) = await layout.render(tree.path(tree.nodes[-1]), tree.nodes[1:], Words(Prefixed()))
    assert query.ids == [0, *map(ord, "QA#.B#")]


@pytest.mark.parametrize("template", ["{n}", "{first}", "", "{said}{said}"])
async def test_a_template_that_does_not_continue_is_refused(template: str) -> None:
    class Odd(Letters):
        """Templates that number the messages, repeat the first, or say nothing of them."""

        async def encode(self, messages: Sequence[Message]) -> list[int]:
            said = "".join(message["content"] for message in messages)
            text = template.format(n=len(messages), first=messages[0]["content"], said=said)
            return list(map(ord, text))

    tree = grow("Q", ["A"])
    with pytest.raises(UsageError, match="does not take up a dialogue"):
        await Turns().render(tree.path(tree.nodes[-1]), tree.nodes[1:], Words(Odd()))


def test_published_tokens() -> None:
    assert PROCESS["math-shepherd"].tokens == {" ки": 12902, "+": 648, "-": 387}
    assert PROCESS["rlhflow"].tokens == {"+": 10, "-": 12}
    assert PROCESS["qwen"].tokens == {"<extra_0>": 151651}
    assert PROCESS["versaprm"].tokens == {" \n\n\n\n": 23535, "+": 10, "-": 12}
    assert PROCESS["versaprm-qwen"].tokens == {" \n\n\n\n": 22701, "+": 10, "-": 12}
    assert PROCESS["math-psa"].tokens == {" \n\n\n\n\n": 76325, " +": 488, " -": 481}


LLAMA = ("rlhflow", "rlhflow-processbench", "versaprm")
MISTRAL = ("math-shepherd", "math-shepherd-sal")


@pytest.mark.parametrize("name", [name for name, family in PROCESS.items() if family.tokens])
async def test_pieces_make_the_ids_of_the_whole_text(name: str) -> None:
    """With tokenizers that merge across what looks like boundaries, as the published ones do."""
    pytest.importorskip("transformers", reason="needs outthink[transformers]")
    family = PROCESS[name]
    tokenizer = llama() if name in LLAMA else mistral() if name in MISTRAL else qwen()

    class Real:
        async def tokenize(self, text: str) -> list[int]:
            ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
            return ids

        async def encode(self, messages: Sequence[Message]) -> list[int]:
            ids: list[int] = tokenizer.apply_chat_template(
                list(messages), add_generation_prompt=True, return_dict=False
            )
            return ids

    texts = ["Step 1: the sum is 3 + 4.\n\n", "Step 2: 7 - 1\n= 6 (see $x$)", "The answer: \\boxed{6}.\n\n"]
    tree = grow("How many? \\(x\\) Step.", texts, system="Be brief.")
    path = tree.path(tree.nodes[-1])
    for text, token in family.tokens.items():
        assert (await Real().tokenize(text))[-1] == token
    (query,) = await family.layout.render(path, path.steps, Words(Real()))
    (letters_query,) = await family.layout.render(path, path.steps, Words(_Named(tokenizer)))
    whole = bytes(letters_query.ids).decode()
    bos = tokenizer.bos_token or ""
    ids = tokenizer.encode(whole.removeprefix(bos) if bos else whole, add_special_tokens=bool(bos))
    assert query.ids == ids


class _Named:
    """The text that a tokenizer's ids stand for, special tokens by their names, as bytes."""

    def __init__(self, tokenizer: object) -> None:
        self._tokenizer = tokenizer

    async def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        text = self._tokenizer.apply_chat_template(  # type: ignore[attr-defined]
            list(messages), add_generation_prompt=True, tokenize=False
        )
        return list(text.encode())
