"""The account of one search: what its models computed, read and wrote, as a whole and for some of its samples.

Made from the tree alone, in one pass. Every bill says how many tokens were computed and how many came from a cache, so
the positions of what was computed are known, and with them the attention's operations:

- a request of the engine that computed p of its tokens and read c from a cache computed positions c to c + p;
- a step of g tokens that begins after s others wrote positions s to s + g;
- a verifier's bill for several requests is taken to be shared equally between them;
- what left no step behind (the root's bill) is taken to lie where the rest lies on average.

Keys and values are read while tokens are written, side by side: one reading serves all paths that share a prefix, as
Kinetics has it for the prompt (Sadhukhan et al. 2025, arXiv 2506.05333). What is judged, or read as a prompt, is
computed many tokens at a time, and its readings are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from outthink.copies import Copies
from outthink.cost import NOTHING, Usage, forward_flops
from outthink.shape import Shape
from outthink.study.places import Places, tokens_computed
from outthink.tree import Node, Tree

__all__ = ["UNKNOWN", "Account", "Work", "account"]

_BYTES = 2
"""Of a key's or a value's element: they are kept at 16 bits unless somebody wants otherwise."""


class Work(NamedTuple):
    """What one model did.

    Args:
        computed: tokens of prompts, and tokens judged, that were computed.
        cached: tokens that were read from a cache instead.
        written: tokens generated.
        flops: floating-point operations, the attention's among them; NaN where the model's size is unknown.
        read: bytes of keys and values, read to write; NaN where the width of the attention is unknown.
    """

    computed: float = 0.0
    cached: float = 0.0
    written: float = 0.0
    flops: float = 0.0
    read: float = 0.0

    def mixed(self, share: float, other: Work) -> Work:
        """So much of this, and the rest of the other."""
        return Work(*(share * mine + (1.0 - share) * theirs for mine, theirs in zip(self, other, strict=True)))

    def plus(self, times: float, other: Work) -> Work:
        """This, and so many times the other."""
        return Work(*(mine + times * theirs for mine, theirs in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the models of one search did.

    Args:
        engine, verifier: in the whole search; partners count as the engine.
        once_engine, once_verifier: the part that samples share, the reading of the prompt: one computes it, and the
            others read it from the cache.
        prompt: bytes of the prompt's keys and values; NaN where the width of the attention is unknown.
        lengths: tokens written after the prompt on the longest path below each of its children, longest first.
        copied: how many samples say the same, and what the verifier did once for all of these; for each such text.
    """

    engine: Work
    verifier: Work
    once_engine: Work
    once_verifier: Work
    prompt: float
    lengths: tuple[int, ...]
    copied: tuple[tuple[int, Work], ...] = ()

    def of(self, n: int, pool: int) -> tuple[Work, Work]:
        """What engine and verifier do on average for `n` of a pool's independent samples, drawn at random.

        All that a sample does by itself goes with their number, so n / pool of it is exact. The prompt is computed
        once. While they are written it is read as long as the longest of them goes on. Copies are judged if one of
        them is drawn, however many there are.

        Raises:
            ValueError: there are not so many.
        """
        if not 1 <= n <= pool:
            raise ValueError(f"{n} samples of {pool}: from 1 to {pool} can be drawn")
        share = n / pool
        engine = self.engine.mixed(share, self.once_engine)
        own = self.engine.read - self.prompt * (self.lengths[0] if self.lengths else 0)
        read = share * own + self.prompt * _longest(self.lengths, n, pool)
        verifier = self.verifier.mixed(share, self.once_verifier)
        for copies, work in self.copied:
            drawn = 1.0 - math.comb(pool - copies, n) / math.comb(pool, n)
            verifier = verifier.plus(drawn - share, work)
        return engine._replace(read=read), verifier


_UNKNOWN_WORK = Work(*[math.nan] * 5)

UNKNOWN = Account(
    engine=_UNKNOWN_WORK,
    verifier=_UNKNOWN_WORK,
    once_engine=_UNKNOWN_WORK,
    once_verifier=_UNKNOWN_WORK,
    prompt=math.nan,
    lengths=(),
)
"""Of what cannot be told from a tree of its own."""


def account(tree: Tree, models: Mapping[str, Shape | None]) -> Account:
    """The account of a search.

    Args:
        tree: everything that was written, scored and spent.
        models: the shapes of the models by role, as `Store.models` has them: "engine", "verifier", and any partners.
            None, or left out, is unknown.
    """
    places = Places(tree)
    engine, judge = models.get("engine"), models.get("verifier")
    partners = [shape for role, shape in models.items() if role not in ("engine", "verifier")]
    did, kept = _engine(tree, places, [engine, *partners])
    prompts, judged = places.shared()
    once_engine, once_verifier = _once(prompts.tokens, engine), _once(judged.tokens, judge)
    return Account(
        engine=did,
        verifier=_verifier(tree, judge),
        once_engine=once_engine,
        once_verifier=once_verifier,
        prompt=places.sizes[0] * kept,
        lengths=places.lengths(),
        copied=_copied(tree, judge, judged.by, once_verifier),
    )


def _engine(tree: Tree, places: Places, writers: Sequence[Shape | None]) -> tuple[Work, float]:
    """What the engine and its partners did, and the bytes they keep of a token, on average over what they wrote."""
    if places.steps and all(node.cost.engine == NOTHING for node in tree.nodes):
        return _UNKNOWN_WORK, math.nan  # Written elsewhere, and nobody counted.
    bills = [
        (bill := node.cost.engine, _span(bill.cached_tokens, bill.prompt_tokens) + _span(begin, bill.generated_tokens))
        for node, begin in zip(tree.nodes[1:], places.begins[1:], strict=True)
    ]
    tokens = sum(tokens_computed(bill) for bill, _ in bills)
    mean = sum(positions for _, positions in bills) / tokens if tokens else float(places.sizes[0])
    left = tree.root.cost.engine
    bills.append((left, mean * tokens_computed(left)))
    by = [_writer(bill, writers) for bill, _ in bills]
    written = sum(bill.generated_tokens for bill, _ in bills)
    kept = sum(_bytes(who, bill.generated_tokens) for who, (bill, _) in zip(by, bills, strict=True))
    readings = places.readings() + (written - places.written()) * mean
    work = Work(
        computed=sum(bill.prompt_tokens for bill, _ in bills),
        cached=sum(bill.cached_tokens for bill, _ in bills),
        written=written,
        flops=sum(_flops(who, tokens_computed(bill), lie) for who, (bill, lie) in zip(by, bills, strict=True)),
        read=readings * kept / written if written else 0.0,
    )
    return work, kept / written if written else 0.0


def _verifier(tree: Tree, shape: Shape | None) -> Work:
    scored = any(node.score is not None for node in tree.nodes)
    if scored and all(node.cost.verifier == NOTHING for node in tree.nodes):
        return _UNKNOWN_WORK  # Scored elsewhere.
    return _judging((node.cost.verifier for node in tree.nodes), shape)


def _judging(bills: Iterable[Usage], shape: Shape | None) -> Work:
    computed = cached = written = 0
    flops = read = 0.0
    for bill in bills:
        tokens, calls = tokens_computed(bill), max(bill.calls, 1)
        if tokens:
            positions = calls * _span(bill.cached_tokens / calls, tokens / calls)
            flops += _flops(shape, tokens, positions)
            read += _bytes(shape, bill.generated_tokens) * positions / tokens
        computed += bill.prompt_tokens + bill.scored_tokens
        cached += bill.cached_tokens
        written += bill.generated_tokens
    return Work(computed, cached, written, flops, read)


def _copied(tree: Tree, shape: Shape | None, reader: int, prompt: Work) -> tuple[tuple[int, Work], ...]:
    """What a verifier did for paths that say the same, where it was asked about one of them only; and their number.

    Args:
        tree: whose leaves are looked at.
        shape: the verifier's.
        reader: the child of the root that it read the prompt with.
        prompt: what that took; no part of what is returned.
    """
    copies = Copies()
    alike: dict[int, list[Node]] = {}
    parents = {node.parent for node in tree.nodes}
    for node in tree.nodes[1:]:
        if node.index not in parents and node.score is not None:
            alike.setdefault(copies.first(tree.path(node)), []).append(node)
    found = []
    for nodes in alike.values():
        asked = [node for node in nodes if node.cost.verifier != NOTHING]
        if len(nodes) > 1 and len(asked) == 1:
            work = _judging([asked[0].cost.verifier], shape)
            read_first = tree.path(asked[0]).nodes[0].index == reader
            found.append((len(nodes), work.plus(-1.0, prompt) if read_first else work))
    return tuple(found)


def _once(tokens: float, shape: Shape | None) -> Work:
    return Work(computed=tokens, cached=-tokens, flops=_flops(shape, tokens, _span(0, tokens)))


def _writer(bill: Usage, writers: Sequence[Shape | None]) -> Shape | None:
    """Which of several models wrote, told by what a token cost it."""
    if len(writers) == 1:
        return writers[0]
    known = [shape for shape in writers if shape is not None]
    if not bill.flops or not known:
        return None
    rate = bill.flops / forward_flops(1, tokens_computed(bill))
    return min(known, key=lambda shape: abs(shape.parameters - rate))


def _span(before: float, tokens: float) -> float:
    """How many tokens so many attend to, all together, after so many others: each to itself and to all before it."""
    return tokens * (before + (tokens + 1) / 2)


def _flops(shape: Shape | None, tokens: float, positions: float) -> float:
    if not tokens:
        return 0.0
    return math.nan if shape is None else shape.flops(tokens, positions)


def _bytes(shape: Shape | None, tokens: float) -> float:
    """Of the keys and values of so many tokens."""
    if not tokens:
        return 0.0
    return _BYTES * shape.kv_elements * tokens if shape is not None and shape.kv_elements else math.nan


def _longest(lengths: Sequence[int], n: int, pool: int) -> float:
    """The longest of `n` drawn from a pool, on average.

    Args:
        lengths: longest first; those of the pool that are left out have length 0.
    """
    expected, chance = 0.0, n / pool
    for rank, length in enumerate(lengths, start=1):
        # That none of the longer ones is drawn, and this one is: C(pool - rank, n - 1) / C(pool, n).
        expected += chance * length
        chance *= (pool - rank - n + 1) / (pool - rank) if rank < pool else 0.0
    return expected
