"""Runs from others and for others: completions in files, and search-and-learn's rules beside ours.

A file of completions becomes a run's folder (`importing.py`, read by `reading.py`), a run becomes a file of completions
(`exporting.py`) or plain tables (`tables.py`). `rules.py` holds both rules by which solutions are told and chosen;
`comparing.py` sets them side by side.
"""

from outthink.study.interchange.comparing import Compared, compare
from outthink.study.interchange.exporting import export_completions
from outthink.study.interchange.hub import push
from outthink.study.interchange.importing import SKIPPED, Imported, import_completions
from outthink.study.interchange.rules import RulesOf
from outthink.study.interchange.series import Series, series_in, the_series
from outthink.study.interchange.tables import Table, export_table

__all__ = [
    "SKIPPED",
    "Compared",
    "Imported",
    "RulesOf",
    "Series",
    "Table",
    "compare",
    "export_completions",
    "export_table",
    "import_completions",
    "push",
    "series_in",
    "the_series",
]
