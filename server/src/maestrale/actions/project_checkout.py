"""A git project made ready for one run: found, permitted, resolved to a commit, and written into the run's own directory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from maestrale.actions.git_cache import GitCache, Repository, Tree
from maestrale.actions.playbook_policy import PlaybookPolicy, PlaybookRefusedError
from maestrale.actions.project_requirements import Content, installed
from maestrale.actions.project_source import ProjectSource
from maestrale.actions.project_url import address_of, check_ref
from maestrale.actions.protocol import ActionContext
from maestrale.actions.settings import PlaybookSettings
from maestrale.errors import ActionError, InputError

_KEYS = frozenset({"url", "ref", "credential", "update"})
_DEFAULT_COLLECTIONS = ("~/.ansible/collections", "/usr/share/ansible/collections")
_DEFAULT_ROLES = ("~/.ansible/roles", "/usr/share/ansible/roles", "/etc/ansible/roles")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A project's files at a commit in ``root``. ``submodules``: folders that are empty, since submodules are not fetched."""

    source: ProjectSource
    revision: str
    root: Path
    submodules: tuple[str, ...] = ()
    content: Content = field(default_factory=Content)

    def check(self, path: Path) -> None:
        """Refuse what the source doesn't let be run. Raises PlaybookRefusedError."""
        relative = path.relative_to(self.root).as_posix()
        if not self.lets(relative):
            raise PlaybookRefusedError(f"The project '{self.source.name}' doesn't let '{relative}' be run (its field playbooks).")

    def lets(self, relative: str) -> bool:
        """Whether the source lets a path of it be run."""
        patterns = self.source.playbooks
        return patterns is None or any(fnmatchcase(relative, pattern) for pattern in patterns)

    def environment(self, settings: PlaybookSettings) -> dict[str, str]:
        """Where a run finds the project's collections and roles, before all others."""
        usual = settings.collections_path or _DEFAULT_COLLECTIONS
        collections = [*_given(self.content.collections), str(self.root / "collections"), *usual]
        roles = [str(self.root / "roles"), *_given(self.content.roles), *_DEFAULT_ROLES]
        return {"ANSIBLE_COLLECTIONS_PATH": ":".join(collections), "ANSIBLE_ROLES_PATH": ":".join(roles)}

    def outside(self) -> list[str]:
        """Folders that a run needs beside the private directory."""
        return [*_given(self.content.collections), *_given(self.content.roles)]

    def shown(self) -> dict[str, Any]:
        """What a result says of it."""
        return {"url": self.source.url, "ref": self.source.ref, "revision": self.revision}


def _given(path: str | None) -> list[str]:
    return [] if path is None else [path]


async def checkout_of(
    given: Any, policy: PlaybookPolicy, context: ActionContext, directory: str, *, update: bool = False,
) -> Checkout | None:
    """The project that an action's input names, in ``checkout`` of its directory; None for a root of the configuration.

    ``update``: ask the repository what its ref stands for now.

    Raises InputError, PlaybookRefusedError, EgressError, ActionError, NotFoundError for a secret.
    """
    asked = await source_of(given, policy, context)
    if asked is None:
        return None
    source, wants_update = asked
    settings = policy.settings
    cache = cache_of(settings)
    repository, revision = await resolved(source, cache, context, update=update or wants_update)
    await repository.have(revision, source.ref)
    root = Path(directory) / "checkout"
    tree = await _extracted(repository, revision, root, settings)
    content = await installed(root, revision, settings, cache) if settings.requirements else Content()
    return Checkout(source, revision, root.resolve(), tree.submodules, content)


async def source_of(given: Any, policy: PlaybookPolicy, context: ActionContext) -> tuple[ProjectSource, bool] | None:
    """The source meant by an input, and whether it is to be resolved anew; None for what isn't git's. Raises as above."""
    settings = policy.settings
    if given is None or (isinstance(given, str) and given in settings.roots):
        return None
    if isinstance(given, str):
        source = await asyncio.to_thread(context.project_sources.find, context.project_id, given)
        if source is None:
            return None
        update = False
        policy.check_url(source.url, is_registered=True)
    elif isinstance(given, Mapping):
        source, update = _described(given, context)
        policy.check_url(source.url, is_registered=False)
    else:
        raise InputError("project must be the name of a project, or a mapping with url and ref.")
    await _check_egress(source.url, context)
    return source, update


def _described(given: Mapping[str, Any], context: ActionContext) -> tuple[ProjectSource, bool]:
    if unknown := set(given) - _KEYS:
        raise InputError(f"project takes {', '.join(sorted(_KEYS))}, not {', '.join(sorted(map(str, unknown)))}.")
    url, ref, credential, update = (given.get(name) for name in ("url", "ref", "credential", "update"))
    if not isinstance(url, str):
        raise InputError("project.url must be the address of a git repository.")
    if not isinstance(ref, str | None) or not isinstance(credential, str | None) or not isinstance(update, bool | None):
        raise InputError("project.ref and project.credential must be texts, project.update true or false.")
    address_of(url)
    if ref is not None:
        check_ref(ref)
    return ProjectSource(url=url, ref=ref, credential=credential, project_id=context.project_id), bool(update)


def cache_of(settings: PlaybookSettings) -> GitCache:
    """The cache of the settings."""
    folder = Path(settings.cache_dir or "~/.cache/maestrale/projects").expanduser()
    return GitCache(folder, settings.git_timeout, settings.cache_max, settings.host_key_checking)


async def resolved(source: ProjectSource, cache: GitCache, context: ActionContext, *, update: bool) -> tuple[Repository, str]:
    """The repository of a source and the commit that is to be used, which a named source keeps."""
    secret = None
    if source.credential is not None:
        secret = await asyncio.to_thread(context.secrets.get, source.project_id, source.credential)
    repository = cache.repository(source.url, secret)
    if source.revision is not None and not update:
        return repository, source.revision
    revision = await repository.resolve(source.ref, update=update or bool(source.name))
    if source.name:
        revision = await asyncio.to_thread(context.project_sources.pin, source, revision)
    return repository, revision


async def _extracted(repository: Repository, revision: str, root: Path, settings: PlaybookSettings) -> Tree:
    tree = await repository.tree(revision)
    if tree.size > settings.project_max:
        raise ActionError(f"The project has {tree.size} bytes, at most {settings.project_max} are allowed (setting playbooks.project_max).")
    await asyncio.to_thread(root.mkdir, 0o700)
    await repository.extract(revision, root)
    await asyncio.to_thread(_check_links, root, tree)
    return tree


def _check_links(root: Path, tree: Tree) -> None:
    """Raises ActionError for a link that leads out of the project."""
    base = root.resolve()
    for name in tree.links:
        path = root / name
        try:
            leads_out = not path.resolve().is_relative_to(base)
        except (OSError, RuntimeError):
            leads_out = True
        if leads_out:
            raise ActionError(f"The project's link '{name}' leads out of it, which is not allowed.")


async def _check_egress(url: str, context: ActionContext) -> None:
    """Refuse a host that actions must not reach. Raises EgressError, ActionError for a name that has no address."""
    address = address_of(url)
    if address.host is None:
        return
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ActionError(f"The repository '{url}' can't be reached: {error}") from None
    context.http.policy.check_host(address.host)
    context.http.policy.check_addresses(address.host, [str(one[4][0]) for one in found])
