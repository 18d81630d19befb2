"""Virtual environments of the checkout, made when first needed and again when what they are made of changes.

    python tools/venvs.py main         makes .venv
    python tools/venvs.py collection   makes build/venvs/collection, and so on: a file of tools/requirements each

Needs only the standard library: this is the first thing that runs on a new machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
REQUIREMENTS = ROOT / "tools" / "requirements"
OLDEST = (3, 11)
STAMP = ".made-of"


class VenvError(Exception):
    """The environment could not be made; the text says why and what helps."""


def venv_path(name: str, interpreter: Path | None = None) -> Path:
    """Where an environment lives; one for another interpreter bears its version."""
    if name in ("main", "demo"):
        return ROOT / ".venv"
    return BUILD / "venvs" / (name if interpreter is None else f"{name}-{interpreter.name.removeprefix('python')}")


def ensure(name: str, interpreter: Path | None = None) -> Path:
    """Make the environment unless it is as wanted already, one caller at a time; returns its folder."""
    with _alone(venv_path(name, interpreter)):
        path = _ensure(name, interpreter)
        if b"--editable server" in (REQUIREMENTS / f"{name}.txt").read_bytes():
            _compile(path)
        return path


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{path.name.lstrip('.')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ensure(name: str, interpreter: Path | None) -> Path:
    python = interpreter or Path(sys.executable)
    path = venv_path(name, interpreter)
    requirements = REQUIREMENTS / f"{name}.txt"
    if name == "demo" and _is_current(path, REQUIREMENTS / "main.txt", python):
        return path
    if _is_current(path, requirements, python):
        return path
    print(f"making {path.relative_to(ROOT)} ({requirements.relative_to(ROOT)})", flush=True)
    if _version_of(path) != _version(python):
        _create(path, python)
    _install(path, requirements)
    (path / STAMP).write_text(_fingerprint(requirements, python))
    return path


def _is_current(path: Path, requirements: Path, python: Path) -> bool:
    stamp = path / STAMP
    return stamp.is_file() and stamp.read_text() == _fingerprint(requirements, python)


def _fingerprint(requirements: Path, python: Path) -> str:
    """What the environment is made of, as a digest: the requirements, the server's metadata if it is in them, the Python, the place."""
    digest = hashlib.sha256()
    text = requirements.read_bytes()
    digest.update(text)
    if b"--editable server" in text:
        digest.update((ROOT / "server" / "pyproject.toml").read_bytes())
    digest.update(f"{_version(python)} {ROOT}".encode())
    return f"{requirements.stem} {digest.hexdigest()}\n"


def _version(python: Path) -> str:
    if str(python) == sys.executable:
        return "{}.{}".format(*sys.version_info)
    command = [str(python), "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _version_of(path: Path) -> str | None:
    python = path / "bin" / "python"
    try:
        return _version(python) if python.exists() else None
    except (OSError, subprocess.CalledProcessError):
        return None


def _create(path: Path, python: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    # From inside an environment the new one would otherwise be tied to it.
    base = getattr(sys, "_base_executable", sys.executable) if str(python) == sys.executable else str(python)
    result = subprocess.run([base, "-m", "venv", str(path)], capture_output=True, text=True, check=False)
    if result.returncode:
        shutil.rmtree(path, ignore_errors=True)
        raise VenvError(f"{base} can't make virtual environments: {(result.stderr or result.stdout).strip()}")


def _install(path: Path, requirements: Path) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    command = [str(path / "bin" / "python"), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise VenvError(f"pip can't install {requirements.relative_to(ROOT)}:\n{result.stderr.strip()}")


def _compile(path: Path) -> None:
    """Keep the server's byte code beside its sources, also where Python is told to write none: it would compile them at each start."""
    subprocess.run([str(path / "bin" / "python"), "-m", "compileall", "-q", str(ROOT / "server" / "src")], check=False)


def main(names: list[str]) -> int:
    """Make the named environments."""
    if sys.version_info < OLDEST:
        print("Python {}.{} or later is needed; set PYTHON, for example: make PYTHON=python3.13".format(*OLDEST), file=sys.stderr)
        return 1
    try:
        for name in names:
            ensure(name)
    except VenvError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["main"]))
