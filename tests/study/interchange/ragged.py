"""A scripted engine whose solutions are of different lengths, so that some are finished before others."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from outthink.cost import Usage
from outthink.engines import Request, Step
from outthink.engines.scripted import RIGHT, WRONG, Scripted, scripted_answer
from outthink.seeding import derive, uniform
from outthink.tree import Path

__all__ = ["Ragged"]

_OFF = (-2, -1, 1, 2)


class Ragged(Scripted):
    """Each step stays right with a probability of 0.8; from the second on, a third of them are the last.

    A wrong solution names one of four wrong numbers, two on either side: ties, which some rules break by spelling, do
    not favour the right one. Steps that go on hold a number too, as steps do.
    """

    async def sample(self, path: Path, request: Request) -> AsyncGenerator[Step]:
        for sibling in range(request.n):
            seed, right, depth = request.seed + sibling, _is_right(path), len(path.nodes)
            while True:
                right = right and uniform(seed, depth, 0) < 0.8
                last = depth >= 1 and (uniform(seed, depth, 1) < 1 / 3 or depth == 9)
                answer = int(scripted_answer(path.question))
                said = answer if right else answer + _OFF[derive(seed, depth, 2) % len(_OFF)]
                words = f"{RIGHT if right else WRONG} {derive(seed, depth, 3) % 10_000}"
                text = words + (f" The answer is {said}." if last else request.separator)
                ids, usage = list(text.encode()), Usage(generated_tokens=len(text), calls=1)
                self.usage += usage
                yield Step(sibling=sibling, ids=ids, text=text, finish="end" if last else "step", usage=usage)
                if last or not request.whole:
                    break
                depth += 1


def _is_right(path: Path) -> bool:
    return path.node.starts or path.node.text.startswith(RIGHT)
