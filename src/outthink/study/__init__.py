"""Studies: runs turned into figures with intervals."""

from outthink.study.intervals import Interval, accuracy_interval, paired_interval
from outthink.study.summary import Row, summarise

__all__ = ["Interval", "Row", "accuracy_interval", "paired_interval", "summarise"]
