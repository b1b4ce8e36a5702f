"""When to try again: failures that may pass, and how long to wait before the next attempt."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from outthink.errors import EngineError

__all__ = ["FIRST_WAIT", "LONGEST_WAIT", "Fault", "retry_after", "wait"]

FIRST_WAIT = 0.5
LONGEST_WAIT = 20.0


class Fault(EngineError):
    """A failure that another attempt may not meet.

    Args:
        reason: what happened.
        after: seconds that the server asks to be left alone; None if it does not say.
        away: whether the server is not there, as opposed to there and failing.
    """

    def __init__(self, reason: str, *, after: float | None = None, away: bool = False) -> None:
        super().__init__(reason)
        self.after = after
        self.away = away


def wait(attempt: int, after: float | None = None) -> float:
    """Seconds to wait after the failed attempt with this number, the first being 0: exponential, with jitter.

    Without jitter, requests that failed together would come back together (Brooker 2015, "Exponential backoff and
    jitter"). What the server asks for is the least it gets.
    """
    backoff = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt, 16)) * random.uniform(0.5, 1.0)
    return backoff if after is None else after + backoff / 2


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a reply's Retry-After header asks for, whichever way it spells them (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
