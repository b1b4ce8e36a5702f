"""Reward models: a family's own layout and head, fitted to what labelled solutions are worth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import binary_cross_entropy_with_logits, linear

from outthink.errors import ProblemError, UsageError
from outthink.learn.evaluation.ranks import auc
from outthink.learn.labels import Labelled
from outthink.learn.train.base import Base, Shape
from outthink.learn.train.reader import Reader, in_batches, read
from outthink.learn.train.tries import Example, Trie, tries
from outthink.prompt import Prompt
from outthink.tree import Tree
from outthink.verifiers.families import Family
from outthink.verifiers.heads import Head, Labels, Pair, Signs, Value, settle
from outthink.verifiers.words import Words

__all__ = ["RewardTask", "examples", "shape_of"]


def shape_of(head: Head) -> tuple[Shape, int]:
    """What kind of model a head sits on, and how many numbers it returns.

    Raises:
        UsageError: such models are not trained here.
    """
    match head:
        case Signs() | Pair():
            return "words", 2
        case Labels():
            return "tokens", 2
        case Value():
            return "sequence", 1
    raise UsageError("implicit reward models are not trained here; name the family plus-minus, trl or reward")


async def examples(
    labelled: Sequence[Labelled],
    family: Family,
    words: Words,
    prompt: Prompt,
    *,
    whole: bool,
    soft: bool,
    last_step_only: bool,
) -> list[Example[float]]:
    """What a model of a family is shown of some solutions, exactly as it will be when it scores them in a search.

    Args:
        labelled: the solutions.
        family: of the reward model.
        words: its tokenizer's.
        prompt: how the questions were put.
        whole: only the solution as a whole is judged, by whether it is right.
        soft: targets are values where there are any, not labels.
        last_step_only: of a solution only the last step's target counts.

    Raises:
        ProblemError: it is not known whether a solution is right.
    """
    found = []
    for each in labelled:
        tree = Tree.written(each.question, each.steps, prompt.step, prompt.messages(each.question))
        path = tree.path(tree.nodes[-1])
        steps, targets = path.steps, each.targets if soft else tuple(map(float, each.labels))
        if whole:
            if each.correct is None:
                raise ProblemError(f"problem {each.problem}: `correct` is missing; outcome reward models learn that")
            targets = (float(each.correct),)
        if whole or last_step_only:
            steps, targets = steps[-1:], targets[-1:]
        for query in await family.layout.render(path, steps, words):
            here, targets = targets[: len(query.positions)], targets[len(query.positions) :]
            end = query.positions[-1] + 1
            ids, positions = tuple(query.ids[:end]), tuple(query.positions)
            found.append(Example(problem=each.problem, ids=ids, positions=positions, targets=here))
    return found


class RewardTask:
    """A reward model in training: binary cross-entropy at the last token of each step, on soft targets.

    Soft targets are the Monte-Carlo estimates themselves (Snell et al. 2024, arXiv 2408.03314, appendix D), hard ones
    0 or 1. Steps that solutions of a problem share count once.

    Args:
        base: loaded in the head's shape.
        head: as the family has it.
        train, held_out: what is read.
        batch_tokens: cap on a trie, and on a batch of them.
    """

    def __init__(
        self,
        base: Base,
        head: Head,
        train: Sequence[Example[float]],
        held_out: Sequence[Example[float]],
        *,
        batch_tokens: int,
    ) -> None:
        settled = asyncio.run(settle(head, base.tokenizer.tokenize))
        self.model: Module = Reader(base, lambda whole, states: _logit(settled, whole, states))
        self._train = list(tries(train, batch_tokens))
        self._held_out = list(tries(held_out, batch_tokens))
        self._batch_tokens = batch_tokens
        self.lengths = list(map(len, self._train))

    def loss(self, model: Module, places: Sequence[int]) -> Tensor:
        """Mean binary cross-entropy over all distinct steps."""
        chosen = [self._train[place] for place in places]
        return _cross_entropy(read(model, chosen), chosen)

    def evaluate(self, model: Module) -> dict[str, float]:
        """Cross-entropy, and AUC against targets of a half and more, over all distinct held-out steps."""
        logits: list[float] = []
        total = 0.0
        for chosen in in_batches(self._held_out, self._batch_tokens):
            said = read(model, chosen)
            total += float(_cross_entropy(said, chosen)) * len(said)
            logits += said.tolist()
        if not logits:
            return {}
        good = [target >= 0.5 for target in _targets(self._held_out)]
        return {"loss": total / len(logits), "auc": auc(logits, good)}


def _targets(chosen: Sequence[Trie[float]]) -> list[float]:
    """What the score at each marked token should be: the mean of what its sequences say."""
    return [sum(said) / len(said) for trie in chosen for said in trie.targets.values()]


def _cross_entropy(logits: Tensor, chosen: Sequence[Trie[float]]) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.tensor(_targets(chosen), device=logits.device))


def _logit(head: Head, whole: Any, states: Tensor) -> Tensor:
    """The logit of "good", from a model's last hidden states [tokens, width]."""
    if isinstance(head, Pair):
        # Only these two words of the vocabulary matter.
        words = whole.get_output_embeddings().weight[[head.good, head.bad]]
        said = linear(states, words.to(states.dtype)).float()
        return said[:, 0] - said[:, 1]
    said = whole.score(states.to(whole.score.weight.dtype)).float()
    if isinstance(head, Value):
        return head.scale * said[:, 0]
    assert isinstance(head, Labels)
    return said[:, head.good] - said[:, 1 - head.good]
