"""Policies: a language model fitted to worked solutions, step by step as an engine will continue them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import Module
from torch.nn.functional import log_softmax

from outthink.learn.train.base import Base
from outthink.learn.train.reader import Reader, in_batches, read
from outthink.learn.train.tries import Example, Trie, tries
from outthink.prompt import Prompt

__all__ = ["PolicyTask", "Worked", "example"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A right solution of a problem.

    Args:
        problem: the problem's id.
        question: as asked.
        steps: without separators.
    """

    problem: str
    question: str
    steps: tuple[str, ...]


def example(worked: Worked, base: Base, prompt: Prompt) -> Example[int]:
    """A solution as a model reads it: from the prompt's end on each token foretells the next, up to the turn's end.

    Each step is tokenised by itself, with its separator, so that a step ends where a token does.
    """
    tokenizer = base.tokenizer
    pieces = [*(step + prompt.step for step in worked.steps[:-1]), worked.steps[-1]]
    asked = tokenizer.chat(prompt.messages(worked.question))
    solution = [*(token for piece in pieces for token in tokenizer.text(piece)), tokenizer.end]
    ids = (*asked, *solution[:-1])
    return Example(
        problem=worked.problem, ids=ids, positions=tuple(range(len(asked) - 1, len(ids))), targets=tuple(solution)
    )


class PolicyTask:
    """A policy in training: cross-entropy of the solutions' tokens, given the prompts.

    Args:
        base: loaded as a language model.
        train, held_out: solutions.
        prompt: how questions are put.
        batch_tokens: cap on a trie of solutions of one problem, and on a batch of them.
    """

    def __init__(
        self, base: Base, train: Sequence[Worked], held_out: Sequence[Worked], prompt: Prompt, *, batch_tokens: int
    ) -> None:
        self.model: Module = Reader(base, lambda whole, states: whole.get_output_embeddings()(states))
        self._train = list(tries((example(each, base, prompt) for each in train), batch_tokens))
        self._held_out = list(tries((example(each, base, prompt) for each in held_out), batch_tokens))
        self._batch_tokens = batch_tokens
        self.lengths = list(map(len, self._train))

    def loss(self, model: Module, places: Sequence[int]) -> Tensor:
        """Mean cross-entropy over all tokens of the solutions."""
        chosen = [self._train[place] for place in places]
        return _cross_entropy(read(model, chosen), chosen)

    def evaluate(self, model: Module) -> dict[str, float]:
        """Cross-entropy of a token of the held-out solutions."""
        total, tokens = 0.0, 0
        for chosen in in_batches(self._held_out, self._batch_tokens):
            count = sum(len(said) for trie in chosen for said in trie.targets.values())
            total, tokens = total + count * float(_cross_entropy(read(model, chosen), chosen)), tokens + count
        return {"loss": total / tokens} if tokens else {}


def _cross_entropy(logits: Tensor, chosen: Sequence[Trie[int]]) -> Tensor:
    """Where solutions part, each foretells its own next token."""
    targets = [next_ones for trie in chosen for next_ones in trie.targets.values()]
    places = [place for place, next_ones in enumerate(targets) for _ in next_ones]
    said = log_softmax(logits.float(), dim=-1)
    return -said[places, [token for next_ones in targets for token in next_ones]].mean()
