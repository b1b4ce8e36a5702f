"""A run as plain tables, for analyses elsewhere: one row a search, or one row a node.

`results` has each search's problem, outcome, verdicts and cost. `nodes` has everything that is known of every step and
every prompt, `messages` where it is one: with its search's `stopped`, a tree can be made of its rows again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Literal

from outthink.cost import Cost, Usage
from outthink.problems import Problem
from outthink.runs.results import Result
from outthink.runs.store import Store
from outthink.study.interchange.files import Columns, Row, chosen_columns, writing
from outthink.study.interchange.series import Series
from outthink.tree import Node, Tree

__all__ = ["Table", "export_table"]

Table = Literal["results", "nodes"]

_KINDS = {"int": int, "float": float}
_UNIT: Columns = {"strategy": str, "seed": int, "problem": str}
_COST: Columns = {
    f"{model}_{each.name}": _KINDS[str(each.type)] for model in ("engine", "verifier") for each in fields(Usage)
}
_VERDICT: Columns = {"selection": str, "answer": str, "correct": bool, "ungraded": str, "votes": int, "weight": float}
_PROBLEM: Columns = {
    **dict.fromkeys(("question", "answer", "solution", "subject", "level"), str),
    "tests": [str],
    "example_tests": [str],
}
_RESULT: Columns = {
    **dict.fromkeys(("error", "stopped"), str),
    "leaves": int,
    "began": float,
    "ended": float,
    "digest": str,
    "verdicts": [_VERDICT],
}
_NODE: Columns = {
    **dict.fromkeys(("index", "parent", "ordinal", "depth", "length", "node_seed"), int),
    "ids": [int],
    "text": str,
    "finish": str,
    "logprob": float,
    "confidences": [float],
    **dict.fromkeys(("score", "began", "written", "scored"), float),
    "children": int,
    "weight": float,
    "turn": bool,
    "messages": [{"role": str, "content": str}],
}
_TABLES: dict[Table, Columns] = {
    "results": {**_UNIT, **_PROBLEM, **_RESULT, **_COST},
    "nodes": {**_UNIT, **_NODE, **_COST},
}


def export_table(
    store: Store,
    series: Sequence[Series],
    path: Path,
    table: Table,
    *,
    names: Sequence[str] | None = None,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write a table of a run.

    Args:
        store: of the run.
        series: which of its series.
        path: .parquet or .jsonl; written whole or not at all.
        table: a row a search, or a row a node.
        names: of the columns to write; all if None.
        watch: told how many searches are done, and of how many.

    Returns:
        The number of rows.

    Raises:
        UsageError: the file is of another type, there is no such column, or it is Parquet and pyarrow is not installed.
    """
    found = [(problem, result) for each in series for problem, result in each.results(store)]
    rows = 0
    with writing(path, chosen_columns(_TABLES[table], names)) as write:
        for done, (problem, result) in enumerate(found, start=1):
            for row in [_result(problem, result)] if table == "results" else _nodes(store.tree(result.unit)):
                write({**asdict(result.unit), **row})
                rows += 1
            watch(done, len(found))
    return rows


def _result(problem: Problem, result: Result) -> Row:
    return {
        **{name: getattr(problem, name) for name in _PROBLEM},
        **{name: getattr(result, name) for name in _RESULT},
        "verdicts": [asdict(verdict) for verdict in result.verdicts],
        **_costs(result.cost),
    }


def _nodes(tree: Tree) -> Iterator[Row]:
    for node in tree.nodes:
        yield {
            **{name: getattr(node, _FIELDS.get(name, name)) for name in _NODE if name != "messages"},
            "ids": node.ids.tolist(),
            "confidences": None if node.confidences is None else node.confidences.tolist(),
            "messages": _messages(tree, node),
            **_costs(node.cost),
        }


_FIELDS = {"node_seed": "seed"}  # a search has a seed of its own


def _messages(tree: Tree, node: Node) -> list[dict[str, str]] | None:
    return tree.path(node).messages if node.starts else None


def _costs(cost: Cost) -> Row:
    return {
        f"{model}_{name}": value
        for model, usage in (("engine", cost.engine), ("verifier", cost.verifier))
        for name, value in asdict(usage).items()
    }
