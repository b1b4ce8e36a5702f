"""Both sides of the speed benchmark on the same models: the reference scheme, and outthink as its users run it."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from checkpoints import MARK, Models
from raw_rate import raw_rate
from reference_scheme import Bill, ReferenceScheme, WholeReader

from outthink.cost import Cost
from outthink.engines import Engine, Sampling
from outthink.engines.vllm import Vllm
from outthink.errors import UsageError
from outthink.registry import make_verifier
from outthink.runs import Recipe, Store, run
from outthink.runs.recipe import parse_recipe
from outthink.runs.trace import activities, busy
from outthink.tree import Tree
from outthink.verifiers.backends.rows import RowMemory
from outthink.verifiers.prm import Prm

__all__ = ["Figures", "Sides"]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One strategy at one N; all but shares and rates for one problem.

    Args:
        reference_seconds, seconds: wall-clock.
        reference_generated, generated: tokens written.
        reference_scored, scored: tokens the reward model computed; the reference's without its padding.
        padding: of the reference, as a share of what its reward model computed.
        reference_writing, reference_scoring: shares of its time in which one or the other model worked.
        engine, verifier, both: shares of outthink's time in which something was being written, scored, both.
        rate, unverified_rate: tokens written a second, with the reward model and with one that costs nothing.
        raw_rate: of the engine, see `raw_rate.py`. NaN, as `unverified_rate`, if only times were to be measured.
    """

    reference_seconds: float
    seconds: float
    reference_generated: float
    generated: float
    reference_scored: float
    scored: float
    padding: float
    reference_writing: float
    reference_scoring: float
    engine: float
    verifier: float
    both: float
    rate: float
    unverified_rate: float
    raw_rate: float

    @property
    def ratio(self) -> float:
        """The reference's time over ours."""
        return self.reference_seconds / self.seconds

    @property
    def ratio_by_token(self) -> float:
        """The same for each token written: DVTS writes more of them here, since every seat comes to its end."""
        return self.ratio * self.generated / self.reference_generated


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What outthink did in one run."""

    seconds: float
    cost: Cost
    engine: float
    verifier: float
    both: float
    trees: list[Tree]


class SharedEngine(Vllm):
    """The engine of both sides: opened once, and kept open by the runs it is given to."""

    async def open(self) -> None:
        """Load the model, the first time."""
        if self.room is None:
            await super().open()

    async def close(self) -> None:
        """The next run needs it."""

    async def shut(self) -> None:
        """End vLLM's processes."""
        await super().close()

    @property
    def llm(self) -> Any:
        """vLLM's own engine, for the reference scheme."""
        return self._core.llm


class SharedPrm(Prm):
    """The reward model of all of outthink's runs."""

    _loaded = False

    async def open(self, engine: Engine) -> None:
        """Load the model, the first time."""
        if not self._loaded:
            await super().open(engine)
            self._loaded = True

    async def close(self) -> None:
        """The next run needs it."""

    async def shut(self) -> None:
        """End vLLM's processes."""
        await super().close()

    async def forget(self) -> None:
        """Begin with nothing known, as a run of its own would."""
        backend: Any = self._scorer._backend
        backend._rows = RowMemory()
        assert await backend._core.llm.reset_prefix_cache()


class Sides:
    """Both sides, loaded.

    Args:
        models: what is measured.
        options: the command line's.
        folder: for what runs store.
        say: is told how far things are.
    """

    def __init__(self, models: Models, options: argparse.Namespace, folder: Path, say: Callable[[str], None]) -> None:
        self._say = say
        self._models = models
        self._options = options
        self._folder = folder
        self._runs = 0
        dummy = {"load_format": "dummy"} if models.dummy else {}
        self._engine_options = {
            "model": str(models.generator),
            "context": 2048,
            "cache": options.cache,
            "parallel": options.parallel,
            "compile": not options.eager,
            "cores": options.cores,
            "args": dummy,
        }
        if options.problems > len(models.questions):
            raise UsageError(f"there are {len(models.questions)} questions, not {options.problems}")
        backend: dict[str, Any] = {"kind": "vllm", "context": 2048, "cache": options.verifier_cache, "args": dummy}
        backend["cores"] = options.verifier_cores
        self._prm_options = {"model": str(models.verifier), "family": "trl", "backend": backend}
        self._engine = SharedEngine(**self._engine_options)
        self._prm = SharedPrm(**self._prm_options)
        self._reader: WholeReader | None = None
        self._problems = folder / "problems.jsonl"
        rows = ({"id": str(i), "question": question} for i, question in enumerate(models.questions[: options.problems]))
        self._problems.write_text("".join(json.dumps(row) + "\n" for row in rows))

    @asynccontextmanager
    async def loaded(self) -> AsyncIterator[None]:
        """Load all three models."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._engine.shut)
            await self._engine.open()
            stack.push_async_callback(self._prm.shut)
            await self._prm.open(self._engine)
            self._reader = WholeReader(
                self._models.verifier, dummy=self._models.dummy, separator=self._models.prompt.step, mark=MARK
            )
            # The first requests of all take longer.
            await self._reference("sample", 8, 1)
            yield

    async def measure(self, strategy: str, n: int, seed: int) -> Figures:
        """One strategy at one N, on both sides.

        vLLM draws from a stream of its own, so that `seed` does not make two measurements alike; it breaks ties.
        """
        problems, few = self._options.problems, self._options.reference_problems
        self._say(f"{strategy}, N = {n}, repeat {seed}: the reference on {few} problems ...")
        bill, took = await self._reference(strategy, n, few)
        self._say(f"  {took / few:.1f} s a problem; outthink on {problems} ...")
        ran = await self._outthink(strategy, n, seed, verified=True)
        self._say(f"  {ran.seconds / problems:.1f} s a problem")
        if not self._models.dummy:
            self._compare(ran.trees[0])
        unverified_rate = raw = math.nan
        if not self._options.times_only:
            unverified = await self._outthink(strategy, n, seed, verified=False)
            unverified_rate = unverified.cost.engine.generated_tokens / unverified.seconds
            self._say(f"  {unverified.seconds / problems:.1f} s a problem; raw requests ...")
            await self._forget()
            raw = await raw_rate(self._engine.llm, ran.trees, self._sampling(strategy))
            self._say(f"  {raw:.0f} tokens/s")
        return Figures(
            reference_seconds=took / few,
            seconds=ran.seconds / problems,
            reference_generated=bill.generated / few,
            generated=ran.cost.engine.generated_tokens / problems,
            reference_scored=bill.scored / few,
            scored=ran.cost.verifier.scored_tokens / problems,
            padding=1 - bill.scored / bill.padded,
            reference_writing=bill.writing / took,
            reference_scoring=bill.scoring / took,
            engine=ran.engine,
            verifier=ran.verifier,
            both=ran.both,
            rate=ran.cost.engine.generated_tokens / ran.seconds,
            unverified_rate=unverified_rate,
            raw_rate=raw,
        )

    async def _reference(self, strategy: str, n: int, problems: int) -> tuple[Bill, float]:
        assert self._reader is not None
        scheme = ReferenceScheme(
            llm=self._engine.llm,
            reader=self._reader,
            prompt=self._models.prompt,
            sampling=self._sampling(strategy),
            width=self._options.width,
            rounds=self._options.steps,
        )
        search = {"sample": scheme.sample, "beam": scheme.beam, "dvts": scheme.dvts}[strategy]
        await self._forget()
        began = time.perf_counter()
        await search(self._models.questions[:problems], n)
        return scheme.bill, time.perf_counter() - began - scheme.bill.waiting

    async def _outthink(self, strategy: str, n: int, seed: int, *, verified: bool) -> Ran:
        """A run as a user's, but for the models, which are open already."""
        await self._forget()
        recipe = self._recipe(strategy, n, seed, verified)
        self._runs += 1
        folder = self._folder / f"{self._runs}-{strategy}-{n}-{seed}{'' if verified else '-unverified'}"
        with (
            patch("outthink.runs.runner.make_engine", lambda spec: self._engine),
            patch("outthink.runs.runner.make_verifier", lambda spec: self._prm if verified else make_verifier(spec)),
        ):
            await run(recipe, folder)
        with Store.read(folder) as store:
            results = store.results()
            failures = {result.error for result in results if result.error is not None}
            assert not failures, failures
            shares = busy(activities(store))
            return Ran(
                seconds=max(result.ended for result in results) - min(result.began for result in results),
                cost=sum((result.cost for result in results), Cost()),
                engine=shares.engine,
                verifier=shares.verifier,
                both=shares.both,
                trees=[store.tree(result.unit) for result in results],
            )

    def _recipe(self, strategy: str, n: int, seed: int, verified: bool) -> Recipe:
        options = self._options
        spends: dict[str, Any] = {"kind": strategy, "n": n}
        if strategy != "sample":
            spends |= {"width": options.width, "max_steps": options.steps}
        elif not verified:
            spends["select"] = "majority"
        else:
            spends["select"] = "weighted"
        recipe = {
            "problems": {"source": str(self._problems)},
            "prompt": asdict(self._models.prompt),
            "engine": {"kind": "vllm", **self._engine_options},
            "verifier": {"kind": "prm", **self._prm_options} if verified else "scripted",
            "sampling": asdict(self._sampling(strategy)),
            "strategies": [spends],
            "seeds": [seed],
        }
        return parse_recipe(recipe, "benchmark")

    def _sampling(self, strategy: str) -> Sampling:
        """Whole samples have no cap on a step, as the reference's have none."""
        options = self._options
        step = options.tokens if strategy == "sample" else options.step_tokens
        return Sampling(temperature=0.8, max_tokens=options.tokens, max_step_tokens=step)

    async def _forget(self) -> None:
        assert await self._engine.llm.reset_prefix_cache()
        await self._prm.forget()

    def _compare(self, tree: Tree) -> None:
        """Show that both sides ask the same reward model the same thing."""
        assert self._reader is not None
        paths = [tree.path(node) for node in tree.nodes[1:] if node.score is not None][-8:]
        theirs = self._reader.score([(path.question, path.text) for path in paths], Bill())
        apart = max(abs(path.scores[-1] - scores[-1]) for path, scores in zip(paths, theirs, strict=True))
        self._say(f"  scores of the two sides differ by at most {apart:.4f} on {len(paths)} paths")
