"""Trees as bytes: what a run stores of a search."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from outthink.cost import Cost, Usage
from outthink.seeding import child
from outthink.tree import Node, Tree

__all__ = ["pack", "unpack"]

# The one before stated every seed.
_FORMAT, _BEFORE = 3, 2

_COLUMNS = [f.name for f in fields(Node) if f.name not in ("index", "cost")]
_USAGE = [f.name for f in fields(Usage)]
_TIMES = {"began", "written", "scored", "seconds"}


def pack(tree: Tree) -> bytes:
    """The tree, compressed: one JSON document of columns. `unpack` gives an equal tree back, times to the microsecond.

    Random seeds and the last digits of times do not compress, so a seed that follows from the parent's is left out.
    """
    columns = {name: [_plain(name, getattr(node, name)) for node in tree.nodes] for name in _COLUMNS}
    columns["seed"] = [None if _follows(node, tree.nodes) else node.seed for node in tree.nodes]
    document = {
        "format": _FORMAT,
        "question": tree.question,
        "messages": tree.messages,
        "stopped": tree.stopped,
        "turns": list(tree.turns.items()),
        "nodes": columns,
        "usage": {
            model: {name: [_plain(name, getattr(getattr(n.cost, model), name)) for n in tree.nodes] for name in _USAGE}
            for model in ("engine", "verifier")
        },
    }
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode())


def unpack(data: bytes) -> Tree:
    """The tree that `pack` wrote.

    Raises:
        ValueError: the data is no tree, or one of another format.
    """
    try:
        document = json.loads(zlib.decompress(data))
        if document["format"] not in (_FORMAT, _BEFORE):
            raise ValueError(f"tree format {document['format']}, this version reads {_BEFORE} and {_FORMAT}")
        nodes = list(_nodes(document))
        return Tree(document["question"], document["messages"], nodes, document["stopped"], dict(document["turns"]))
    except (zlib.error, LookupError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a stored tree: {error!r}") from error


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, array):
        return value.tolist()
    return round(value, 6) if name in _TIMES and value is not None else value


def _follows(node: Node, nodes: Sequence[Node]) -> bool:
    return node.parent >= 0 and node.seed == child(nodes[node.parent].seed, node.ordinal)


def _nodes(document: dict[str, Any]) -> Iterator[Node]:
    engine, verifier = (_usages(document["usage"][model]) for model in ("engine", "verifier"))
    columns, seeds = document["nodes"], list[int]()
    for index, values in enumerate(zip(*(columns[name] for name in _COLUMNS), strict=True)):
        row = dict(zip(_COLUMNS, values, strict=True))
        if row["seed"] is None:
            row["seed"] = child(seeds[row["parent"]], row["ordinal"])
        seeds.append(row["seed"])
        row["ids"] = array("i", row["ids"])
        if row["confidences"] is not None:
            row["confidences"] = array("f", row["confidences"])
        yield Node(index=index, cost=Cost(engine=next(engine), verifier=next(verifier)), **row)


def _usages(columns: dict[str, list[Any]]) -> Iterator[Usage]:
    for values in zip(*(columns[name] for name in _USAGE), strict=True):
        yield Usage(**dict(zip(_USAGE, values, strict=True)))
