"""A scripted verifier: reads off the scripted engine's steps whether they are right, with known noise."""

from __future__ import annotations

import asyncio
import zlib

from outthink.cost import Usage, forward_flops
from outthink.engines import Engine
from outthink.engines.scripted import RIGHT
from outthink.seeding import uniform
from outthink.select import Aggregate
from outthink.shape import Shape
from outthink.tree import Node, Path, Tree
from outthink.verifiers import Scores

__all__ = ["Scripted"]


class Scripted:
    """Scores a step above 0.5 if it takes the path to be right so far, below if wrong.

    Args:
        noise: probability of taking right for wrong and wrong for right; 0 is perfect, 0.5 knows nothing.
        lasting: whether what it thinks of a path, noise and all, lasts while the path stays right, or once it is wrong,
            as a reward model's errors do: then a search can come to prefer what the verifier is wrong about.
        seconds_per_call: latency of a request.
        nan_rate: share of scores that are not a number, for trying out how that is handled.
        parameters: size of the pretended model, for FLOPs.
        layers, width, kv_width: of its attention, as in `Shape`.
        seed: of the noise.
    """

    aggregate: Aggregate = "last"

    def __init__(
        self,
        *,
        noise: float = 0.0,
        lasting: bool = False,
        seconds_per_call: float = 0.0,
        nan_rate: float = 0.0,
        parameters: int = 0,
        layers: int = 0,
        width: int = 0,
        kv_width: int = 0,
        seed: int = 0,
    ) -> None:
        self._noise = noise
        self._lasting = lasting
        self._seconds_per_call = seconds_per_call
        self._nan_rate = nan_rate
        self.shape = Shape(parameters=parameters, layers=layers, width=width, kv_width=kv_width)
        self._seed = seed
        self.usage = Usage()

    @property
    def parameters(self) -> int:
        """The pretended model's size."""
        return self.shape.parameters

    async def open(self, engine: Engine) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to give back."""

    async def score(self, path: Path) -> Scores:
        """Score the unscored steps; each costs its own tokens, what came before is taken from the cache."""
        if self._seconds_per_call:
            await asyncio.sleep(self._seconds_per_call)
        steps = path.unscored
        tokens = sum(len(step.ids) for step in steps)
        # The first of the first steps computes the prompt; all others find it, and their path, in the cache.
        opening = path.node.length == tokens and steps[0].ordinal == 0
        prompt = len(path.tree.root.ids)
        computed = tokens + (prompt if opening else 0)
        usage = Usage(
            scored_tokens=computed,
            cached_tokens=prompt + path.node.length - computed,
            calls=1,
            seconds=self._seconds_per_call,
            flops=forward_flops(self.parameters, computed),
        )
        self.usage += usage
        judged = [self._origin(path.tree, step) if self._lasting else step for step in steps]
        return Scores(values=[self._judge(step) for step in judged], usage=usage)

    def _origin(self, tree: Tree, step: Node) -> Node:
        """The first step on the path from which on all are as right, or as wrong, as this one."""
        right = step.text.startswith(RIGHT)
        while not (above := tree.nodes[step.parent]).starts and above.text.startswith(RIGHT) == right:
            step = above
        return step

    def _judge(self, step: Node) -> float:
        # The noise hangs on the step's own seed and text: the same step is judged the same way in every order.
        place = (step.seed, zlib.crc32(step.text.encode()))
        if self._nan_rate and uniform(self._seed, *place, 2) < self._nan_rate:
            return float("nan")
        taken = step.text.startswith(RIGHT) != (uniform(self._seed, *place, 0) < self._noise)
        spread = uniform(self._seed, *place, 1) / 2
        return 0.5 + spread if taken else spread
