"""Which of Mistral's names are offered, and as what, where an operator says so in a file of Mistral's form (4.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

COMMENT = "_comment"


def read(path: Path) -> dict[str, str]:
    """The offered names with the methods of the client that they stand for: ``{"nova.vms": "servers.list"}``.

    The file is JSON, ``{namespace: {action: method}}``. Raises OSError, ValueError.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("a mapping of namespaces is expected")  # noqa: TRY004 - it is the file's content
    found: dict[str, str] = {}
    for namespace, actions in content.items():
        if namespace == COMMENT:
            continue
        if not isinstance(actions, dict) or not all(isinstance(method, str) for method in actions.values()):
            raise ValueError(f"{namespace!r} has to be a mapping of action names to methods")
        found |= {f"{namespace}.{name}": method for name, method in actions.items() if name != COMMENT}
    return found


def served(mapping: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Offered names to those of ``names`` that serve them; those whose method nothing serves are left out."""
    known = {name.replace(".", "_"): name for name in names}
    methods = ((offered, f"{offered.partition('.')[0]}.{method}".replace(".", "_")) for offered, method in mapping.items())
    return {offered: known[method] for offered, method in methods if method in known}
