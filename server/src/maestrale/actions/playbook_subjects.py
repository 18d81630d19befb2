"""What a run of ansible is about, as the operator's limits name it. Looks at the inputs only, and refuses none: others check them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any


def subjects_of(inputs: Mapping[str, Any]) -> Iterator[str]:
    """``playbook:NAME``, ``role:NAME``, ``inventory:NAME`` and ``project:NAME``.

    A name is what the workflow says, paths without detours; a git project that is written as a mapping has its URL for a name.
    What is written out in the workflow itself (plays, inventories) has none.
    """
    for kind in ("playbook", "role"):
        if name := _name(inputs.get(kind)):
            yield f"{kind}:{name}"
    inventory = inputs.get("inventory")
    for item in inventory if isinstance(inventory, list) else [inventory]:
        if name := _name(item):
            yield f"inventory:{name}"
    project = inputs.get("project")
    if name := _name(project.get("url") if isinstance(project, Mapping) else project, is_path=False):
        yield f"project:{name}"


def _name(given: Any, *, is_path: bool = True) -> str:
    """The name of one thing; empty for what is written out."""
    if not isinstance(given, str) or "\n" in given.strip() or not given.strip():
        return ""
    return posixpath.normpath(given.strip()) if is_path else given.strip()
