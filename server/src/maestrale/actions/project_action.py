"""``ansible.project``: bring a git project of playbooks up to date, and say what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from maestrale.actions.playbook_directory import private_directory
from maestrale.actions.playbook_policy import PlaybookPolicy
from maestrale.actions.project_checkout import Checkout, checkout_of, source_of
from maestrale.actions.protocol import Action, ActionContext
from maestrale.actions.settings import PlaybookSettings
from maestrale.core.ports import Result
from maestrale.errors import ActionError, InputError

_NOT_PLAYBOOKS = frozenset({"roles", "collections", "group_vars", "host_vars", "molecule", "tests", "vars", "defaults", "meta", "files"})
_MOST = 1000
_LARGEST = 512 * 1024


class ProjectAction(Action):
    """Resolve a git project of playbooks to a commit, install what it requires, and list its playbooks.

    project: the name of a project source, or a mapping of url, ref, credential. update: true asks the repository what the ref stands for
    now, and pins a named source to that; otherwise what is pinned stays.

    The result has the keys url, ref, revision, changed, playbooks (paths), requirements (whether any were asked for).
    """

    name = "ansible.project"
    slot = "playbook"
    idempotent = True

    def __init__(self, settings: PlaybookSettings, /, project: Any, update: bool = False) -> None:
        if not isinstance(update, bool):
            raise InputError("update must be true or false.")
        self.settings, self.project, self.update = settings, project, update

    async def run(self, context: ActionContext) -> Result:
        """What the project is at, and holds."""
        policy = PlaybookPolicy(self.settings, context.project_id, is_admin=context.is_admin)
        asked = await source_of(self.project, policy, context)
        if asked is None:
            raise ActionError(f"There is no git project '{self.project}' (/v2/project_sources).")
        with private_directory(self.settings.work_dir, context.action_execution_id) as (directory, _):
            checkout = await checkout_of(self.project, policy, context, directory, update=self.update)
            assert checkout is not None
            playbooks = await asyncio.to_thread(_playbooks, checkout)
        return Result(data={
            **checkout.shown(), "changed": checkout.revision != asked[0].revision, "playbooks": playbooks,
            "requirements": checkout.content.collections is not None or checkout.content.roles is not None,
        })


def _playbooks(checkout: Checkout) -> list[str]:
    """The files of plays that may be run, by path."""
    found = []
    for path in _yaml_files(checkout.root):
        relative = path.relative_to(checkout.root).as_posix()
        if checkout.lets(relative) and _holds_plays(path):
            found.append(relative)
            if len(found) >= _MOST:
                break
    return found


def _yaml_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink() and path.name not in _NOT_PLAYBOOKS:
            yield from _yaml_files(path)
        elif path.suffix in {".yml", ".yaml"} and path.is_file() and path.stat().st_size <= _LARGEST:
            yield path


def _holds_plays(path: Path) -> bool:
    try:
        plays = yaml.load(path.read_bytes(), Loader=_AnyTag)  # noqa: S506 - the loader is derived from a safe one
    except (yaml.YAMLError, ValueError, RecursionError):
        return False
    return isinstance(plays, list) and bool(plays) and all(
        isinstance(play, Mapping) and bool(play.keys() & {"hosts", "import_playbook", "ansible.builtin.import_playbook"}) for play in plays)


class _AnyTag(yaml.CSafeLoader):
    """Reads ``!vault`` and other tags of ansible's as nothing."""


_AnyTag.add_multi_constructor("", lambda *_: None)
