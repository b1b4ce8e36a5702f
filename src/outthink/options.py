"""Making objects from plain options: every key and every value checked against the signature it is meant for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from outthink.errors import RecipeError, UsageError

__all__ = ["check_keys", "make", "nearest", "yaml_value"]

T = TypeVar("T")


def make(made: Callable[..., T], given: object, where: str) -> T:
    """Call a class with options that came from a recipe or a command line.

    Args:
        made: a class with typed, keyword-only options.
        given: a mapping of option names to values.
        where: the field the options stand in, for messages.

    Raises:
        RecipeError: not a mapping, an unknown or missing option, a value of the wrong type or out of range.
    """
    from pydantic import ConfigDict, ValidationError, create_model

    signature = inspect.signature(made).parameters
    options = check_keys(given, signature, where)
    hints = get_type_hints(made.__init__ if inspect.isclass(made) else made)
    fields: dict[str, Any] = {
        name: (hints[name], ... if option.default is inspect.Parameter.empty else option.default)
        for name, option in signature.items()
    }
    model = create_model(
        "Options", __config__=ConfigDict(strict=True, protected_namespaces=(), arbitrary_types_allowed=True), **fields
    )
    try:
        checked = model.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([where, *map(str, first["loc"])])
        raise RecipeError(f"{place}: {first['msg']} (got {first['input']!r})") from None
    try:
        return made(**{name: getattr(checked, name) for name in options})
    except UsageError as error:
        raise RecipeError(f"{where}: {error}") from None


def check_keys(given: object, valid: Iterable[str], where: str) -> dict[str, Any]:
    """The options as a dictionary, if they are a mapping with none but valid keys.

    Raises:
        RecipeError: they are not.
    """
    if not isinstance(given, Mapping):
        raise RecipeError(f"{where}: expected options by name, got {given!r}")
    valid = list(valid)
    for key in given:
        if key not in valid:
            raise RecipeError(f"{where}: unknown key {key!r}{nearest(str(key), valid)}")
    return dict(given)


def yaml_value(text: str, setting: str) -> Any:
    """The value of a `--set name=value`, in YAML.

    Raises:
        RecipeError: it is not valid YAML; the setting is named.
    """
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {setting}: the value is not valid YAML: {error}") from None


def nearest(name: str, valid: Iterable[str]) -> str:
    """What to add to a message about an unknown name: the closest valid one, else all of them."""
    valid = sorted(valid)
    close = get_close_matches(name, valid, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; valid: {', '.join(valid)}" if valid else "; it takes none"
