"""Readers: bodies with a head, run over batches of sequences. What was computed is kept for the paths that go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from outthink.verifiers.backends.bodies import Body
from outthink.verifiers.backends.prefixes import Prefixes
from outthink.verifiers.checkpoints import HeadWeights

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Asked", "Linear", "LogRatio", "Reader"]

Asked = tuple[Sequence[int], Sequence[int]]
"""A sequence that ends at the last position that is asked for, and the positions."""


class Reader(Protocol):
    """What answers batches of questions. `bodies` are the models it runs every token through."""

    bodies: Sequence[Body]

    def known(self, asked: Asked) -> int:
        """How many of the sequence's first tokens need not be computed."""

    def read(self, batch: Sequence[Asked]) -> list[tuple[list[list[float]], int]]:
        """For each sequence the rows at its positions, and how many of its tokens were not computed."""


class Linear:
    """One body and a head of linear layers.

    Args:
        body: the model.
        head: the layers.
        room: tokens whose keys and values are kept.
    """

    def __init__(self, body: Body, head: HeadWeights, room: int) -> None:
        self.bodies: Sequence[Body] = [body]
        self._layers = [
            (weight.to(body.device), None if bias is None else bias.to(body.device)) for weight, bias in head.layers
        ]
        self._prefixes = Prefixes(room)

    def known(self, asked: Asked) -> int:
        """What comes before the first position; the hidden state there is needed."""
        ids, positions = asked
        return self._prefixes.known(ids[: positions[0]])

    def read(self, batch: Sequence[Asked]) -> list[tuple[list[list[float]], int]]:
        """One pass over the new tokens; the head in float32."""
        pasts = [next(iter(self._prefixes.find(ids[: positions[0]])), None) for ids, positions in batch]
        starts = [_length(past) for past in pasts]
        rows = [(past, ids[start:]) for past, start, (ids, _) in zip(pasts, starts, batch, strict=True)]
        answers = []
        for (hidden, kept), start, (ids, positions) in zip(self.bodies[0].run(rows), starts, batch, strict=True):
            self._prefixes.add(ids, start, [kept])
            answers.append((self._head(hidden[[position - start for position in positions]]), start))
        return answers

    def _head(self, hidden: Tensor) -> list[list[float]]:
        import torch

        values = hidden.float()
        for number, (weight, bias) in enumerate(self._layers):
            values = torch.nn.functional.linear(torch.relu(values) if number else values, weight, bias)
        rows: list[list[float]] = values.tolist()
        return rows


class LogRatio:
    """Two language models, and by how much one finds a sequence likelier than the other.

    Args:
        model: the one that was trained.
        reference: the one it was trained from.
        room: tokens whose keys and values are kept, for both models.
    """

    def __init__(self, model: Body, reference: Body, room: int) -> None:
        self.bodies: Sequence[Body] = [model, reference]
        self._prefixes = Prefixes(room)

    def known(self, asked: Asked) -> int:
        """All known tokens but the last: what it says of the token after it has to be computed."""
        ids, _ = asked
        return max(self._prefixes.known(ids[:-1]) - 1, 0)

    def read(self, batch: Sequence[Asked]) -> list[tuple[list[list[float]], int]]:
        """One pass of each model over the new tokens; what each token adds is kept beside keys and values."""
        import torch

        found = [self._prefixes.find(ids[:-1]) for ids, _ in batch]
        starts = [max(_length(next(iter(past), None)) - 1, 0) for past in found]
        runs = [
            body.run(
                [
                    (past[which][..., :start, :] if start else None, ids[start:])
                    for past, start, (ids, _) in zip(found, starts, batch, strict=True)
                ]
            )
            for which, body in enumerate(self.bodies)
        ]
        answers = []
        for past, start, (ids, positions), one, other in zip(found, starts, batch, *runs, strict=True):
            mine, theirs = (
                body.log_probabilities(hidden[:-1], ids[start + 1 :])
                for body, (hidden, _) in zip(self.bodies, (one, other), strict=True)
            )
            # The first token of all is not predicted by anything.
            before = past[2][: start + 1, 0] if past else torch.zeros(1, dtype=torch.float64)
            gains = torch.cat([before, mine - theirs])
            self._prefixes.add(ids, start, [one[1], other[1], gains[start:, None]])
            sums = gains.cumsum(0).tolist()
            answers.append(([[sums[position]] for position in positions], start))
        return answers


def _length(past: Tensor | None) -> int:
    return 0 if past is None else past.shape[-2]
