"""Engines write. This is the seam every engine stands behind.

An engine knows nothing of problems or scores: it turns messages into token ids and continues paths.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from outthink.cost import Usage
from outthink.tree import Finish, Message, Path

__all__ = ["Chooser", "Engine", "Request", "Sampling", "Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How steps are sampled.

    Args:
        temperature: 0 takes the most likely token.
        top_p: nucleus; 1 switches it off.
        top_k: the k most likely tokens; 0 switches it off.
        min_p: tokens at least this share of the most likely one; 0 switches it off.
        max_step_tokens: cap on one step, in tokens.
        max_tokens: cap on one solution, in tokens.
        logprobs: whether each step carries the sum of its tokens' log-probabilities.
        top_logprobs: candidates at each token from whose log-probabilities its confidence is computed (20 in DeepConf,
            and the most that OpenAI and vLLM as it comes allow); 0 asks for none.
    """

    temperature: float = 0.8
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_step_tokens: int = 256
    max_tokens: int = 1024
    logprobs: bool = False
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of an engine: `n` continuations of one path.

    Args:
        n: siblings to write.
        sampling: how tokens are drawn.
        separator: text that ends a step and belongs to it.
        whole: False ends each sibling at its first step; True goes on to the end, still step by step.
        max_tokens: cap on each sibling, in tokens.
        seed: sibling i is drawn with `seed + i`.
        priority: lower goes first where requests wait.
        abandoned: to be called with what was spent on siblings that did not reach a step's end, because the request was
            left early or failed, so that no cost is lost.
    """

    n: int
    sampling: Sampling
    separator: str
    whole: bool
    max_tokens: int
    seed: int
    priority: int
    abandoned: Callable[[Usage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step as an engine wrote it.

    Args:
        sibling: 0 to n - 1, which of the request's continuations it belongs to.
        ids: token ids exactly as sampled, the separator's (and any end-of-turn token) among them; none where an engine
            continues by text.
        text: their text, without special tokens.
        finish: "step" where a sibling can go on after this step (and does, if the request was `whole`).
        logprob: sum of the tokens' log-probabilities, if asked for.
        confidences: of its tokens, first to last, if asked for; see `engines.logprobs.confidence`.
        usage: what this step cost.
    """

    sibling: int
    ids: Sequence[int]
    text: str
    finish: Finish
    logprob: float | None = None
    confidences: Sequence[float] = ()
    usage: Usage

    @property
    def tokens(self) -> int:
        """How many tokens it took."""
        return len(self.ids) or self.usage.generated_tokens


class Engine(Protocol):
    """A language model that continues paths.

    `usage` is the engine's own count of everything it did since it was opened; the costs of all trees sum to it.
    `parallel` is how many siblings it can write at the same time. `room` is how many tokens its prefix cache holds,
    known once it is open; None where it cannot tell. `parameters` is its model's size, known once it is open; 0 where
    it cannot tell. One that knows more than the size also has `shape: Shape`.
    """

    usage: Usage
    parallel: int
    room: int | None

    @property
    def parameters(self) -> int: ...

    async def open(self) -> None:
        """Load the model. Called once, before anything else."""

    async def close(self) -> None:
        """Give everything back. Safe to call twice, and when `open` failed."""

    async def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a prompt that ends where the model's reply begins."""

    def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        """Continue a path; each step is yielded as soon as it is written.

        Leaving the iterator early abandons what is not yet written.

        Raises:
            EngineError: the engine failed; what was yielded before stands.
            ContextTooSmall: the path leaves no room to write.
        """


class Chooser(Protocol):
    """An engine that can say how likely each of a few tokens is as the next one."""

    async def tokenize(self, text: str) -> list[int]:
        """Token ids of a text as it stands: nothing is added, names of special tokens are recognised."""

    async def choose(
        self, ids: Sequence[int], positions: Sequence[int], options: Sequence[int]
    ) -> tuple[list[list[float]], Usage]:
        """Log-probabilities of each option as the token behind some positions, normalised over the options.

        Args:
            ids: a sequence.
            positions: indices into `ids`, ascending.
            options: token ids.

        Raises:
            EngineError: the engine failed.
            ContextTooSmall: the ids leave no room.
        """
