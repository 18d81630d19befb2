"""A playbook in a sandbox of bubblewrap: it sees the system's programs, its own directory and what it was given, and no other process."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from maestrale.actions.settings import PlaybookSettings

TOOL = "bwrap"
_PACKAGE = str(Path(__file__).parents[1])


def sandboxed(job: dict[str, Any], settings: PlaybookSettings, given: Iterable[str]) -> None:
    """Change the job into one that runs in a sandbox; ``given`` are paths that the playbook may read, if they are absolute."""
    readable = [sys.prefix, sys.base_prefix, _PACKAGE, settings.executable, settings.config_file, *settings.collections_path, *given]
    job["arguments"] |= {
        "process_isolation": True, "process_isolation_executable": TOOL,
        "process_isolation_ro_paths": sorted({path for path in readable if path and Path(path).is_absolute()}),
    }
    job["environment"]["HOME"] = f"{job['directory']}/home"
    job["files"]["home/.keep"] = ""
    job["sandboxed"] = True
