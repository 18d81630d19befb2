"""Git repositories kept on this machine, so that a run asks the network only for what it hasn't got.

One bare repository for each address and credential, under a lock for whoever changes it; commits are fetched one by one, without their
history where the other side lets. Nothing of the repository is run: no hooks, no filters, no submodules, no configuration but ours.
What has not been used for the longest time is removed when all together are larger than the bound.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from maestrale import clock
from maestrale.actions import command
from maestrale.actions.file_lock import locked, locked_if_free
from maestrale.actions.project_url import SCHEMES, address_of, is_commit
from maestrale.errors import ActionError

_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "http.followRedirects=false", "-c", "advice.detachedHead=false")
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_IN_USE = 120.0
"""Seconds for which what was used counts as in use, though nobody holds its lock at the moment."""
_LINK, _SUBMODULE = "120000", "160000"


@dataclass(frozen=True, slots=True)
class Tree:
    """What a commit holds: bytes of all its files, and the paths of links and submodules."""

    size: int
    links: tuple[str, ...]
    submodules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GitCache:
    """The repositories below ``folder``. ``seconds`` bounds each call of git, ``most`` all of the cache (bytes)."""

    folder: Path
    seconds: float
    most: int
    host_key_checking: bool = True

    def repository(self, url: str, secret: str | None) -> Repository:
        """The repository of an address; another credential has another copy, since it may see other things."""
        key = hashlib.sha256(f"{url}\0{secret or ''}".encode()).hexdigest()[:32]
        return Repository(self, url, secret, key)

    def evict(self, *, spare: str = "") -> list[str]:
        """Remove what was used longest ago until the rest is within the bound; the names of what was removed."""
        found = sorted((path for kind in ("repos", "content") for path in (self.folder / kind).glob("*") if path.is_dir()), key=_used_at)
        sizes = {path: _size(path) for path in found}
        total = sum(sizes.values())
        removed = []
        just_now = clock.now().replace(tzinfo=UTC).timestamp() - _IN_USE
        for path in found:
            if total <= self.most or _used_at(path) > just_now:
                break
            if path.name == spare:
                continue
            with locked_if_free(self.lock_of(path.name)) as is_ours:
                if is_ours:
                    shutil.rmtree(path, ignore_errors=True)
                    total -= sizes[path]
                    removed.append(path.name)
        return removed

    def lock_of(self, key: str) -> Path:
        """The lock of a part of the cache."""
        return self.folder / "locks" / f"{key}.lock"


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository. All methods raise ActionError with what git says."""

    cache: GitCache
    url: str
    secret: str | None
    key: str

    @property
    def path(self) -> Path:
        """The bare repository."""
        return self.cache.folder / "repos" / self.key

    async def resolve(self, ref: str | None, *, update: bool) -> str:
        """The commit of a branch, a tag or the default branch: the one found last, or with ``update`` the one of now."""
        if ref is not None and is_commit(ref):
            return ref
        kept = "refs/maestrale/" + hashlib.sha256((ref or "").encode()).hexdigest()[:32]
        async with self._changing() as git:
            if not update and (commit := await git.find(kept)) is not None:
                return commit
            commit = await self._remote_commit(git, ref)
            await self._fetch(git, commit, ref)
            await git.call("update-ref", kept, commit)
            return commit

    async def have(self, commit: str, ref: str | None = None) -> None:
        """Make sure that the commit is here; ``ref``: where it may be found if it can't be asked for by its id."""
        async with self._changing() as git:
            if await git.find(f"{commit}^{{commit}}") is None:
                await self._fetch(git, commit, ref)

    async def tree(self, commit: str) -> Tree:
        """What the commit holds."""
        async with self._reading() as git:
            listed = await git.call("ls-tree", "-r", "-l", "-z", commit)
        size, links, submodules = 0, [], []
        for entry in filter(None, listed.split("\0")):
            description, _, path = entry.partition("\t")
            mode, _, _, length = description.split()
            size += int(length) if length.isdecimal() else 0
            if mode == _LINK:
                links.append(path)
            elif mode == _SUBMODULE:
                submodules.append(path)
        return Tree(size, tuple(links), tuple(submodules))

    async def extract(self, commit: str, target: Path) -> None:
        """Write the commit's files to a directory that exists."""
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="index-") as folder:
            async with self._reading() as git:
                tree = git.with_environment({"GIT_INDEX_FILE": f"{folder}/index", "GIT_WORK_TREE": str(target)})
                await tree.call("read-tree", commit)
                await tree.call("checkout-index", "--all", "--force")
        os.utime(self.path)

    async def _remote_commit(self, git: _Git, ref: str | None) -> str:
        names = ["HEAD"]
        if ref is not None:
            names = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}"]
        listed = await git.call("ls-remote", self.url, *names)
        found = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
        for name in names:
            if name in found:
                return found[name]
        if ref is None:
            raise ActionError(f"The repository '{self.url}' has no default branch: it is empty.")
        hint = "; a commit is given by all its digits" if set(ref) <= set("0123456789abcdef") else ""
        raise ActionError(f"The repository '{self.url}' has no branch or tag '{ref}'{hint}.")

    async def _fetch(self, git: _Git, commit: str, ref: str | None) -> None:
        """Fetch a commit alone; where that isn't granted, all branches and tags, since it may be an older one of them."""
        quiet = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules")
        with contextlib.suppress(_GitError):
            await git.call(*quiet, "--depth=1", self.url, commit)
        if await git.find(f"{commit}^{{commit}}") is None:
            more = () if ref is None or not ref.startswith("refs/") else (ref,)
            whole = ("--unshallow",) if (self.path / "shallow").exists() else ()
            await git.call(*quiet, *whole, self.url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", *more)
        if await git.find(f"{commit}^{{commit}}") is None:
            raise ActionError(f"The repository '{self.url}' has no commit {commit}.")
        await asyncio.to_thread(self.cache.evict, spare=self.key)

    @contextlib.asynccontextmanager
    async def _changing(self) -> AsyncIterator[_Git]:
        async with locked(self.cache.lock_of(self.key)), self._access() as git:
            if not (self.path / "HEAD").exists():
                self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                await git.call("init", "--quiet", "--bare", str(self.path))
            yield git
            os.utime(self.path)

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[_Git]:
        async with locked(self.cache.lock_of(self.key), shared=True):
            yield _Git(self, {})

    @contextlib.asynccontextmanager
    async def _access(self) -> AsyncIterator[_Git]:
        """Git with what opens the repository: a key in a private file, or a header in the environment; never an argument."""
        is_ssh = address_of(self.url).scheme == "ssh"
        if self.secret is None or not is_ssh:
            header = {} if self.secret is None else _header(self.secret)
            yield _Git(self, {**header, "GIT_SSH_COMMAND": _ssh(self.cache, None)})
            return
        with tempfile.TemporaryDirectory(prefix="maestrale-key-") as folder:
            key = Path(folder) / "key"
            descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self.secret.rstrip() + "\n")
            yield _Git(self, {"GIT_SSH_COMMAND": _ssh(self.cache, key)})


class _GitError(ActionError):
    """Git ended with an error."""


@dataclass(frozen=True, slots=True)
class _Git:
    """Calls of git on a repository."""

    repository: Repository
    environment: Mapping[str, str]

    def with_environment(self, more: Mapping[str, str]) -> _Git:
        """The same with further variables."""
        return _Git(self.repository, {**self.environment, **more})

    async def find(self, name: str) -> str | None:
        """The id of a commit that is here, by one of its names."""
        try:
            return (await self.call("rev-parse", "--quiet", "--verify", name)).strip()
        except _GitError:
            return None

    async def call(self, *arguments: str) -> str:
        """What git prints. Raises ActionError."""
        repository = self.repository
        program = shutil.which("git", path=_SYSTEM_PATH)
        if program is None:
            raise ActionError("Projects from git need the program git, which is not installed.")
        environment = {
            "PATH": _SYSTEM_PATH, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "GIT_DIR": str(repository.path), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES), **self.environment,
        }
        try:
            output = await command.run(
                [program, *_OPTIONS, *arguments], environment=environment, folder=repository.path, seconds=repository.cache.seconds)
        except TimeoutError:
            raise ActionError(f"The repository '{repository.url}' did not answer within {repository.cache.seconds:g} seconds.") from None
        if output.status != 0:
            raise _GitError(f"The repository '{repository.url}' can't be read: {self._said(output.errors)}")
        return output.text

    def _said(self, errors: str) -> str:
        lines = [line.strip() for line in errors.splitlines() if line.strip()]
        said = next((line for line in lines if line.startswith(("fatal:", "error:", "remote:"))), lines[-1] if lines else "no reason given")
        secret = self.repository.secret
        return said.replace(secret, "***") if secret else said


def _header(secret: str) -> dict[str, str]:
    """A token, or ``user:password``, as a header that git sends."""
    pair = secret.strip() if ":" in secret else f"x-access-token:{secret.strip()}"
    value = "Authorization: Basic " + base64.b64encode(pair.encode()).decode()
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": value}


def _ssh(cache: GitCache, key: Path | None) -> str:
    checking = "yes" if cache.host_key_checking else "no"
    identity = f" -i {key} -o IdentitiesOnly=yes" if key is not None else ""
    return f"ssh -o BatchMode=yes -o StrictHostKeyChecking={checking}{identity}"


def _used_at(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _size(path: Path) -> int:
    """Bytes of all files below; what vanishes meanwhile doesn't count."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    return total
