"""Layouts: how a question and the steps of its solution become token ids, and where their scores are read.

Texts are tokenised piece by piece, one piece a step, and the pieces joined: a step is tokenised once however many paths
it lies on, and appending one only appends ids, so that a backend computes nothing twice. Pieces are cut where the
authors' tokenisation of the whole text has a boundary too. The models are causal: what follows the last position that
is read (an end of turn, say) is left out.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from outthink.errors import UsageError
from outthink.tree import Message, Node, Path
from outthink.verifiers.words import Words

__all__ = ["Asked", "Layout", "Marked", "Query", "Turns", "Whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a backend is to be asked.

    Args:
        ids: the sequence.
        positions: where in it, ascending.
        opening: how many of the ids come before the solution.
    """

    ids: list[int]
    positions: list[int]
    opening: int


class Layout(Protocol):
    """How a path becomes queries. `specials` says whether it asks for the tokenizer's own begin or end of text."""

    @property
    def specials(self) -> bool: ...

    async def render(self, path: Path, steps: Sequence[Node], words: Words) -> list[Query]:
        """Queries whose positions, taken together, are one for each of some steps of the path, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Steps with a mark after each, at whose last token the score is read.

    Args:
        mark: text after each step; "" reads at the step's own last token.
        opening: text before the solution; `{question}`, and `{system}` for the system prompt that the steps were
            written under.
        chat: the opening is what a user says, and the solution the reply.
        system: what the system says in the chat; None leaves it to the model's template.
        bos: the token that begins the text; None is the tokenizer's own, if it has one.
        first: text between the opening and the first step.
        joint: text between a mark and the next step.
        apart: opening, steps and marks are tokenised each on its own, as the authors do.
        unit: "line" puts a mark after every line of a step and reads at its last; "joined" makes its lines one.
        ended: the tokenizer's end-of-text token follows the last mark and is where the score is read, so that every
            step is the end of a sequence of its own.
    """

    mark: str
    opening: str = "{question}"
    chat: bool = False
    system: str | None = None
    bos: str | None = ""
    first: str = ""
    joint: str = ""
    apart: bool = False
    unit: Literal["step", "line", "joined"] = "step"
    ended: bool = False

    @property
    def specials(self) -> bool:
        """Whether the tokenizer's own begin or end of text is needed."""
        return self.ended or (self.bos is None and not self.chat)

    async def render(self, path: Path, steps: Sequence[Node], words: Words) -> list[Query]:
        """One query for all steps, or one for each if they are `ended`."""
        ids = await self._open(path, words)
        opening, ends, wanted = len(ids), [], {step.index for step in steps}
        for step in path.steps:
            for unit in self._units(step.text):
                joint = self.joint if len(ids) > opening else self.first
                ids.extend(await self._unit(joint, unit, words))
            if step.index in wanted:
                ends.append(len(ids))
        if self.ended:
            eos = await words.text(words.eos)
            return [Query(ids=[*ids[:end], *eos], positions=[end + len(eos) - 1], opening=opening) for end in ends]
        return [Query(ids=ids, positions=[end - 1 for end in ends], opening=opening)]

    async def _open(self, path: Path, words: Words) -> list[int]:
        said = [message["content"] for message in path.tree.messages if message["role"] == "system"]
        text = self.opening.replace("{system}", "\n".join(said)).replace("{question}", path.question)
        if self.chat:
            return list(await words.chat(_ask(text, self.system)))
        bos = words.bos if self.bos is None else self.bos
        return [*await words.text(bos), *await words.text(text)]

    async def _unit(self, joint: str, text: str, words: Words) -> Sequence[int]:
        if self.apart:
            return [*await words.text(text), *await words.text(self.mark)]
        return await words.after(self.mark, joint + text + self.mark)

    def _units(self, text: str) -> list[str]:
        # A policy that was trained on the same data writes the mark itself.
        text = text.strip().removesuffix(self.mark.strip()).rstrip()
        if self.unit == "step":
            return [text]
        lines = [line for line in text.split("\n") if line.strip()]
        return lines if self.unit == "line" else [" ".join(lines)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """A dialogue: the user says each step, the assistant's one-token reply is its label.

    The score is read where the reply would begin. Earlier replies are all `label`.

    Args:
        label: the reply that calls a step good.
        joint: text between the question and the first step, which the user says together.
    """

    label: str = "+"
    joint: str = " "

    @property
    def specials(self) -> bool:
        """The chat template brings its own."""
        return False

    async def render(self, path: Path, steps: Sequence[Node], words: Words) -> list[Query]:
        """One query for all steps."""
        opening, reply, turn = await self._glue(words)
        ids, positions, wanted = list(opening), [], {step.index for step in steps}
        for number, step in enumerate(path.steps):
            said = step.text.strip()
            if number == 0:
                said = path.question.lstrip() + self.joint + said
            else:
                ids.extend(turn)
            ids.extend(await words.text(said))
            ids.extend(reply)
            if step.index in wanted:
                positions.append(len(ids) - 1)
        return [Query(ids=ids, positions=positions, opening=len(opening))]

    async def _glue(self, words: Words) -> tuple[array[int], array[int], array[int]]:
        """The template's ids before the first step, from a step to the reply, and from there to the next step.

        Found by letting it render dialogues of one-token steps.

        Raises:
            UsageError: the template does not take up a dialogue where it left off.
        """
        one, two = await words.chat(_ask("1")), await words.chat(_ask("2"))
        places = [place for place, (a, b) in enumerate(zip(one, two, strict=False)) if a != b]
        longer = await words.chat([*_ask("1"), {"role": "assistant", "content": self.label}, *_ask("1")])
        if len(one) == len(two) and len(places) == 1 and longer[: len(one)] == one:
            step = one[places[0] :]
            if len(longer) >= len(one) + len(step) and longer[-len(step) :] == step:
                return one[: places[0]], step[1:], longer[len(one) : -len(step)]
        raise UsageError(
            "this model's chat template does not take up a dialogue where it left off, as this family of verifiers "
            "needs; name another family"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the model that writes sees too: the chat as it was asked, then the steps; read at the end of each.

    A reward model that was trained from a policy finds there all that the policy has learnt to see.

    Args:
        mark: text that ends a step, the last one too.
    """

    mark: str

    @property
    def specials(self) -> bool:
        """The chat template brings its own."""
        return False

    async def render(self, path: Path, steps: Sequence[Node], words: Words) -> list[Query]:
        """One query for all steps."""
        ids = list(await words.chat(path.tree.messages or _ask(path.question)))
        opening, positions, wanted = len(ids), [], {step.index for step in steps}
        for step in path.steps:
            # As a policy learns them, each step is tokenised with what ends it.
            ids.extend(await words.text(step.text.strip() + self.mark))
            if step.index in wanted:
                positions.append(len(ids) - 1)
        return [Query(ids=ids, positions=positions, opening=opening)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """Each step that is scored ends a sequence of its own, read at its last token.

    Args:
        chat: the question is what a user says, the solution so far the finished reply; otherwise they are one text,
            with nothing in between.
        system: what the system says in the chat; None leaves it to the model's template.
        bos: the token that begins the text; None is the tokenizer's own, if it has one.
        history: the chat goes on from the question as the one that the solution was written in did: with the attempts
            before it, and what asked for another.
    """

    chat: bool = True
    system: str | None = None
    bos: str | None = None
    history: bool = False

    @property
    def specials(self) -> bool:
        """Whether the tokenizer's own begin of text is needed."""
        return self.bos is None and not self.chat

    async def render(self, path: Path, steps: Sequence[Node], words: Words) -> list[Query]:
        """One query for each step."""
        wanted, queries, solution = {step.index for step in steps}, [], ""
        for node in path.nodes:
            solution += node.text
            if node.index in wanted:
                ids = await self._sequence(path, solution.strip(), words)
                queries.append(Query(ids=ids, positions=[len(ids) - 1], opening=0))
        return queries

    async def _sequence(self, path: Path, solution: str, words: Words) -> list[int]:
        # Not remembered: no two of these are alike.
        if self.chat:
            before = _since_the_question(path) if self.history else []
            reply: Message = {"role": "assistant", "content": solution}
            return await words.tokens.encode([*_ask(path.question, self.system), *before, reply])
        bos = words.bos if self.bos is None else self.bos
        return [*await words.text(bos), *await words.tokens.tokenize(path.question + solution)]


def _since_the_question(path: Path) -> list[Message]:
    """What was said between the problem's prompt and a solution; nothing where it answers another chat."""
    put, chat = path.tree.messages, path.messages
    return chat[len(put) :] if chat[: len(put)] == put else []


def _ask(question: str, system: str | None = None) -> list[Message]:
    asked: list[Message] = [{"role": "user", "content": question}]
    return asked if system is None else [{"role": "system", "content": system}, *asked]
