"""Adaptive: independent solutions, but no more of them once the vote is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from outthink.candidates import candidate
from outthink.checks import above, at_least, one_of
from outthink.concurrency import race
from outthink.errors import UsageError
from outthink.search import Search
from outthink.strategies.parts.stopping import bayes_factor, confidence, unanimous

__all__ = ["Adaptive"]

Rule = Literal["consistency", "window", "infinity"]
How = Literal["waves", "race"]

_CAPS: Mapping[Rule, int] = {"consistency": 40, "window": 40, "infinity": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """Self-consistency with early stopping: easy problems take few solutions, hard ones all that are allowed.

    The rules are those of Adaptive-Consistency (Aggarwal et al. 2023, arXiv 2305.11860), early-stopping
    self-consistency (Li et al. 2024, arXiv 2401.10480) and Best-of-infinity (Komiyama et al. 2025, arXiv 2509.21091).

    Args:
        n: the most solutions; None takes the papers' 40 (consistency, window) or 100 (infinity).
        rule: when the vote is decided. "consistency": the first answer beats the second with probability `threshold`;
            "window": all answers of one wave agree; "infinity": the Bayes factor for the first answer reaches `factor`.
        how: "waves" asks for one wave after the other; "race" asks for all at once and breaks off those still being
            written when the vote is decided, which takes more tokens and less time.
        wave: solutions asked for together; 5 is the window of early-stopping self-consistency, 1 is the paper's
            Adaptive-Consistency. In a race the windows are the answers in the order in which they come.
        threshold: for the rule "consistency"; the paper's 0.95.
        factor: for the rule "infinity"; its code's 10.
    """

    n: int | None = None
    rule: Rule = "consistency"
    how: How = "waves"
    wave: int = 5
    threshold: float = 0.95
    factor: float = 10.0

    def __post_init__(self) -> None:
        one_of(Rule, rule=self.rule)
        one_of(How, how=self.how)
        at_least(1, n=self.samples)
        if self.wave < 1 or (self.rule == "window" and self.wave < 2):
            raise UsageError(f"wave is {self.wave}; it must be at least 1, and 2 for the rule window")
        if not 0.5 < self.threshold < 1:
            raise UsageError(f"threshold is {self.threshold}; it must lie between 0.5 and 1, both excluded")
        above(1, factor=self.factor)

    @property
    def samples(self) -> int:
        """The cap."""
        return _CAPS[self.rule] if self.n is None else self.n

    @property
    def ranks(self) -> bool:
        """Answers are counted, not scored."""
        return False

    async def __call__(self, search: Search) -> None:
        """Write solutions until their answers settle it."""
        if self.how == "race":
            await race(*(self._answer(search) for _ in range(self.samples)), enough=self.settled)
            return
        answers: list[str | None] = []
        while len(answers) < self.samples and not self.settled(answers):
            answers += await self._answers(search, min(self.wave, self.samples - len(answers)))

    def settled(self, answers: Sequence[str | None]) -> bool:
        """Whether these answers, in the order in which they came, decide the vote."""
        match self.rule:
            case "consistency":
                return confidence(answers) >= self.threshold
            case "window":
                return unanimous(answers, self.wave)
            case "infinity":
                return bayes_factor(answers) >= self.factor

    async def _answers(self, search: Search, n: int) -> list[str | None]:
        leaves = await search.complete([search.root], n)
        return [candidate(search.tree.path(leaf)).key if leaf.finished else None for leaf in leaves]

    async def _answer(self, search: Search) -> str | None:
        (answer,) = await self._answers(search, 1)
        return answer
