"""The forms in which tables are printed."""

from __future__ import annotations

from typing import Literal

__all__ = ["Format"]

Format = Literal["table", "markdown", "json"]
