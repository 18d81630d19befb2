"""Reading parts of a definition whose shape may not have been checked: the right type, or a Flaw.

With validation the schema has settled all types before; without it (``validate=False``) the parse still has to
work or to refuse cleanly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestrale.lang.flaw import Flaw
from maestrale.lang.schema import shown
from maestrale.lang.specs import EMPTY, Parameter
from maestrale.lang.yaml_text import Path


def as_mapping(value: Any, path: Path) -> Mapping[str, Any]:
    """A mapping; null is an empty one."""
    if value is None:
        return EMPTY
    if not isinstance(value, Mapping):
        raise Flaw(f"Invalid DSL: {shown(value)} is not of type 'object'", path)
    return value


def as_text(value: Any, path: Path) -> str:
    """A text."""
    if not isinstance(value, str):
        raise Flaw(f"Invalid DSL: {shown(value)} is not of type 'string'", path)
    return value


def as_texts(value: Any, path: Path) -> tuple[str, ...]:
    """Texts from a list of them; null is none."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Flaw(f"Invalid DSL: {shown(value)} is not of type 'array'", path)
    return tuple(as_text(item, (*path, index)) for index, item in enumerate(value))


def as_description(value: Any) -> str:
    """Descriptions of workflows are not checked (1.4); what isn't text is shown in Python notation."""
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value)


def as_parameters(value: Any, path: Path) -> tuple[Parameter, ...]:
    """Declared inputs; of several with one name the last default wins (1.5)."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Flaw(f"Invalid DSL: {shown(value)} is not of type 'array'", path)
    found: dict[str, Parameter] = {}
    for index, item in enumerate(value):
        if isinstance(item, Mapping):
            found.update((name, Parameter(name, default)) for name, default in item.items())
        else:
            name = as_text(item, (*path, index))
            found[name] = Parameter(name)
    return tuple(found.values())


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """``over`` laid over ``base``; where both have a mapping, these are merged in turn (L068)."""
    if not over:
        return base
    result = dict(base)
    for key, value in over.items():
        here = result.get(key)
        both = isinstance(value, Mapping) and isinstance(here, Mapping)
        result[key] = merged(here, value) if both else value  # type: ignore[arg-type]
    return result
