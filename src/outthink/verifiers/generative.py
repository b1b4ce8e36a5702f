"""Generative verifiers: a model writes a critique of a solution, and the score is read off its verdict."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, cast

from outthink.concurrency import gather
from outthink.cost import Usage
from outthink.engines import Chooser, Engine, Request, Sampling
from outthink.errors import ContextTooSmall, UsageError, VerifierError
from outthink.options import make
from outthink.prefix import shared
from outthink.registry import make_engine
from outthink.sandbox import Sandbox
from outthink.seeding import derive
from outthink.select import Aggregate
from outthink.shape import Shape, shape_of
from outthink.tree import Node, Path, Tree
from outthink.verifiers import Scores
from outthink.verifiers.code_checks import checked
from outthink.verifiers.critiques import FORMATS, Draft

__all__ = ["Generative"]

_REMEMBERED = 1 << 14
# Draws below -1 share nothing with the seeds of steps, nor with a strategy's own numbers.
_DRAW = -2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Critique:
    """A whole reply, and the probability of the good verdict."""

    text: str
    score: float


class Generative:
    """Lets a model think about a solution before it says whether it is right.

    The score is the probability of the good verdict after the critique, over both, on average of `k` critiques. What is
    written is on the verifier's bill, not in a search's token budget.

    Args:
        format: "genrm" judges finished solutions once, whose steps all get that score, and gives steps of unfinished
            ones 0.5; "thinkprm" judges the path as it stands once, for all its new steps; "genprm" judges each step in
            its turn. See `critiques.py` for what each is asked.
        engine: what writes the critiques, as a spec; the engine of the search if None.
        k: critiques of each solution, path or step.
        max_tokens: cap on a critique, in tokens; its authors' if None.
        temperature: its authors' if None.
        sandbox: options of `outthink.sandbox.Sandbox`; then "genprm" also writes programs to check with, which are run
            there.
    """

    aggregate: Aggregate = "last"

    def __init__(
        self,
        *,
        format: Literal["genrm", "thinkprm", "genprm"],
        engine: str | Mapping[str, Any] | None = None,
        k: int = 1,
        max_tokens: int | None = None,
        temperature: float | None = None,
        sandbox: Mapping[str, Any] | None = None,
    ) -> None:
        if k < 1 or (max_tokens is not None and max_tokens < 1):
            raise UsageError("k and max_tokens must be at least 1")
        if temperature is not None and temperature < 0.0:
            raise UsageError(f"temperature is {temperature}; it must be at least 0")
        self._format = FORMATS[format]
        if sandbox is not None and not self._format.check:
            raise UsageError(f"{format} writes no programs; leave `sandbox` away, or use the format genprm")
        self._sandbox = None if sandbox is None else make(Sandbox, sandbox, "verifier.sandbox")
        self._own = None if engine is None else make_engine(engine, "verifier.engine")
        self._engine: Engine | None = None
        self._k = k
        self._max_tokens = max_tokens or self._format.max_tokens
        self._sampling = Sampling(
            temperature=self._format.temperature if temperature is None else temperature,
            top_p=self._format.top_p,
            top_k=self._format.top_k,
            max_step_tokens=self._max_tokens,
            max_tokens=self._max_tokens,
        )
        self._critiques: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self.usage = Usage()

    @property
    def shape(self) -> Shape | None:
        """That of the engine that writes the critiques; None where it is unknown."""
        return shape_of(self._engine)

    async def open(self, engine: Engine) -> None:
        """Open the verifier's own engine, or remember the search's.

        Raises:
            UsageError: the engine cannot tell log-probabilities, or programs cannot be run here.
            ModelNotFound: as the engine raises it.
        """
        writes = self._own or engine
        if not hasattr(writes, "choose"):
            raise UsageError(
                "a generative verifier reads the probability of its verdict, and "
                f"{type(writes).__name__} tells no log-probabilities: use llamacpp, vllm or openai as `engine`"
            )
        if self._sandbox is not None:
            await self._sandbox.open()
        if self._own is not None:
            await self._own.open()
        self._engine = writes

    async def close(self) -> None:
        """Close the verifier's own engine."""
        if self._own is not None:
            await self._own.close()
        self._engine = None

    async def score(self, path: Path) -> Scores:
        """Have the path, or each unscored step, criticised."""
        new, steps = path.unscored, [step.text.strip() for step in path.steps]
        if self._format.judges == "solution" and not path.node.finished:
            return Scores(values=[0.5] * len(new), usage=Usage())
        bill: list[Usage] = []
        try:
            if self._format.judges == "step":
                values = await self._turns(path, steps, bill)
            else:
                draft = self._format.draft(path.question, steps, ())
                values = [_mean(await self._ask(path.question, draft, new[-1], self._k, bill))] * len(new)
        except ContextTooSmall as error:
            raise VerifierError(f"a critique does not fit: {error}, or lower verifier.max_tokens") from error
        finally:
            usage = sum(bill, Usage())
            self.usage += usage
        return Scores(values=values, usage=usage)

    async def _turns(self, path: Path, steps: Sequence[str], bill: list[Usage]) -> list[float]:
        """Scores of the unscored steps, one after the other: each is judged knowing what was said of those before."""
        old = len(steps) - len(path.unscored)
        said: list[str] = []
        values = []
        for place, node in enumerate(path.steps):
            key = (path.question, *steps[: place + 1])
            known = self._critiques.get(key)
            if place >= old or known is None:
                draft = self._format.draft(path.question, steps[: place + 1], said)
                found = await self._ask(path.question, draft, node, self._k if place >= old else 1, bill)
                known = found[0].text
                self._remember(key, known)
                if place >= old:
                    values.append(_mean(found))
            said.append(known)
        return values

    async def _ask(self, question: str, draft: Draft, node: Node, k: int, bill: list[Usage]) -> list[_Critique]:
        ids = await self._opened().encode(draft.messages)
        seeds = [derive(node.seed, _DRAW, number) for number in range(k)]
        return await gather(*(self._critique(question, draft, ids, seed, bill) for seed in seeds))

    async def _critique(
        self, question: str, draft: Draft, ids: Sequence[int], seed: int, bill: list[Usage]
    ) -> _Critique:
        """Write one critique, and read its verdict."""
        chooser = cast(Chooser, self._opened())
        opening = await chooser.tokenize(draft.opening)

        async def write(reply: str, stops: Sequence[str]) -> tuple[str, str | None]:
            begun = opening if reply == draft.opening else await chooser.tokenize(reply)
            left = self._max_tokens - (len(begun) - len(opening))
            if left < 1:
                return "", None
            tree = Tree.plant(question, draft.messages, [*ids, *begun], derive(seed, len(begun)))
            return await self._write(tree, left, stops, bill)

        text = draft.opening + (await write(draft.opening, draft.stops))[0] + self._format.close
        if self._sandbox is not None:
            text = await checked(text, self._format.check, draft.before, write, self._sandbox)
        return await self._judged(text + self._format.lead, ids, bill)

    async def _judged(self, text: str, ids: Sequence[int], bill: list[Usage]) -> _Critique:
        """A reply up to its verdict, with the verdict."""
        chooser = cast(Chooser, self._opened())
        # Ends may merge with what follows, so both continuations are tokenised and then cut where they part.
        good, bad = [await chooser.tokenize(text + word) for word in self._format.words]
        part = shared(good, bad)
        if part in (len(good), len(bad)):
            raise UsageError("this model's tokens for the verdicts begin alike, so they cannot be told apart")
        whole = [*ids, *good[:part]]
        ((yes, no),), usage = await chooser.choose(whole, [len(whole) - 1], [good[part], bad[part]])
        bill.append(usage)
        score = 1.0 / (1.0 + math.exp(min(no - yes, 700.0)))
        return _Critique(text=text + self._format.words[score < 0.5] + self._format.tail, score=score)

    async def _write(self, tree: Tree, cap: int, stops: Sequence[str], bill: list[Usage]) -> tuple[str, str | None]:
        """What the engine writes, line by line, up to its end, its cap, or one of some texts; and which it was."""
        request = Request(
            n=1,
            sampling=self._sampling,
            separator="\n",
            whole=True,
            max_tokens=cap,
            seed=tree.root.seed,
            priority=0,
            abandoned=bill.append,
        )
        text = ""
        async with aclosing(self._opened().sample(tree.path(tree.root), request)) as lines:
            async for line in lines:
                bill.append(line.usage)
                text += line.text
                found = [(place, stop) for stop in stops if (place := text.find(stop)) >= 0]
                if found:
                    place, stop = min(found)
                    return text[:place], stop
        return text, None

    def _remember(self, key: tuple[str, ...], text: str) -> None:
        self._critiques[key] = text
        if len(self._critiques) > _REMEMBERED:
            self._critiques.popitem(last=False)

    def _opened(self) -> Engine:
        if self._engine is None:
            raise UsageError("the generative verifier was not opened; open it with the engine that writes")
        return self._engine


def _mean(critiques: Sequence[_Critique]) -> float:
    return math.fsum(critique.score for critique in critiques) / len(critiques)
