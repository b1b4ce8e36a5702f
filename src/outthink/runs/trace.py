"""A run on a time line: when each search was writing, when it was being scored, and how busy that kept both models.

It is made from stored trees alone, so any run has one. The format is the Trace Event Format, which Perfetto
(ui.perfetto.dev) and chrome://tracing read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from outthink.runs.store import Store
from outthink.tree import Tree

__all__ = ["Activity", "Busy", "activities", "busy", "trace_events"]

_SECOND = 1e6  # in microseconds, the format's unit
_MODELS = 1  # the number of the first group of tracks


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One thing that was going on from `began` to `ended`, in seconds since the run began.

    Args:
        kind: "search", or what one of its nodes waited for: "write" or "score".
        name: what a reader sees.
        search: number of the search it belongs to.
        details: about it.
    """

    kind: str
    name: str
    search: int
    began: float
    ended: float
    details: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """Shares of a run's time.

    Args:
        engine: something was being written.
        verifier: something was being scored.
        both: both at the same time.
    """

    engine: float
    verifier: float
    both: float


def activities(store: Store) -> list[Activity]:
    """All that went on in a run, search by search."""
    results = sorted(store.results(), key=lambda result: result.began)
    found: list[Activity] = []
    for number, result in enumerate(results):
        began = result.began - results[0].began
        unit = result.unit
        details = {"strategy": unit.strategy, "seed": unit.seed, "problem": unit.problem, "leaves": result.leaves}
        name = f"{unit.strategy}: {unit.problem}"
        found.append(
            Activity(
                kind="search",
                name=name,
                search=number,
                began=began,
                ended=result.ended - results[0].began,
                details=details,
            )
        )
        found.extend(_of_nodes(store.tree(unit), number, began))
    return found


def _of_nodes(tree: Tree, search: int, start: float) -> Iterator[Activity]:
    # Steps that were scored together are one activity, from when the last of them was written.
    continued: dict[int, set[float | None]] = {}
    for node in tree.nodes[1:]:
        continued.setdefault(node.parent, set()).add(node.scored)
    for node in tree.nodes[1:]:
        details = {"node": node.index, "depth": node.depth, "tokens": tree.tokens(node), "finish": node.finish}
        # Steps of a whole solution are asked for together: each is written from the moment the one before it was.
        parent = tree.nodes[node.parent]
        began = max(node.began, parent.written) if parent.children == 1 else node.began
        yield Activity(
            kind="write",
            name=f"write {node.index}",
            search=search,
            began=start + began,
            ended=start + node.written,
            details=details,
        )
        if node.scored is not None and node.scored not in continued.get(node.index, ()):
            yield Activity(
                kind="score",
                name=f"score {node.index}",
                search=search,
                began=start + node.written,
                ended=start + node.scored,
                details=details | {"score": node.score, "tokens": node.cost.verifier.scored_tokens},
            )


def busy(found: Iterable[Activity]) -> Busy:
    """How much of the time, from the first activity to the last, each model had something to do."""
    changes = []
    for activity in found:
        if activity.kind != "search" and activity.ended > activity.began:
            changes += [(activity.began, activity.kind, 1), (activity.ended, activity.kind, -1)]
    changes.sort()
    going = {"write": 0, "score": 0}
    spent = {"write": 0.0, "score": 0.0, "both": 0.0}
    before = changes[0][0] if changes else 0.0
    for now, kind, change in changes:
        for each in ("write", "score"):
            spent[each] += (now - before) * (going[each] > 0)
        spent["both"] += (now - before) * (going["write"] > 0 and going["score"] > 0)
        going[kind] += change
        before = now
    whole = changes[-1][0] - changes[0][0] if changes else 0.0
    shares = {each: seconds / whole if whole else 0.0 for each, seconds in spent.items()}
    return Busy(engine=shares["write"], verifier=shares["score"], both=shares["both"])


def trace_events(found: Iterable[Activity]) -> dict[str, Any]:
    """The whole time line as one JSON document: a group of tracks a search, and counters of what is under way."""
    events: list[dict[str, Any]] = [_name("process_name", _MODELS, 0, "models")]
    lanes = _Lanes()
    changes = []
    for activity in sorted(found, key=lambda each: each.began):
        process = _MODELS + 1 + activity.search
        if activity.kind == "search":
            events.append(_name("process_name", process, 0, activity.name))
        else:
            changes += [(activity.began, activity.kind, 1), (activity.ended, activity.kind, -1)]
        track, new = lanes.take(activity)
        if new:
            events.append(_name("thread_name", process, track, activity.kind))
        events.append(
            {
                "ph": "X",
                "cat": activity.kind,
                "name": activity.name,
                "pid": process,
                "tid": track,
                "ts": activity.began * _SECOND,
                "dur": (activity.ended - activity.began) * _SECOND,
                "args": activity.details,
            }
        )
    events.extend(_counters(sorted(changes)))
    return {"traceEvents": events, "displayTimeUnit": "ms"}


class _Lanes:
    """Tracks for activities that overlap: each goes on the first track of its search and kind that is free by then."""

    def __init__(self) -> None:
        self._free: dict[tuple[int, str], list[tuple[float, int]]] = {}
        self._count: dict[int, int] = {}

    def take(self, activity: Activity) -> tuple[int, bool]:
        """The activity's track in its search, and whether it is a new one. To be asked in the order of beginning."""
        lanes = self._free.setdefault((activity.search, activity.kind), [])
        if lanes and lanes[0][0] <= activity.began:
            track = lanes[0][1]
            heapq.heapreplace(lanes, (activity.ended, track))
            return track, False
        track = self._count[activity.search] = self._count.get(activity.search, 0) + 1
        heapq.heappush(lanes, (activity.ended, track))
        return track, True


def _counters(changes: Iterable[tuple[float, str, int]]) -> Iterator[dict[str, Any]]:
    names = {"write": "being written", "score": "being scored"}
    going = dict.fromkeys(names, 0)
    for now, kind, change in changes:
        going[kind] += change
        yield {"ph": "C", "name": names[kind], "pid": _MODELS, "ts": now * _SECOND, "args": {"nodes": going[kind]}}


def _name(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": {"name": name}}
