"""Who asks: the identity that the API found out and everything below it trusts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DEFAULT_PROJECT = "<default-project>"
"""The project of everything when authentication is off, as in Mistral."""

HIDDEN = "***"
"""What expressions see of what they must not see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Another cloud that the request's actions are to call (``X-Target-*``). It never decides whose objects are seen.

    ``token`` and ``catalog`` (the catalogue as it was sent, None: to be asked for) stay in memory; ``key`` finds them again.
    """

    auth_url: str
    key: str
    token: str = field(repr=False, compare=False)
    catalog: Any = field(default=None, repr=False, compare=False)
    project_id: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    region: str | None = None
    insecure: bool = False

    def as_security(self) -> dict[str, Any]:
        """What is stored of it with an execution."""
        return {
            "auth_url": self.auth_url, "key": self.key, "project_id": self.project_id, "user_id": self.user_id,
            "user_name": self.user_name, "region": self.region, "insecure": self.insecure,
        }


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user in a project. ``token`` never reaches a row, a log or a repr."""

    project_id: str = DEFAULT_PROJECT
    project_name: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    roles: tuple[str, ...] = ()
    is_admin: bool = False
    authenticated: bool = False
    token: str | None = field(default=None, repr=False, compare=False)
    expires_at: str | None = None
    region: str | None = None
    trust_id: str | None = None
    service_catalog: Any = field(default=None, repr=False, compare=False)
    target: Target | None = None

    def as_security(self) -> dict[str, Any]:
        """What is stored with an execution so that later work can be done in this caller's name."""
        return {
            "project_id": self.project_id, "project_name": self.project_name, "user_id": self.user_id,
            "user_name": self.user_name, "roles": list(self.roles), "is_admin": self.is_admin,
            "authenticated": self.authenticated, "expires_at": self.expires_at, "region": self.region,
            "trust_id": self.trust_id, **({"target": self.target.as_security()} if self.target else {}),
        }

    def as_context(self) -> dict[str, Any] | None:
        """What expressions see of the caller as ``$.openstack``, under Mistral's names (L183); None without authentication.

        Token and catalogue are there in name only (A308).
        """
        if not self.authenticated:
            return None
        return {
            "project_id": self.project_id, "project": self.project_id, "project_name": self.project_name, "user_id": self.user_id,
            "user": self.user_id, "user_name": self.user_name, "roles": list(self.roles), "is_admin": self.is_admin,
            "expires_at": self.expires_at, "region_name": self.region, "trust_id": self.trust_id,
            "is_trust_scoped": self.trust_id is not None, "is_target": self.target is not None, "auth_token": HIDDEN,
            "service_catalog": HIDDEN,
        }
