"""What a phrase book holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseBook:
    """The vocabulary of one split.

    In a sentence `{name}` (with `{he}`, `{He}`, `{his}`, `{His}`, `{him}`) is the hero, `{friend}` somebody
    else, `{items}` what the story counts, `{box}` and `{boxes}` what they come in. `{a}`, `{b}`, `{c}` are
    numbers, and a sentence names them in that order, which is the order they are calculated with. `{times}`
    says the last number as "twice" or "3 times", `{part}` as "half" or "a third".

    Args:
        she: Names that take "she".
        he: Names that take "he".
        items: Things that are counted, in the plural.
        boxes: What they come in, as (singular, plural).
        phrases: The sentences for each kind of move; the kinds are those of `arithmetic.MOVES`.
    """

    she: tuple[str, ...]
    he: tuple[str, ...]
    items: tuple[str, ...]
    boxes: tuple[tuple[str, str], ...]
    phrases: Mapping[str, tuple[str, ...]]
