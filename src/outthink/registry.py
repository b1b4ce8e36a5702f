"""Finding engines, verifiers, strategies, the backends of reward models and labellers by name.

A kind is an entry point in one of five groups: `outthink.engines`, `outthink.verifiers`, `outthink.strategies`,
`outthink.backends`, `outthink.labellers`. The built-in ones are registered in outthink's own pyproject.toml, those of
other packages in theirs:

    [project.entry-points."outthink.strategies"]
    mine = "my_package.mine:Mine"

An entry point names a class with keyword-only options. Options are checked against its signature, so the signature is
the only place where they are written down. A strategy's option that is a strategy is given as a spec, like any other.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from outthink.errors import RecipeError
from outthink.options import make, nearest

if TYPE_CHECKING:
    from outthink.engines import Engine
    from outthink.learn.labellers import Labeller
    from outthink.strategies import Strategy
    from outthink.verifiers import Verifier
    from outthink.verifiers.backends import Backend

__all__ = [
    "Group",
    "Spec",
    "describe",
    "kinds",
    "make_backend",
    "make_engine",
    "make_labeller",
    "make_strategy",
    "make_verifier",
    "parts",
    "read_spec",
    "signature",
    "spec_of",
]

Group = Literal["engines", "verifiers", "strategies", "backends", "labellers"]

Spec = str | Mapping[str, Any]
"""`kind`, `kind:model`, or a mapping with `kind` and the kind's options."""


def kinds(group: Group) -> list[str]:
    """The names of all registered kinds, sorted."""
    return sorted(_entry_points(group))


def describe(group: Group, kind: str) -> str:
    """The first sentence of a kind's documentation."""
    return (inspect.getdoc(_load(group, kind, kind)) or "").split("\n")[0]


def signature(group: Group, kind: str, where: str | None = None) -> Mapping[str, inspect.Parameter]:
    """A kind's options by name; raises RecipeError, naming the field it stands in, for an unknown kind."""
    return inspect.signature(_load(group, kind, where or kind)).parameters


def parts(kind: str) -> list[str]:
    """The options of a strategy that are strategies themselves."""
    from outthink.strategies import Strategy

    hints = get_type_hints(_load("strategies", kind, kind).__init__)
    return [name for name, hint in hints.items() if Strategy in (hint, *get_args(hint))]


def read_spec(group: Group, spec: object, where: str) -> tuple[str, dict[str, Any]]:
    """The kind and the options in a spec, neither checked any further.

    Raises:
        RecipeError: it is no spec.
    """
    if isinstance(spec, str):
        kind, colon, model = spec.partition(":")
        return kind, {"model": model} if colon else {}
    if not isinstance(spec, Mapping):
        raise RecipeError(f"{where}: expected a name or a mapping with `kind`, got {spec!r}")
    given = dict(spec)
    kind = given.pop("kind", None)
    if not isinstance(kind, str):
        raise RecipeError(f"{where}.kind is missing; valid: {', '.join(kinds(group))}")
    return kind, given


def spec_of(strategy: Strategy) -> dict[str, Any]:
    """The spec that a strategy of a registered kind is made by, with all its options."""
    from outthink.strategies import Strategy

    kind = next(kind for kind in kinds("strategies") if _load("strategies", kind, kind) is type(strategy))
    options = {name: getattr(strategy, name) for name in signature("strategies", kind)}
    inner = {name: spec_of(value) for name, value in options.items() if isinstance(value, Strategy)}
    return {"kind": kind, **options, **inner}


def make_engine(spec: Spec, where: str = "engine") -> Engine:
    """The engine a spec describes, not yet open.

    Raises:
        RecipeError: an unknown kind or option (the nearest valid name is given), or a wrong value.
    """
    engine: Engine = _make("engines", spec, where)
    return engine


def make_verifier(spec: Spec, where: str = "verifier") -> Verifier:
    """The verifier a spec describes, not yet open; raises like `make_engine`."""
    verifier: Verifier = _make("verifiers", spec, where)
    return verifier


def make_strategy(spec: Spec, where: str = "strategy") -> Strategy:
    """The strategy a spec describes; raises like `make_engine`."""
    from outthink.strategies import Strategy

    if isinstance(spec, Strategy):
        return spec
    strategy: Strategy = _make("strategies", spec, where)
    return strategy


def make_backend(spec: Spec, where: str = "verifier.backend") -> Backend:
    """The backend of a reward model that a spec describes, not yet open; raises like `make_engine`."""
    backend: Backend = _make("backends", spec, where)
    return backend


def make_labeller(spec: Spec, where: str = "label") -> Labeller:
    """The labeller a spec describes; raises like `make_engine`."""
    labeller: Labeller = _make("labellers", spec, where)
    return labeller


def _make(group: Group, spec: Spec, where: str) -> Any:
    kind, given = read_spec(group, spec, where)
    made = _load(group, kind, where)
    if group == "strategies":
        inner = {part: given[part] for part in parts(kind) if given.get(part) is not None}
        given |= {part: make_strategy(spec, f"{where}.{part}") for part, spec in inner.items()}
    return make(made, given, where)


def _load(group: Group, kind: str, where: str) -> type[Any]:
    registered = _entry_points(group)
    if kind not in registered:
        raise RecipeError(f"{where}: there are no {group} of kind {kind!r}{nearest(kind, registered)}")
    loaded: type[Any] = registered[kind].load()
    return loaded


@cache
def _entry_points(group: Group) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"outthink.{group}")}
