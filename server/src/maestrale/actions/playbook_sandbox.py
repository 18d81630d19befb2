"""A playbook in a sandbox of bubblewrap: it sees the system's programs, its own directory and what it was given, and no other process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import ActionError, InputError

ISOLATIONS = ("none", "sandbox")
_TOOL = "bwrap"
_PACKAGE = str(Path(__file__).parents[1])


def is_sandboxed(asked: Any, settings: PlaybookSettings) -> bool:
    """Whether a run has to be in a sandbox: its input or the operator says so. Raises InputError, ActionError where there is no tool."""
    if asked is not None and asked not in ISOLATIONS:
        raise InputError(f"isolation must be one of {', '.join(ISOLATIONS)}.")
    if "sandbox" not in {asked, settings.isolation}:
        return False
    if shutil.which(_TOOL) is None:
        raise ActionError("A sandbox was asked for, but bubblewrap is not installed.")
    return True


def sandbox(settings: PlaybookSettings, given: Iterable[str | None]) -> dict[str, Any]:
    """Arguments of ansible-runner; ``given`` are paths that the playbook was given and may read."""
    readable = [sys.prefix, sys.base_prefix, _PACKAGE, settings.executable, settings.config_file, *settings.collections_path, *given]
    return {
        "process_isolation": True, "process_isolation_executable": _TOOL,
        "process_isolation_ro_paths": sorted({path for path in readable if path and Path(path).is_absolute()}),
    }
