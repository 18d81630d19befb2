"""Addresses of git repositories, and what in them may be asked for: which are addresses at all, and which are allowed. Reads nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from maestrale.errors import InputError

SCHEMES = ("https", "http", "ssh", "git", "file")
DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}

_SCP = re.compile(r"(?P<user>[A-Za-z0-9_.-]+@)?(?P<host>[A-Za-z0-9_.-]+):(?P<path>[^:].*)")
_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_NOT_IN_REFS = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock$|/$|^/|\.$")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Address:
    """A repository's address; ``host`` is None for one on this machine, ``port`` the scheme's where none is named."""

    scheme: str
    host: str | None
    port: int | None


def address_of(url: str) -> Address:
    """What an address says. Raises InputError for what is none: other schemes, credentials, ways up, options of git."""
    if not url or len(url) > LONGEST or url.startswith("-") or _CONTROL.search(url):
        raise InputError("The url of a project must be the address of a git repository.")
    if "://" not in url:
        match = _SCP.fullmatch(url)
        if match is None or url.startswith("/") or "::" in url:
            raise InputError(f"The url of a project must begin with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}.")
        address, path = Address("ssh", match["host"], DEFAULT_PORTS["ssh"]), match["path"]
    else:
        address, path = _split(url)
    if ".." in unquote(path).split("/"):
        raise InputError("The url of a project must not lead upwards.")
    return address


def _split(url: str) -> tuple[Address, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"The url of a project is not valid: {error}") from None
    if parts.scheme not in SCHEMES:
        raise InputError(f"The url of a project must begin with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}.")
    if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        raise InputError("The url of a project must not hold credentials; name a secret as credential.")
    if parts.query or parts.fragment or (parts.hostname or "").startswith("-") or (parts.username or "").startswith("-"):
        raise InputError("The url of a project must be the plain address of a git repository.")
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"}:
            raise InputError("A project's url of the form file:// names no host.")
        return Address("file", None, None), parts.path
    if not parts.hostname:
        raise InputError("The url of a project names no host.")
    return Address(parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme]), parts.path


def check_ref(ref: str) -> str:
    """A branch, tag or commit. Raises InputError for what git would take as something else."""
    if not ref or len(ref) > 255 or ref.startswith("-") or _NOT_IN_REFS.search(ref):
        raise InputError("The ref of a project must be a branch, a tag, or a commit.")
    return ref


def is_commit(text: str) -> bool:
    """Whether a text is a whole commit's id."""
    return _COMMIT.fullmatch(text) is not None


def is_among(url: str, allowed: Iterable[str]) -> bool:
    """Whether a list holds the address, or a beginning of it that ends in a slash (or, for ``git@host:``, in a colon)."""
    return any(url == one or (one.endswith(("/", ":")) and url.startswith(one)) for one in allowed)
