"""Tokens of an OpenStack identity service, validated through keystoneauth1 (2.2, 2.6).

Imported only where ``auth`` is ``keystone``. A validated token is believed for a short time. The tenant is the
project that the token is scoped to, and nothing that the client says besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

from maestrale.api.auth import ADMIN_ROLE, INVALID, MISSING, TokenCache, digest
from maestrale.caller import Caller
from maestrale.config import KeystoneSettings
from maestrale.errors import IdentityUnavailableError, UnauthorizedError

UNREACHABLE = "The identity service can't be reached at the moment."
REFUSED = "The identity service refuses the credentials of this service (options keystone.*)."


class KeystoneAuthentication:
    """Validates the X-Auth-Token of each request with the identity service."""

    def __init__(self, settings: KeystoneSettings, cache: TokenCache, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._cache = cache
        self._now = now
        self._url = identity_url(settings)
        self._session = service_session(settings)
        self.challenge = f'Keystone uri="{settings.www_authenticate_uri or settings.auth_url}"'

    def recall(self, headers: Mapping[str, str]) -> Caller | None:
        """The caller of a token that was validated a moment ago. Raises UnauthorizedError if none was sent."""
        token = _token_of(headers)
        known = self._cache.get(digest(token))
        return None if known is None else _with_region(known, headers)

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """The caller of a token, asked of the identity service. Raises UnauthorizedError, IdentityUnavailableError."""
        token = _token_of(headers)
        described = self._validate(token)
        caller = caller_of(described, token)
        self._cache.put(digest(token), caller, _seconds_left(described, self._now()))
        return _with_region(caller, headers)

    def _validate(self, token: str) -> Mapping[str, Any]:
        """What the identity service says of a token."""
        try:
            answer = self._session.get(f"{self._url}/auth/tokens", headers={"X-Subject-Token": token})
        except exceptions.NotFound:
            raise UnauthorizedError(INVALID) from None
        except (exceptions.Unauthorized, exceptions.Forbidden, exceptions.MissingRequiredOptions) as error:
            raise IdentityUnavailableError(REFUSED) from error
        except exceptions.ClientException as error:
            raise IdentityUnavailableError(UNREACHABLE) from error
        described: Mapping[str, Any] = answer.json()["token"]
        return described


class Trusts:
    """Delegations from a caller to this service's own user, for what runs without the caller (2.6)."""

    def __init__(self, settings: KeystoneSettings) -> None:
        self._settings = settings
        self._url = identity_url(settings)
        self._session = service_session(settings)

    def create(self, caller: Caller) -> str:
        """The id of a new trust with the caller's roles. Raises UnauthorizedError, IdentityUnavailableError."""
        roles = self._settings.trust_roles or list(caller.roles)
        try:
            body = {"trust": {
                "trustor_user_id": caller.user_id, "trustee_user_id": self._session.get_user_id(), "impersonation": True,
                "project_id": caller.project_id, "roles": [{"name": role} for role in roles],
            }}
            answer = self._session.post(
                f"{self._url}/OS-TRUST/trusts", json=body, authenticated=False, headers={"X-Auth-Token": caller.token or ""},
            )
        except (exceptions.Unauthorized, exceptions.Forbidden, exceptions.BadRequest, exceptions.NotFound) as error:
            raise UnauthorizedError(f"A trust could not be created: {error.message}") from error
        except exceptions.ClientException as error:
            raise IdentityUnavailableError(UNREACHABLE) from error
        return str(answer.json()["trust"]["id"])

    def delete(self, trust_id: str) -> None:
        """Delete a trust, acting through it as its trustor would; one that is gone is no error. Raises IdentityUnavailableError."""
        delegated = session.Session(
            auth=_password(self._settings, trust_id=trust_id), verify=_verify(self._settings), timeout=self._settings.timeout,
        )
        try:
            delegated.delete(f"{self._url}/OS-TRUST/trusts/{trust_id}")
        except (exceptions.NotFound, exceptions.Unauthorized, exceptions.Forbidden):
            return
        except exceptions.ClientException as error:
            raise IdentityUnavailableError(UNREACHABLE) from error


def identity_url(settings: KeystoneSettings) -> str:
    """The address of the v3 API, without a slash at the end."""
    url = (settings.auth_url or "").rstrip("/")
    return url if url.endswith("/v3") else f"{url}/v3"


def service_session(settings: KeystoneSettings) -> session.Session:
    """A session of this service's own user; it logs in when it is first used, and again when its token expires."""
    return session.Session(auth=_password(settings), verify=_verify(settings), timeout=settings.timeout)


def _password(settings: KeystoneSettings, trust_id: str | None = None) -> v3.Password:
    scope: dict[str, Any] = {"trust_id": trust_id} if trust_id else {
        "project_name": settings.project_name, "project_domain_name": settings.project_domain_name,
    }
    return v3.Password(
        auth_url=identity_url(settings), username=settings.username, user_domain_name=settings.user_domain_name,
        password=settings.password.get_secret_value() if settings.password else "", **scope,
    )


def _verify(settings: KeystoneSettings) -> bool | str:
    if settings.insecure:
        return False
    return str(settings.cafile) if settings.cafile else True


def caller_of(described: Mapping[str, Any], token: str) -> Caller:
    """The identity that a validated token stands for. Raises UnauthorizedError for one without a project."""
    project = described.get("project")
    if not project:
        raise UnauthorizedError("The token is not scoped to a project.")
    roles = tuple(role["name"] for role in described.get("roles", ()))
    return Caller(
        project_id=project["id"], project_name=project.get("name"), user_id=described["user"]["id"],
        user_name=described["user"].get("name"), roles=roles, is_admin=ADMIN_ROLE in roles, authenticated=True, token=token,
        expires_at=described.get("expires_at"), trust_id=described.get("OS-TRUST:trust", {}).get("id"),
        service_catalog=described.get("catalog"),
    )


def _token_of(headers: Mapping[str, str]) -> str:
    token = headers.get("x-auth-token")
    if not token:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthorizedError(MISSING)
    if not token.isascii() or not token.isprintable():
        raise UnauthorizedError(INVALID)
    return token.strip()


def _seconds_left(described: Mapping[str, Any], now: datetime) -> float | None:
    """How long the token is still valid; None where the identity service doesn't say."""
    text = described.get("expires_at")
    if not text:
        return None
    expires = datetime.fromisoformat(text)
    return ((expires.astimezone(UTC).replace(tzinfo=None) if expires.tzinfo else expires) - now).total_seconds()


def _with_region(caller: Caller, headers: Mapping[str, str]) -> Caller:
    region = headers.get("x-region-name")
    return replace(caller, region=region) if region else caller
