"""Trees as bytes: what a run stores of a search."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from outthink.cost import Cost, Usage
from outthink.tree import Node, Tree

__all__ = ["pack", "unpack"]

_FORMAT = 2

_COLUMNS = [f.name for f in fields(Node) if f.name not in ("index", "cost")]
_USAGE = [f.name for f in fields(Usage)]


def pack(tree: Tree) -> bytes:
    """The tree, compressed: one JSON document of columns. `unpack` gives an equal tree back."""
    document = {
        "format": _FORMAT,
        "question": tree.question,
        "messages": tree.messages,
        "stopped": tree.stopped,
        "turns": list(tree.turns.items()),
        "nodes": {name: [_plain(getattr(node, name)) for node in tree.nodes] for name in _COLUMNS},
        "usage": {
            model: {name: [getattr(getattr(n.cost, model), name) for n in tree.nodes] for name in _USAGE}
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
        if document["format"] != _FORMAT:
            raise ValueError(f"tree format {document['format']}, this version reads {_FORMAT}")
        nodes = list(_nodes(document))
        return Tree(document["question"], document["messages"], nodes, document["stopped"], dict(document["turns"]))
    except (zlib.error, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"not a stored tree: {error!r}") from error


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, array) else value


def _nodes(document: dict[str, Any]) -> Iterator[Node]:
    engine, verifier = (_usages(document["usage"][model]) for model in ("engine", "verifier"))
    columns = document["nodes"]
    for index, values in enumerate(zip(*(columns[name] for name in _COLUMNS), strict=True)):
        row = dict(zip(_COLUMNS, values, strict=True))
        row["ids"] = array("i", row["ids"])
        if row["confidences"] is not None:
            row["confidences"] = array("f", row["confidences"])
        yield Node(index=index, cost=Cost(engine=next(engine), verifier=next(verifier)), **row)


def _usages(columns: dict[str, list[Any]]) -> Iterator[Usage]:
    for values in zip(*(columns[name] for name in _USAGE), strict=True):
        yield Usage(**dict(zip(_USAGE, values, strict=True)))
