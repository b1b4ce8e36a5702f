"""A run on a time line."""

import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from outthink.runs import Store, run
from outthink.runs.recipe import parse_recipe
from outthink.runs.trace import Activity, activities, busy, trace_events


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    recipe = parse_recipe(
        {
            "problems": {"source": "builtin:scripted", "limit": 6},
            "engine": {"kind": "scripted", "seconds_per_call": 0.002},
            "verifier": {"kind": "scripted", "seconds_per_call": 0.002},
            "strategies": [{"kind": "beam", "n": 4, "width": 2}, {"kind": "sample", "n": 4, "select": "weighted"}],
        },
        "test",
    )
    await run(recipe, tmp_path / "run")
    return tmp_path / "run"


def activity(kind: str, began: float, ended: float, search: int = 0) -> Activity:
    return Activity(kind=kind, name=kind, search=search, began=began, ended=ended, details={})


async def test_every_node_is_on_the_line_within_its_search(folder: Path) -> None:
    with Store.read(folder) as store:
        found = activities(store)
        nodes = sum(len(store.tree(unit).nodes) - 1 for unit in store.done())
    kinds = defaultdict(list)
    for each in found:
        kinds[each.kind].append(each)
    assert len(kinds["search"]) == 12
    # Beam search has every step scored at once, sampling every solution.
    assert len(kinds["score"]) == 6 * (4 * 4 + 4)
    assert len(kinds["write"]) == nodes
    searches = {each.search: each for each in kinds["search"]}
    for each in kinds["write"] + kinds["score"]:
        assert each.began <= each.ended
        assert searches[each.search].began - 0.05 <= each.began
        assert each.ended <= searches[each.search].ended + 0.05


async def test_the_document_is_one_that_perfetto_reads(folder: Path) -> None:
    """Complete events on one track never overlap, which that format does not allow."""
    with Store.read(folder) as store:
        document = json.loads(json.dumps(trace_events(activities(store))))
    tracks: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for event in document["traceEvents"]:
        assert {"ph", "pid", "name"} <= event.keys()
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append(event)
    assert tracks
    for events in tracks.values():
        events.sort(key=lambda event: event["ts"])
        for one, following in itertools.pairwise(events):
            assert one["ts"] + one["dur"] <= following["ts"] + 1e-3
    counters = [event["args"]["nodes"] for event in document["traceEvents"] if event["ph"] == "C"]
    assert max(counters) > 1 and min(counters) == 0


def test_busy_counts_overlaps_once() -> None:
    found = [
        activity("write", 0, 4),
        activity("write", 2, 6, search=1),
        activity("score", 5, 8),
        activity("score", 9, 10),
        activity("search", 0, 100),
    ]
    shares = busy(found)
    assert (shares.engine, shares.verifier, shares.both) == pytest.approx((0.6, 0.4, 0.1))


def test_nothing_going_on_is_no_error() -> None:
    assert busy([]).engine == 0.0
    assert trace_events([])["traceEvents"]
