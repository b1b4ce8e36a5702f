"""Each kind of printed figure, drawn from the report's document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from outthink.report.style import ACCENT, INK, MUTED, PARTS, RIGHT, WRONG, amount, look

__all__ = ["curves", "heat_map", "judgement", "stacked"]

Point = Mapping[str, Any]

_WIDTH = 6.6
"""Inches: the text of a page of A4 or letter."""


def curves(document: Mapping[str, Any], panels: Mapping[str, Sequence[Point]], axis: Mapping[str, str]) -> Figure:
    """Accuracy against a cost, with 95 % bands, Pareto front, pass@N and greedy; a panel for each set of points."""
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(_WIDTH, 3.4 if rows == columns == 1 else 0.5 + 1.9 * rows))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel().tolist()
    for place, (axes, (title, points)) in enumerate(zip(grid, panels.items(), strict=False)):
        _curves(axes, document, points, axis["name"], 4.5 if len(panels) == 1 else 3)
        axes.set_title(title, loc="left")
        axes.set_ylabel("right, %" if place % columns == 0 else "")
        lowest = place + columns >= len(panels)
        axes.set_xlabel(axis["label"] if lowest else "")
        axes.tick_params(labelbottom=lowest)
    _legend(figure, grid, len(panels))
    return figure


def _legend(figure: Figure, grid: Sequence[Axes], panels: int) -> None:
    """In a place that no panel needs, or beside them all."""
    handles, labels = grid[0].get_legend_handles_labels()
    for axes in grid[panels:]:
        axes.set_axis_off()
    if panels < len(grid):
        grid[panels].legend(handles, labels, loc="center left")
    else:
        figure.legend(handles, labels, loc="outside right upper")


def _curves(axes: Axes, document: Mapping[str, Any], points: Sequence[Point], axis: str, size: float) -> None:
    methods, shown = document["methods"], document["shown"]
    series = {(methods[number]["run"], methods[number]["strategy"]) for number in shown}
    placed = [each for each in points if each["value"] is not None and (each["costs"][axis] or 0) > 0]
    visible = [each for each in placed if each["method"] in shown]
    greedy = [each for each in points if _is_greedy(methods[each["method"]]) and each["value"] is not None]
    axes.set_xscale("log", base=2)
    _front(axes, [each for each in placed if each["method"] in shown or each in greedy], axis)
    # Where many bands lie on each other, each has to be fainter.
    faint = min(0.13, 0.5 / max(1, len(shown)))
    for number in shown:
        mine = [each for each in visible if each["method"] == number]
        _line(axes, mine, axis, look(document, number) | {"markersize": size}, methods[number]["name"], faint)
    for number, method in enumerate(methods):
        if method["selection"] == "oracle" and method["pooled"] and (method["run"], method["strategy"]) in series:
            mine = [each for each in placed if each["method"] == number]
            style = look(document, number) | {"linestyle": (0, (0.5, 2)), "marker": "", "dash_capstyle": "round"}
            axes.plot(*_xy(mine, axis), **style, label=f"{method['name']} (pass@N)")
    for each in greedy:
        name = methods[each["method"]]["name"]
        axes.axhline(100 * each["value"], color=MUTED, linewidth=0.9, linestyle="--", label=name)
    axes.xaxis.set_major_locator(_round_numbers(axis, [each["costs"][axis] for each in placed]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _is_greedy(method: Mapping[str, Any]) -> bool:
    return bool(method["strategy"] == "greedy" and method["selection"] != "oracle")


def _round_numbers(axis: str, costs: Sequence[float]) -> LogLocator:
    """Marks of an axis: N doubles; else powers of 10 are round, and, where these are few, 2 and 5 times them."""
    if axis == "samples":
        return LogLocator(base=2, numticks=8)
    wide = bool(costs) and max(costs) > 1000 * min(costs)
    return LogLocator(base=10, subs=(1,) if wide else (1, 2, 5), numticks=8)


def _line(axes: Axes, mine: Sequence[Point], axis: str, style: Mapping[str, Any], name: str, faint: float) -> None:
    x, y = _xy(mine, axis)
    axes.plot(x, y, **style, label=name)
    known = [each for each in mine if each["low"] is not None]
    low, high = [100 * each["low"] for each in known], [100 * each["high"] for each in known]
    if len(known) > 1:
        axes.fill_between(_xy(known, axis)[0], low, high, color=style["color"], alpha=faint, linewidth=0)
    else:
        axes.vlines(_xy(known, axis)[0], low, high, color=style["color"], alpha=0.3, linewidth=3)


def _front(axes: Axes, visible: Iterable[Point], axis: str) -> None:
    """The points that no other, cheaper one is as right as."""
    best: list[Point] = []
    for each in sorted(visible, key=lambda each: (each["costs"][axis], -each["value"])):
        if not best or each["value"] > best[-1]["value"]:
            best.append(each)
    axes.plot(*_xy(best, axis), drawstyle="steps-post", color=INK, alpha=0.12, linewidth=5, label="Pareto front")


def _xy(points: Iterable[Point], axis: str) -> tuple[list[float], list[float]]:
    found = list(points)
    return [each["costs"][axis] for each in found], [100 * each["value"] for each in found]


def heat_map(document: Mapping[str, Any], bins: Sequence[Mapping[str, Any]]) -> Figure:
    """The best method by difficulty and budget, with its accuracy and its lead over the next."""
    budgets = sorted({best["n"] for each in bins for best in each["best"]})
    figure = Figure(figsize=(max(_WIDTH, 0.7 + 0.95 * len(budgets)), 0.5 + 0.52 * len(bins)))
    axes = figure.subplots()
    axes.grid(visible=False)
    for row, each in enumerate(bins):
        for best in each["best"]:
            _cell(axes, document, best, budgets.index(best["n"]), row)
    axes.set_xlim(-0.5, len(budgets) - 0.5)
    axes.set_ylim(len(bins) - 0.5, -0.5)
    axes.set_xticks(range(len(budgets)), [f"N = {n}" for n in budgets])
    axes.set_yticks(range(len(bins)), [each["name"] for each in bins])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _cell(axes: Axes, document: Mapping[str, Any], best: Mapping[str, Any], column: int, row: int) -> None:
    number, value = best["ranks"][0]
    lead = best["lead"]
    clear = lead["low"] is not None and lead["low"] > 0
    colour, strength = to_rgb(look(document, number)["color"]), 0.5 if clear else 0.16
    tint = tuple(1 - strength * (1 - part) for part in colour)
    axes.bar(column, 0.94, width=0.96, bottom=row - 0.47, color=tint)
    parts = document["methods"][number]["name"].split(" · ")
    name = parts[0] if len(parts) == 1 else f"{' · '.join(parts[:-1])}\n{parts[-1]}"
    figures = f"{100 * value:.0f} %" + ("" if lead["value"] is None else f", {100 * lead['value']:+.1f}")
    axes.text(column, row, f"{name}\n{figures}", ha="center", va="center", fontsize=6.2, color=INK, linespacing=1.25)


def judgement(verifier: Mapping[str, Any]) -> Figure:
    """What a verifier's scores are worth: AUC by aggregate, and reliability and scores by the best one."""
    aggregates = verifier["aggregates"]
    best = max(aggregates, key=lambda each: each["within"]["value"] or each["auc"]["value"] or 0.0)
    figure = Figure(figsize=(_WIDTH, 2.3))
    ranks, reliability, scores = figure.subplots(1, 3)
    _ranks(ranks, aggregates)
    _reliability(reliability, best)
    _scores(scores, best)
    return figure


def _ranks(axes: Axes, aggregates: Sequence[Mapping[str, Any]]) -> None:
    for name, shift, colour in (("within", -0.15, ACCENT), ("auc", 0.15, MUTED)):
        known = [(row, each[name]) for row, each in enumerate(aggregates) if each[name]["value"] is not None]
        rows = [row + shift for row, _ in known]
        values = [estimate["value"] for _, estimate in known]
        label = "within problems" if name == "within" else "all solutions"
        axes.plot(values, rows, "o", color=colour, label=label)
        for row, estimate in known:
            if estimate["low"] is not None:
                axes.plot([estimate["low"], estimate["high"]], [row + shift, row + shift], color=colour)
    axes.axvline(0.5, color=MUTED, linewidth=0.9, linestyle="--")
    axes.set_yticks(range(len(aggregates)), [each["aggregate"] for each in aggregates])
    axes.set_ylim(len(aggregates) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("AUC")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, handlelength=0.8, columnspacing=0.8)


def _reliability(axes: Axes, best: Mapping[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle="--")
    axes.plot([each["score"] for each in best["bins"]], [each["right"] for each in best["bins"]], "o-", color=ACCENT)
    axes.set_xlabel(f"mean score ({best['aggregate']})")
    axes.set_ylabel("share right")
    axes.set_title(f"ECE {best['ece']['value']:.3f}", loc="left")


def _scores(axes: Axes, best: Mapping[str, Any]) -> None:
    for kind, sign, colour in (("right", 1, RIGHT), ("wrong", -1, WRONG)):
        counts = best["histogram"][kind]
        shares = [sign * 100 * count / max(1, sum(counts)) for count in counts]
        edges = [(place + 0.5) / len(counts) for place in range(len(counts))]
        axes.bar(edges, shares, width=0.9 / len(counts), color=colour, label=kind)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
    axes.set_xlabel(f"score ({best['aggregate']})")
    axes.set_ylabel("share, %")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, handlelength=0.8)


def stacked(document: Mapping[str, Any]) -> Figure:
    """Tokens of a search by what was done with them."""
    several = len(document["runs"]) > 1
    rows = sorted(document["costs"], key=lambda row: (row["run"], row["strategy"], row["n"]))
    names = [f"{row['run']} · {row['strategy']}" if several else row["strategy"] for row in rows]
    figure = Figure(figsize=(_WIDTH, 0.8 + 0.19 * len(rows)))
    axes = figure.subplots()
    left = [0.0] * len(rows)
    for part, colour in PARTS.items():
        values = [_tokens(row, part) for row in rows]
        if any(values):
            axes.barh(range(len(rows)), values, left=left, height=0.72, color=colour, label=part)
            left = [before + value for before, value in zip(left, values, strict=True)]
    axes.set_yticks(range(len(rows)), [f"{name}, N = {row['n']}" for name, row in zip(names, rows, strict=True)])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: amount(value)))
    axes.set_xlabel("tokens a search, without those read from caches")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(PARTS))
    return figure


def _tokens(row: Mapping[str, Any], part: str) -> float:
    engine, verifier = row["engine"], row["verifier"]
    found: float = {
        "prompt computed": engine["prompt_tokens"],
        "written": engine["generated_tokens"],
        "verifier: read": verifier["prompt_tokens"] + verifier["scored_tokens"],
        "verifier: written": verifier["generated_tokens"],
    }[part]
    return found
