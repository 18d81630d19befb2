"""Who asks: authentication that needs no other service.

``OpenAccess`` is for a server that only its own machine reaches; ``TokenAuthentication`` knows static tokens by
their digest. Both answer at once. What clients say about themselves in X-Project-Id, X-User-Id or X-Roles is
never believed once authentication is on (A304); the tenant comes from the credentials alone (A301).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import orjson

from maestrale.caller import Caller, Target
from maestrale.config import TokenIdentity
from maestrale.errors import RequestError, UnauthorizedError

ADMIN_ROLE = "admin"
MISSING = "Authentication required: send a token as X-Auth-Token, or as Authorization: Bearer."
INVALID = "The token is not valid."


class Authenticator(Protocol):
    """Finds out who sent a request. ``challenge`` is the WWW-Authenticate header of a 401."""

    challenge: str

    def recall(self, headers: Mapping[str, str]) -> Caller | None:
        """The caller if that can be told without waiting, else None. Raises UnauthorizedError."""

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """The caller; may wait for another service. Raises UnauthorizedError."""


class OpenAccess:
    """No authentication: everyone works in ``<default-project>``, an administrator by naming the role (2.1)."""

    challenge = "None"

    def recall(self, headers: Mapping[str, str]) -> Caller:
        """The one caller there is; X-Roles is believed."""
        names = headers.get("x-roles")
        region = headers.get("x-region-name")
        if names is None and region is None:
            return _ANYONE
        roles = split_roles(names or "")
        return Caller(roles=roles, is_admin=ADMIN_ROLE in roles, region=region)

    authenticate = recall


_ANYONE = Caller()


class TokenStore(Protocol):
    """Where the digests of tokens made by an administrator are kept."""

    def caller_of(self, digest: str) -> Caller | None:
        """The identity of an unexpired token, or None."""


def split_roles(text: str) -> tuple[str, ...]:
    """The names of a comma list of roles."""
    return tuple(role.strip() for role in text.split(",") if role.strip())


def digest(token: str) -> str:
    """What is kept of a token. Tokens are random and long, so a plain digest can't be reversed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def presented_token(headers: Mapping[str, str]) -> tuple[str, str | None]:
    """The token that a request bears, and the user's name of HTTP basic. Raises UnauthorizedError if there is none."""
    token = headers.get("x-auth-token")
    if token:
        return token, None
    scheme, _, value = (headers.get("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip(), None
    if scheme.lower() == "basic":
        try:
            user, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            raise UnauthorizedError("The Authorization header can't be read.") from None
        if colon and password:
            return password, user
    raise UnauthorizedError(MISSING)


class TokenAuthentication:
    """Static tokens: those of the configuration, and those that the store keeps by digest.

    What the store answered is believed for ``cache_seconds``, so a revoked token ends within that time.
    """

    challenge = 'Bearer realm="maestrale", Basic realm="maestrale"'

    def __init__(self, identities: Iterable[TokenIdentity], store: TokenStore, cache: TokenCache) -> None:
        self._configured = {digest(identity.token.get_secret_value()): _caller(identity) for identity in identities}
        self._store = store
        self._cache = cache

    def recall(self, headers: Mapping[str, str]) -> Caller | None:
        """The caller of a configured or recently seen token. Raises UnauthorizedError if none was sent."""
        token, user = presented_token(headers)
        key = digest(token)
        known = self._configured.get(key) or self._cache.get(key)
        return None if known is None else _finish(known, user, headers)

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """The caller of a token that the store has to be asked about. Raises UnauthorizedError."""
        token, user = presented_token(headers)
        key = digest(token)
        found = self._store.caller_of(key)
        if found is None:
            raise UnauthorizedError(INVALID)
        self._cache.put(key, found)
        return _finish(found, user, headers)


class TokenCache:
    """Callers by the digest of their token, each for a limited time, a limited number of them."""

    def __init__(self, seconds: float, size: int, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._size = size
        self._monotonic = monotonic
        self._entries: dict[str, tuple[float, Caller]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Caller | None:
        """The caller, unless its time is over."""
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._monotonic():
            return None
        return entry[1]

    def put(self, key: str, caller: Caller, seconds: float | None = None) -> None:
        """Remember a caller, at most ``seconds`` long; the oldest makes room."""
        span = self._seconds if seconds is None else min(seconds, self._seconds)
        if span <= 0 or self._size <= 0:
            return
        with self._lock:
            self._entries.pop(key, None)
            while len(self._entries) >= self._size:
                del self._entries[next(iter(self._entries))]
            self._entries[key] = (self._monotonic() + span, caller)

    def forget(self, key: str) -> None:
        """Drop a caller."""
        with self._lock:
            self._entries.pop(key, None)


def _caller(identity: TokenIdentity) -> Caller:
    return Caller(
        project_id=identity.project_id, project_name=identity.project_name, user_id=identity.user_id, user_name=identity.user_name,
        roles=tuple(identity.roles), is_admin=ADMIN_ROLE in identity.roles, authenticated=True,
    )


def _finish(caller: Caller, user: str | None, headers: Mapping[str, str]) -> Caller:
    """Check the name given by HTTP basic, and add what the request says about itself."""
    if user is not None and user not in {caller.user_name, caller.user_id, caller.project_name, caller.project_id}:
        raise UnauthorizedError(INVALID)
    region = headers.get("x-region-name")
    return replace(caller, region=region) if region else caller


def with_target(caller: Caller, headers: Mapping[str, str]) -> Caller:
    """The caller with the other cloud that the request names for its actions, if it names one (A302).

    That never decides whose objects are seen (A301). Raises RequestError for headers that make no sense (A303).
    """
    auth_url = headers.get("x-target-auth-uri")
    if not auth_url:
        return caller
    token = headers.get("x-target-auth-token")
    if not token:
        raise RequestError("Target auth URI (X-Target-Auth-Uri) needs a target auth token (X-Target-Auth-Token).")
    insecure = headers.get("x-target-insecure", "False")
    if insecure not in {"True", "False"}:
        raise RequestError("X-Target-Insecure must be True or False.")
    return replace(caller, target=Target(
        auth_url=auth_url, key=digest(" ".join((auth_url, token, insecure, headers.get("x-target-service-catalog", "")))), token=token,
        catalog=_target_catalog(headers),
        project_id=headers.get("x-target-project-id"), user_id=headers.get("x-target-user-id"),
        user_name=headers.get("x-target-user-name"), region=headers.get("x-target-region-name"), insecure=insecure == "True",
    ))


def _target_catalog(headers: Mapping[str, str]) -> Any:
    text = headers.get("x-target-service-catalog")
    if not text:
        return None
    try:
        return orjson.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise RequestError("X-Target-Service-Catalog must be the base64 form of a JSON catalog.") from None
