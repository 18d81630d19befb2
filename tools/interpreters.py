"""The Pythons of this machine that really run, and a PATH that shows no others.

ansible-test tries every pythonX.Y that it finds; version managers leave stand-ins on the PATH that exist and don't run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def real_interpreter(version: str) -> Path | None:
    """The interpreter of a version, not a stand-in for it; None if there is none."""
    if version == "{}.{}".format(*sys.version_info):
        return Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    candidates = [shutil.which(f"python{version}"), f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"]
    candidates += sorted(str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            found = _executable(candidate, version)
            if found is not None:
                return found
    return None


def _executable(candidate: str, version: str) -> Path | None:
    code = "import sys, venv, ensurepip; print('{}.{}'.format(*sys.version_info)); print(sys.executable)"
    try:
        result = subprocess.run([candidate, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = result.stdout.split()
    if result.returncode or lines[:1] != [version]:
        return None
    path = Path(lines[1])
    return path if path.name == f"python{version}" else path.with_name(f"python{version}")


def clean_path(venv: Path, folder: Path) -> str:
    """A PATH of one environment, the real interpreters (linked in ``folder``) and the system's commands."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for version in VERSIONS:
        interpreter = real_interpreter(version)
        if interpreter is not None and interpreter.exists():
            (folder / f"python{version}").symlink_to(interpreter)
    return os.pathsep.join([str(venv / "bin"), str(folder), "/usr/local/bin", "/usr/bin", "/bin"])
