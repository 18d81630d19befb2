"""``with-items``: from ``i in <expression or JSON list>`` to variables and what they iterate over (1.14)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from maestrale.lang.flaw import Flaw
from maestrale.lang.schema import shown
from maestrale.lang.yaml_text import Path, storable

_FORM = re.compile(r"\s*([\w-]+)\s*in\s*(\[.+\]|<%.*?%>|{{.*?}}|{%.*?%})")


def parse_items(data: Any, task: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Variables with a literal list or an expression text each; a repeated variable's last form wins (1.14).

    ``task`` is shown in the error text, as in Mistral (L116). Raises Flaw.
    """
    if not data:
        return {}
    found: dict[str, Any] = {}
    for index, text in enumerate(data if isinstance(data, list) else [data]):
        place = (*path, index) if isinstance(data, list) else path
        match = _FORM.match(text) if isinstance(text, str) else None
        if match is None:
            raise Flaw(
                "Wrong format of 'with-items' property. Please use format 'var in {[some, list] | <% $.array %> }: " + shown(dict(task)),
                place,
                "expected 'var in ' and an unquoted expression or a JSON list with at least one item",
            )
        found[match[1]] = _literal(match[2], place) if match[2].startswith("[") else match[2]
    return found


def _literal(text: str, path: Path) -> Any:
    hint = 'expected JSON, where texts have double quotes: ["a", "b"]'
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Flaw(f"Invalid array in 'with-items' clause: {text}, error: {error}", path, hint) from None
    if not storable(value):
        raise Flaw(f"Invalid array in 'with-items' clause: {text}, error: it has characters that can't be stored", path)
    return value


def rest_of_item(text: str) -> str:
    """What stands behind the list and is ignored."""
    match = _FORM.match(text)
    return text[match.end() :].strip() if match else ""
