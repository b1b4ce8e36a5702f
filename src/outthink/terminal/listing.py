"""Lists: what is registered, which models have names, what problems look like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from inspect import Parameter

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from outthink import registry
from outthink.models import BUILT_IN, DEFAULT_MODEL, cache_folder
from outthink.problems import Problem
from outthink.terminal.consoles import clean
from outthink.terminal.numbers import size
from outthink.verifiers.families import OUTCOME, PROCESS

__all__ = ["families_view", "kinds_view", "models_view", "problems_view"]


def kinds_view(group: registry.Group) -> RenderableType:
    """The kinds of a group: what each is, and its options with their defaults."""
    return _definitions(
        (kind, registry.describe(group, kind), _options(registry.signature(group, kind).values()))
        for kind in registry.kinds(group)
    )


def families_view() -> RenderableType:
    """The families of reward models, with the models that need no naming, and the backends that run them."""
    parts: list[RenderableType] = []
    for kind, families in (("prm", PROCESS), ("orm", OUTCOME)):
        parts.append(Text(f"\nFamilies of {kind}, and the models known to be of them", "bold"))
        parts.append(_definitions((name, ", ".join(family.models), "") for name, family in families.items()))
    parts.append(Text("\nBackends of prm and orm", "bold"))
    return Group(*parts, kinds_view("backends"))


def models_view() -> RenderableType:
    """The models with names of their own: what each is, how large, and where it lies."""
    rows = []
    for name, model in BUILT_IN.items():
        path = cache_folder() / model.weights.file
        cached = f"cached: {path}" if path.exists() else f"fetched on first use to {path}"
        role = " (default)" if name == DEFAULT_MODEL else "" if model.family is None else " (reward model, for prm)"
        rows.append((name + role, model.about, f"{size(model.weights.size)}, {cached}"))
    return _definitions(rows)


def problems_view(problems: Sequence[Problem]) -> RenderableType:
    """Problems with their solutions and answers."""
    found: list[RenderableType] = []
    for problem in problems:
        found.append(Text.assemble((problem.id, "bold cyan"), (f"  level {problem.level}", "dim")))
        found.append(Padding(Text(clean(problem.question)), (0, 0, 0, 2)))
        if problem.solution:
            steps = "\n".join(line for line in clean(problem.solution).splitlines() if line)
            found.append(Padding(Text(steps, "dim"), (0, 0, 1, 4)))
    return Group(*found)


def _definitions(rows: Iterable[tuple[str, str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for name, about, detail in rows:
        lines = [Text(about), *([Text(detail, "dim", overflow="fold")] if detail else [])]
        grid.add_row(Text(name, "bold cyan"), Group(*lines))
    return grid


def _options(parameters: Iterable[Parameter]) -> str:
    return "  ".join(
        option.name if option.default is Parameter.empty else f"{option.name}={option.default!r}"
        for option in parameters
    )
