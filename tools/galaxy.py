"""The collection as a user gets it: built from the checkout, and installed beneath it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from venvs import BUILD, ROOT


def ansible_environment(folder: Path, collections: Path | None = None) -> dict[str, str]:
    """An environment in which Ansible keeps its files in ``folder`` and finds collections in one place only."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MAESTRALE_", "OS_"))}
    environment |= {
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "ansible" / "tmp"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "ansible" / "remote"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_NOCOWS": "1",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
    }
    if collections is not None:
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
    return environment


def build(venv: Path, output: Path = BUILD / "dist") -> Path:
    """Build the artifact into a folder of its own; returns its path."""
    shutil.rmtree(output, ignore_errors=True)
    _galaxy(venv, "build", "--force", "--output-path", str(output), str(ROOT))
    return next(output.glob("maestrale-mistral-*.tar.gz"))


def install(venv: Path, artifact: Path, collections: Path) -> None:
    """Install an artifact into a folder of collections."""
    _galaxy(venv, "install", str(artifact), "--collections-path", str(collections), "--force", "--no-deps", "--offline")


def _galaxy(venv: Path, *arguments: str) -> None:
    command = [str(venv / "bin" / "ansible-galaxy"), "collection", *arguments]
    environment = ansible_environment(BUILD / "galaxy")
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
