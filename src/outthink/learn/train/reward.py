"""Reward models: a family's own layout and head, fitted to what labelled solutions are worth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import binary_cross_entropy_with_logits, linear
from torch.nn.utils.rnn import pad_sequence

from outthink.errors import ProblemError, UsageError
from outthink.learn.evaluation.ranks import auc
from outthink.learn.labels import Labelled
from outthink.learn.train.base import Base, Shape
from outthink.prompt import Prompt
from outthink.tree import Tree
from outthink.verifiers.families import Family
from outthink.verifiers.heads import Head, Labels, Pair, Signs, Value, settle
from outthink.verifiers.layouts import Words

__all__ = ["Example", "RewardTask", "examples", "shape_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One sequence to be read.

    Args:
        ids: token ids.
        positions: where in it a score is read.
        targets: what it should be, in [0, 1].
    """

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    targets: tuple[float, ...]


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
) -> list[Example]:
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
            found.append(Example(ids=tuple(query.ids[:end]), positions=tuple(query.positions), targets=here))
    return found


class RewardTask:
    """A reward model in training: binary cross-entropy at the last token of each step, on soft targets.

    Soft targets are the Monte-Carlo estimates themselves (Snell et al. 2024, arXiv 2408.03314, appendix D), hard ones
    0 or 1.

    Args:
        base: loaded in the head's shape.
        head: as the family has it.
        train, held_out: what is read.
        batch_tokens: tokens of a batch when held-out examples are read.
    """

    def __init__(
        self, base: Base, head: Head, train: Sequence[Example], held_out: Sequence[Example], *, batch_tokens: int
    ) -> None:
        self.model: Module = _Judge(base, asyncio.run(settle(head, base.tokenizer.tokenize)))
        self.lengths = [len(example.ids) for example in train]
        self._train = train
        self._held_out = sorted(held_out, key=lambda example: len(example.ids))
        self._batch_tokens = batch_tokens

    def loss(self, model: Module, places: Sequence[int]) -> Tensor:
        """Mean binary cross-entropy over all positions."""
        batch = [self._train[place] for place in places]
        return _cross_entropy(_logits(model, batch), batch)

    def evaluate(self, model: Module) -> dict[str, float]:
        """Cross-entropy, and AUC against targets of a half and more, over all held-out positions."""
        logits: list[float] = []
        total = 0.0
        for batch in self._batches():
            said = _logits(model, batch)
            total += float(_cross_entropy(said, batch)) * len(said)
            logits += said.tolist()
        if not logits:
            return {}
        good = [target >= 0.5 for example in self._held_out for target in example.targets]
        return {"loss": total / len(logits), "auc": auc(logits, good)}

    def _batches(self) -> list[list[Example]]:
        batches: list[list[Example]] = []
        for example in self._held_out:
            if not batches or (len(batches[-1]) + 1) * len(example.ids) > self._batch_tokens:
                batches.append([])
            batches[-1].append(example)
        return batches


def _logits(model: Module, batch: Sequence[Example]) -> Tensor:
    """One logit for each position of each example, in order."""
    ids = pad_sequence([torch.tensor(example.ids) for example in batch], batch_first=True)
    mask = pad_sequence([torch.ones(len(example.ids), dtype=torch.long) for example in batch], batch_first=True)
    rows = torch.tensor([row for row, example in enumerate(batch) for _ in example.positions])
    columns = torch.tensor([position for example in batch for position in example.positions])
    device = next(model.parameters()).device
    said: Tensor = model(ids.to(device), mask.to(device), rows.to(device), columns.to(device))
    return said


def _cross_entropy(logits: Tensor, batch: Sequence[Example]) -> Tensor:
    targets = torch.tensor([target for example in batch for target in example.targets], device=logits.device)
    return binary_cross_entropy_with_logits(logits.float(), targets)


class _Judge(Module):  # type: ignore[misc]
    """A base model that returns the logit of "good" at some positions."""

    def __init__(self, base: Base, head: Head) -> None:
        super().__init__()
        self.base = base.model
        self._lora = base.lora
        self._head = head

    def forward(self, ids: Tensor, mask: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Logits, [positions], of token ids and their mask, [sequences, tokens], at some rows and columns."""
        whole = self.base.get_base_model() if self._lora else self.base
        hidden = whole.base_model(input_ids=ids, attention_mask=mask).last_hidden_state[rows, columns]
        if isinstance(self._head, Pair):
            # Only these two words of the vocabulary matter.
            words = whole.get_output_embeddings().weight[[self._head.good, self._head.bad]]
            said = linear(hidden, words.to(hidden.dtype)).float()
            return said[:, 0] - said[:, 1]
        said = whole.score(hidden.to(whole.score.weight.dtype)).float()
        if isinstance(self._head, Value):
            return self._head.scale * said[:, 0]
        assert isinstance(self._head, Labels)
        return said[:, self._head.good] - said[:, 1 - self._head.good]
