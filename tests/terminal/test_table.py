import io
import json
from dataclasses import replace

from rich.console import Console

from outthink.cost import Cost, Usage
from outthink.study.intervals import Interval
from outthink.study.summary import Row
from outthink.terminal.table import table_json, table_markdown, table_view

ENGINE = Usage(prompt_tokens=83, cached_tokens=0, generated_tokens=61, calls=1, flops=3.9e10)
GREEDY = Row(
    strategy="greedy",
    selection="majority",
    problems=40,
    accuracy=0.25,
    interval=Interval(0.142, 0.402),
    gain=None,
    failed=0,
    short=0,
    cost=Cost(engine=ENGINE),
    seconds=0.314,
)
BEAM = replace(
    GREEDY,
    strategy="beam-16",
    selection="weighted",
    accuracy=0.625,
    interval=Interval(0.4703, 0.7578),
    gain=(0.375, Interval(0.2, 0.55)),
    failed=2,
    short=1,
    cost=Cost(
        engine=Usage(prompt_tokens=1234, cached_tokens=18_592, generated_tokens=1036, flops=1.5e12),
        verifier=Usage(scored_tokens=1313, flops=1.2e14),
    ),
    seconds=12.5,
)
UNGRADED = replace(GREEDY, accuracy=None, interval=None, cost=Cost())


def printed(rows: list[Row], notes: list[str]) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(table_view(rows, notes))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table() -> None:
    lines = [line.rstrip() for line in printed([GREEDY, BEAM], ["First failure: EngineError: dead"]).splitlines()]
    assert lines == [
        "40 problems",
        "",
        " strategy select        accuracy             gain written prompt cached verifier    time compute",
        "                        % [95 %]    points [95 %]  tokens tokens tokens   tokens seconds   TFLOP",
        " ───────────────────────────────────────────────────────────────────────────────────────────────",
        " greedy   majority 25.0 [14, 40]                \N{EN DASH}      61     83      0        0    0.31   0.039",
        " beam-16  weighted 62.5 [47, 76] +37.5 [+20, +55]   1,036  1,234 18,592    1,313   12.50     122",
        "",
        "Means per problem. Intervals are over problems; a gain is over the first row, paired by problem. The",
        "engine's tokens: written, prompt (computed) and cached (prompt, not computed again); the verifier's:",
        "computed. Time is wall-clock with others in flight.",
        "beam-16: 2 searches failed and counted as wrong, 1 search left fewer solutions than others.",
        "First failure: EngineError: dead",
    ]


def test_what_is_not_known_is_a_dash() -> None:
    cells = table_markdown([UNGRADED]).splitlines()[4].split(" | ")
    assert (cells[2], cells[3], cells[-1]) == ("\N{EN DASH}", "\N{EN DASH}", "\N{EN DASH} |")


def test_markdown_has_a_line_for_each_row_and_the_same_words() -> None:
    title, table, *legend = table_markdown([GREEDY, BEAM], ["a note"]).split("\n\n")
    assert title == "40 problems"
    assert table.splitlines()[3] == (
        "| beam-16 | weighted | 62.5 [47, 76] | +37.5 [+20, +55] | 1,036 | 1,234 | 18,592 | 1,313 | 12.50 | 122 |"
    )
    assert legend[-2:] == [
        "beam-16: 2 searches failed and counted as wrong, 1 search left fewer solutions than others.",
        "a note",
    ]


def test_json_holds_all_of_a_row() -> None:
    greedy, beam = json.loads(table_json([GREEDY, BEAM]))
    assert greedy["gain"] is None
    assert beam["gain"] == [0.375, [0.2, 0.55]]
    assert beam["cost"]["verifier"]["scored_tokens"] == 1313


def test_a_small_loss_is_not_minus_zero() -> None:
    row = replace(BEAM, gain=(-0.0001, Interval(-0.004, 0.0)))
    assert "| +0.0 [+0, +0] |" in table_markdown([row])
