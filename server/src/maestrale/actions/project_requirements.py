"""Roles and collections that a project asks for in ``requirements.yml``: installed once for each content, beside the repositories."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from maestrale.actions import command
from maestrale.actions.file_lock import locked
from maestrale.actions.git_cache import GitCache
from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import ActionError

_FILES = (
    "requirements.yml", "requirements.yaml", "collections/requirements.yml", "collections/requirements.yaml", "roles/requirements.yml",
    "roles/requirements.yaml",
)
_COMPLETE = "complete"
_LARGEST = 1024 * 1024
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Content:
    """Where what was installed is; both None where nothing was asked for."""

    collections: str | None = None
    roles: str | None = None


@dataclass(slots=True)
class _Wanted:
    """The requirement files by what they ask for, and what tells one content from another."""

    collections: list[Path] = field(default_factory=list)
    roles: list[Path] = field(default_factory=list)
    identity: list[bytes] = field(default_factory=list)
    is_local: bool = False


async def installed(root: Path, commit: str, settings: PlaybookSettings, cache: GitCache) -> Content:
    """What the project in ``root`` asks for, installed now unless it was. Raises ActionError with what ansible-galaxy says."""
    wanted = _wanted(root)
    if not wanted.collections and not wanted.roles:
        return Content()
    if wanted.is_local:
        wanted.identity.append(commit.encode())
    key = hashlib.sha256(b"\0".join(wanted.identity)).hexdigest()[:32]
    place = cache.folder / "content" / key
    if not (place / _COMPLETE).exists():
        async with locked(cache.lock_of(key)):
            if not (place / _COMPLETE).exists():
                await _install(wanted, root, place, settings, cache)
    os.utime(place)
    return Content(str(place / "collections") if wanted.collections else None, str(place / "roles") if wanted.roles else None)


def _wanted(root: Path) -> _Wanted:
    wanted = _Wanted()
    for name in _FILES:
        path = root / name
        if not path.is_file():
            continue
        content = path.read_bytes()
        if len(content) > _LARGEST:
            raise ActionError(f"The project's {name} is too large ({len(content)} bytes).")
        try:
            asked = yaml.load(content, Loader=yaml.CSafeLoader)
        except yaml.YAMLError as error:
            raise ActionError(f"The project's {name} is not valid YAML: {error}") from None
        roles, collections = _asked(name, asked)
        if roles:
            wanted.roles.append(path)
        if collections:
            wanted.collections.append(path)
        if roles or collections:
            wanted.identity += [name.encode(), content]
            wanted.is_local = wanted.is_local or any(_is_local(one) for one in (*roles, *collections))
    return wanted


def _asked(name: str, asked: Any) -> tuple[list[Any], list[Any]]:
    """The roles and collections of a file: a list is one of roles, as ansible-galaxy reads it."""
    if asked is None:
        return [], []
    if isinstance(asked, list):
        return ([], asked) if name.startswith("collections/") else (asked, [])
    if not isinstance(asked, dict):
        raise ActionError(f"The project's {name} must be a list of roles, or a mapping with roles and collections.")
    roles, collections = asked.get("roles") or [], asked.get("collections") or []
    if not isinstance(roles, list) or not isinstance(collections, list):
        raise ActionError(f"roles and collections in the project's {name} must be lists.")
    return roles, collections


def _is_local(entry: Any) -> bool:
    """Whether a requirement is a part of the project itself, so that its content changes with the commit."""
    if isinstance(entry, str):
        return entry.startswith((".", "/"))
    if not isinstance(entry, dict):
        return False
    origin = str(entry.get("source") or entry.get("src") or entry.get("name"))
    return entry.get("type") in {"dir", "subdirs", "file"} or origin.startswith((".", "/"))


async def _install(wanted: _Wanted, root: Path, place: Path, settings: PlaybookSettings, cache: GitCache) -> None:
    """Install into a folder beside, and give it its name when all is there."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".installing-") as folder:
        unfinished = Path(folder) / "content"
        unfinished.mkdir()
        for kind, files in (("collection", wanted.collections), ("role", wanted.roles)):
            for file in files:
                await _galaxy([kind, "install", "-r", str(file), "-p", str(unfinished / f"{kind}s")], root, folder, settings, cache)
        (unfinished / _COMPLETE).touch()
        unfinished.rename(place)


async def _galaxy(arguments: list[str], root: Path, folder: str, settings: PlaybookSettings, cache: GitCache) -> None:
    executables = settings.executable or str(Path(sys.executable).parent)
    program = shutil.which("ansible-galaxy", path=executables)
    if program is None:
        raise ActionError(f"ansible-galaxy is not installed in {executables}: install maestrale with the extra 'ansible'.")
    empty = Path(folder) / "ansible.cfg"
    empty.touch()
    environment = {
        "PATH": f"{executables}:/usr/local/bin:/usr/bin:/bin", "HOME": folder, "TMPDIR": folder, "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOME": f"{folder}/ansible", "ANSIBLE_CONFIG": settings.config_file or str(empty), "ANSIBLE_NOCOLOR": "1",
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
    }
    try:
        output = await command.run([program, *arguments], environment=environment, folder=root, seconds=cache.seconds)
    except TimeoutError:
        raise ActionError(f"Installing the project's requirements took more than {cache.seconds:g} seconds.") from None
    if output.status != 0:
        raise ActionError(f"The project's requirements can't be installed: {(output.errors or output.text).strip()[-_SHOWN:]}")
