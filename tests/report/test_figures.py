"""Printed figures: there, in every format, and the same for the same results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason='needs matplotlib: pip install "outthink[report]"')

from reported import carry_out, make

from outthink.report.drawing import curves
from outthink.report.figures import FORMATS, write_figures
from outthink.report.style import amount, look


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make(carry_out(tmp_path_factory.mktemp("finished")), trees=0)


def test_all_are_written_in_every_format(made: dict[str, Any], tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    names = write_figures(made, tmp_path / "figures", lambda *progress: told.append(progress))
    assert names == [
        *(f"accuracy-{axis}" for axis in ("samples", "tokens", "flops", "seconds")),
        *("difficulty-pass-at-1", "what-helps-where-pass-at-1", "verifier", "cost"),
    ]
    written = {f"{name}.{form}" for name in names for form in FORMATS}
    assert {file.name for file in (tmp_path / "figures").iterdir()} == written
    begin = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for file in (tmp_path / "figures").iterdir():
        assert file.read_bytes().startswith(begin[file.suffix[1:]])
    assert told[-1] == ("figures drawn", 8, 8)


def test_the_same_results_give_the_same_files(made: dict[str, Any], tmp_path: Path) -> None:
    few = {**made, "axes": made["axes"][:1], "difficulty": [], "verifiers": []}
    for name in ("first", "second"):
        write_figures(few, tmp_path / name)
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes(), file.name


def test_lines_lie_where_the_points_are(made: dict[str, Any]) -> None:
    figure = curves(made, {"": made["points"]}, made["axes"][1])
    (axes,) = figure.axes
    drawn = {line.get_label(): line for line in axes.get_lines()}
    for number in made["shown"]:
        mine = [point for point in made["points"] if point["method"] == number]
        line = drawn[made["methods"][number]["name"]]
        assert list(line.get_xdata()) == [point["costs"]["tokens"] for point in mine]
        assert list(line.get_ydata()) == [100 * point["value"] for point in mine]
        assert line.get_color() == look(made, number)["color"]


def test_the_front_is_what_nothing_cheaper_beats(made: dict[str, Any]) -> None:
    (axes,) = curves(made, {"": made["points"]}, made["axes"][1]).axes
    (front,) = [line for line in axes.get_lines() if line.get_label() == "Pareto front"]
    greedy = [number for number, method in enumerate(made["methods"]) if method["strategy"] == "greedy"]
    drawn = {*made["shown"], *greedy}
    shown = [(p["costs"]["tokens"], 100 * p["value"]) for p in made["points"] if p["method"] in drawn]
    assert greedy and not {*greedy} <= {*made["shown"]}
    best = {(x, y) for x, y in shown if not any(a <= x and b >= y and (a, b) != (x, y) for a, b in shown)}
    assert set(zip(front.get_xdata(), front.get_ydata(), strict=True)) == best


def test_axes_are_marked_at_round_numbers(made: dict[str, Any]) -> None:
    told = {}
    for axis in made["axes"][:2]:
        figure = curves(made, {"": made["points"]}, axis)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        low, high = axes.get_xlim()
        told[axis["name"]] = [value for value in axes.get_xticks() if low <= value <= high]
        assert {value % 10 for value in axes.get_yticks()} <= {0, 5}
    assert len(told["samples"]) > 1 and all(math.log2(value).is_integer() for value in told["samples"])
    assert len(told["tokens"]) > 1 and {f"{value:e}"[0] for value in told["tokens"]} <= {"1", "2", "5"}


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (0.5, "0.5"), (12, "12"), (1536, "1.54k"), (2.5e6, "2.5M"), (4.56e12, "4.56T")]
)
def test_amounts_are_short(value: float, said: str) -> None:
    assert amount(value) == said
