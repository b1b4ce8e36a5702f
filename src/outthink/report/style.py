"""How printed figures look: a colour for a strategy, a dash and a mark for a selection, as on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["ACCENT", "COLOURS", "INK", "MUTED", "PARTS", "RIGHT", "STYLE", "WRONG", "amount", "look"]

INK, MUTED, ACCENT = "#1e1c18", "#6a655b", "#2563b5"
RIGHT, WRONG = "#1a7f5a", "#c2410c"

_BRIGHT = (
    "#2f74c8",
    "#d2670b",
    "#1f8f5f",
    "#b83f8e",
    "#7a5fd0",
    "#0e8c9b",
    "#cc3d3d",
    "#7f8414",
    "#96643c",
    "#5d6b7c",
)


def _darker(colour: str) -> str:
    """The colour with 45 % ink in it."""
    parts = zip(bytes.fromhex(colour[1:]), bytes.fromhex(INK[1:]), strict=True)
    return "#" + bytes(round(0.55 * own + 0.45 * ink) for own, ink in parts).hex()


COLOURS = (*_BRIGHT, *map(_darker, _BRIGHT))
"""Of strategies; the second ten are the first ten, darker."""

PARTS = {
    "prompt computed": "#8fb3de",
    "written": "#2f74c8",
    "verifier: read": "#d2670b",
    "verifier: written": "#8a4407",
}

STYLE: dict[str, Any] = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e1ddd3",
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.0,
    "xtick.minor.visible": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.handlelength": 3.0,
    # Text stays text in PDF, and looks the same everywhere in SVG.
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "outthink",
}

_SELECTIONS: dict[str, tuple[Any, str]] = {
    "majority": ((0, (5, 2.5)), "o"),
    "best": ((0, (1.2, 1.6)), "^"),
    "weighted": ("-", "D"),
    "best-of-majority": ((0, (6, 2, 1.2, 2)), "s"),
}


def look(document: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Colour, dash and mark of a method."""
    methods = document["methods"]
    series = list(dict.fromkeys((each["run"], each["strategy"]) for each in methods if each["strategy"] != "greedy"))
    method = methods[number]
    if method["strategy"] == "greedy":
        return {"color": MUTED, "linestyle": "--", "marker": ""}
    dash, mark = _SELECTIONS.get(method["selection"], _SELECTIONS["majority"])
    colour = COLOURS[series.index((method["run"], method["strategy"])) % len(COLOURS)]
    return {"color": colour, "linestyle": dash, "marker": mark}


def amount(value: float) -> str:
    """A number of any size in three digits: "12.3k", "4.56T"."""
    if value == 0:
        return "0"
    power = min(max(math.floor(math.log10(abs(value)) / 3), 0), 6)
    return f"{value / 1000**power:.3g}{('', 'k', 'M', 'B', 'T', 'P', 'E')[power]}"
