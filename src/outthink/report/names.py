"""What methods and axes are called where a reader sees them."""

from __future__ import annotations

from collections.abc import Sequence

from outthink.study.cells import Method

__all__ = ["axis_label", "method_names"]

_AXES = {
    "samples": "Solutions, N",
    "tokens": "Tokens written",
    "flops": "FLOPs",
    "memory_flops": "FLOPs, memory traffic included",
    "seconds": "Seconds",
    "money": "Price",
}


def axis_label(name: str) -> str:
    """An axis in words; per problem is understood."""
    return _AXES.get(name, name.replace("_", " ").capitalize())


def method_names(methods: Sequence[Method]) -> list[str]:
    """A name for each method, which says no more than is needed to tell it from the others."""
    several_runs = len({method.run for method in methods}) > 1
    return [_name(method, methods, several_runs) for method in methods]


def _name(method: Method, methods: Sequence[Method], several_runs: bool) -> str:
    parts = [method.run] if several_runs and method.run else []
    parts.append(method.strategy)
    if method.selection == "oracle":
        parts.append("oracle")
    elif method.strategy != "greedy":
        parts.append(method.selection)
    alike = {other.aggregate for other in methods if other[:3] == method[:3]}
    if len(alike) > 1:
        parts.append(str(method.aggregate))
    return " · ".join(parts)
