"""One search as the page walks through it: its steps as columns, its answers, and why one of them won."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

from outthink.select import Aggregate
from outthink.study.cells import Method, choose, score_of
from outthink.study.outcomes import Outcome
from outthink.tree import Node, Tree

__all__ = ["pack_search", "verdicts"]

_TIMES = 6
"""Digits: microseconds, for the order in which things happened."""


def pack_search(tree: Tree, outcome: Outcome, methods: Sequence[Method]) -> str:
    """A search as one compressed document: zlib, in base64.

    Args:
        tree: as stored.
        outcome: the same search, graded.
        methods: the selections that were drawn from it.
    """
    document = _search(tree, outcome, methods)
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def verdicts(outcome: Outcome, methods: Sequence[Method]) -> list[bool | None]:
    """Whether what each selection chose is right; None without a reference."""
    found: list[bool | None] = []
    for method in methods:
        if method.selection != "oracle":
            chosen = choose(outcome.solved, method.selection, method.aggregate).key
            right = any(each.correct for each in outcome.solved if each.key == chosen)
            found.append(right if outcome.graded else None)
    return found


def _search(tree: Tree, outcome: Outcome, methods: Sequence[Method]) -> dict[str, Any]:
    nodes = tree.nodes
    keys = sorted({each.key for each in outcome.solved if each.key is not None}, key=_frequency(outcome))
    # A failed search has leaves, but they are not counted.
    leaves = tree.leaves if outcome.solved else []
    return {
        "messages": tree.messages,
        "turns": {str(index): messages for index, messages in tree.turns.items()},
        "stopped": tree.stopped,
        "nodes": {
            "parent": [node.parent for node in nodes],
            "ordinal": [node.ordinal for node in nodes],
            "text": [node.text for node in nodes],
            "score": [_rounded(node.score) for node in nodes],
            "tokens": [tree.tokens(node) for node in nodes],
            "finish": [node.finish for node in nodes],
            "weight": [_rounded(node.weight) for node in nodes],
            "turn": [int(node.turn) for node in nodes],
            "began": [_rounded(node.began, _TIMES) for node in nodes],
            "written": [_rounded(node.written, _TIMES) for node in nodes],
            "scored": [_rounded(node.scored, _TIMES) for node in nodes],
        },
        "leaves": [node.index for node in leaves],
        "leaf_answers": [keys.index(each.key) if each.key is not None else None for each in outcome.solved],
        "answers": [_answer(key, outcome) for key in keys],
        "verdicts": [_verdict(keys, leaves, outcome, method) for method in methods if method.selection != "oracle"],
    }


def _frequency(outcome: Outcome) -> Any:
    """For sorting keys: the one with the most votes first."""
    votes: dict[str | None, float] = {}
    for each in outcome.solved:
        votes[each.key] = votes.get(each.key, 0.0) + each.weight
    return lambda key: (-votes[key], len(key), key)


def _answer(key: str, outcome: Outcome) -> dict[str, Any]:
    held = [each for each in outcome.solved if each.key == key]
    return {
        "text": key,
        "correct": held[0].correct,
        "votes": len(held),
        "weight": _rounded(math.fsum(each.weight for each in held)),
    }


def _verdict(keys: Sequence[str], leaves: Sequence[Node], outcome: Outcome, method: Method) -> dict[str, Any]:
    """What a selection counted for each answer, which one it chose, and the solution that speaks for it."""
    assert method.selection != "oracle"
    scores = [score_of(each, method.aggregate) for each in outcome.solved]
    chosen = choose(outcome.solved, method.selection, method.aggregate).key
    solved = zip(leaves, outcome.solved, scores, strict=True)
    held = [(score or 0.0, leaf.weight, leaf.index) for leaf, each, score in solved if each.key == chosen]
    speaker = max(held, key=lambda each: each[:2], default=None) if chosen is not None else None
    return {
        "selection": method.selection,
        "aggregate": method.aggregate,
        "winner": None if chosen is None else keys.index(chosen),
        "leaf": None if speaker is None else speaker[2],
        **_counted(keys, outcome, scores, method.aggregate),
    }


def _counted(
    keys: Sequence[str], outcome: Outcome, scores: Sequence[float | None], how: Aggregate | None
) -> dict[str, Any]:
    """Each answer's summed and highest scores, and each solution's own; None where none are read."""
    if how is None:
        return {"sums": None, "highest": None, "scores": None}
    by_key: dict[str, list[tuple[float, float]]] = {key: [] for key in keys}
    for each, score in zip(outcome.solved, scores, strict=True):
        if each.key is not None and score is not None:
            by_key[each.key].append((score, each.weight))
    return {
        "sums": [_rounded(math.fsum(score * weight for score, weight in held)) for held in by_key.values()],
        "highest": [_rounded(max((score for score, _ in held), default=None)) for held in by_key.values()],
        "scores": [_rounded(score) for score in scores],
    }


def _rounded(value: float | None, digits: int = 4) -> float | None:
    """Short, and JSON: NaN is no number there."""
    return None if value is None or math.isnan(value) else round(value, digits)
