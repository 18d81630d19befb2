"""What the tests of expressions share: a context, a scope over it, and a way to write tables."""

from __future__ import annotations

from typing import Any

import expr_reference as reference

from maestrale.expr import DEFAULT, ContextView, Lookup, Options, Scope, compile_value

CONTEXT: dict[str, Any] = {
    "n": 5,
    "f": 2.5,
    "t": True,
    "z": None,
    "s": "a,b",
    "l": [1, 2, 3],
    "d": {"b": 1, "items": "entry"},
    "e": [],
    "vms": [
        {"name": "a", "ram": 2, "zone": "z1"},
        {"name": "b", "ram": 8, "zone": "z2"},
        {"name": "c", "ram": 16, "zone": "z1"},
    ],
    "items": "top",
    "secret": "s3cr3t",
}
INTERNALS: dict[str, Any] = {
    "__env": reference.ENV,
    "__execution": {"id": "e"},
    "__task_execution": {"id": "1", "name": "t"},
}


def scope(context: Any = None, lookup: Lookup | None = None) -> Scope:
    """A scope over the context above, or over another root."""
    if context is None:
        context = ContextView([INTERNALS, CONTEXT])
    return Scope(context, reference.Lookup() if lookup is None else lookup)


def evaluate(value: Any, context: Any = None, options: Options = DEFAULT, lookup: Lookup | None = None) -> Any:
    """The value of ``value``."""
    return compile_value(value, options).evaluate(scope(context, lookup))
