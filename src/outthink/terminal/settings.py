"""Options as a command line gives them, turned into the specs that a recipe would hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from outthink.errors import RecipeError
from outthink.options import nearest, yaml_value

__all__ = ["settings", "spec"]

_PARTS = ("engine", "prompt", "sampling", "strategy", "verifier")


def settings(changes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What `--set part.option=value` asks for, by part; values are YAML.

    Raises:
        RecipeError: there is no such part, or the form is another.
    """
    found: dict[str, dict[str, Any]] = {part: {} for part in _PARTS}
    for change in changes:
        name, equals, text = change.partition("=")
        part, _, option = name.partition(".")
        if not option or not equals:
            raise RecipeError(f"--set {change}: expected part.option=value, such as strategy.max_steps=10")
        if part not in found:
            raise RecipeError(f"--set {change}: there are no options of {part!r}{nearest(part, found)}")
        found[part][option] = yaml_value(text, change)
    return found


def spec(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """`kind` or `kind:model` with options, as a mapping."""
    kind, colon, model = name.partition(":")
    return {"kind": kind, **({"model": model} if colon else {}), **options}
