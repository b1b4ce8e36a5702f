"""The report's figures for print: PNG, SVG and PDF, from the same document as the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from outthink.report.drawing import curves, heat_map, judgement, stacked
from outthink.report.style import STYLE

__all__ = ["FORMATS", "write_figures"]

FORMATS = ("png", "svg", "pdf")

# Without dates, so that the same results give the same files.
_METADATA: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def write_figures(
    document: Mapping[str, Any], folder: Path, watch: Callable[[str, int, int], None] = lambda doing, done, total: None
) -> list[str]:
    """Draw all figures and write each in every format; returns their names.

    Args:
        document: what `outthink.report.document.document` made.
        folder: receives the files; made if there is none.
        watch: told how it goes.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with rc_context(STYLE):
        figures = dict(_figures(document))
        for done, (name, figure) in enumerate(figures.items(), start=1):
            for form in FORMATS:
                figure.savefig(folder / f"{name}.{form}", metadata=_METADATA[form])
            watch("figures drawn", done, len(figures))
    return list(figures)


def _figures(document: Mapping[str, Any]) -> Iterator[tuple[str, Figure]]:
    for axis in document["axes"]:
        panels = {"": document["points"]}
        yield f"accuracy-{axis['name']}", curves(document, panels, axis)
    for sorted_by in document["difficulty"]:
        kind = sorted_by["kind"].replace("@", "-at-") + _of_run(document, sorted_by["run"])
        panels = {f"{each['name']} ({len(each['problems'])})": each["points"] for each in sorted_by["bins"]}
        yield f"difficulty-{kind}", curves(document, panels, document["axes"][0])
        yield f"what-helps-where-{kind}", heat_map(document, sorted_by["bins"])
    for verifier in document["verifiers"]:
        yield f"verifier{_of_run(document, verifier['run'])}", judgement(verifier)
    yield "cost", stacked(document)


def _of_run(document: Mapping[str, Any], run: str | None) -> str:
    """For a file's name: the run, where there are several. Its label may be a path."""
    return "" if run is None or len(document["runs"]) == 1 else "-" + run.replace("/", "-").strip("-.")
