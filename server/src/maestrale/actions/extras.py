"""Optional Python packages: loaded when an action first needs one, refused with a sentence where it isn't installed."""

from __future__ import annotations

import importlib.util
from importlib import import_module
from typing import Any

from maestrale.errors import ActionError


def load(module: str, extra: str) -> Any:
    """The module. Raises ActionError naming the extra that brings it."""
    require(module, extra)
    return import_module(module)


def require(module: str, extra: str) -> None:
    """Raises ActionError naming the extra that brings the module, if it isn't installed."""
    if importlib.util.find_spec(module) is None:
        raise ActionError(f"This action needs the Python package of '{module}': install maestrale with the extra '{extra}'.")
