"""Who asks: the identity that the API found out and everything below it trusts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DEFAULT_PROJECT = "<default-project>"
"""The project of everything when authentication is off, as in Mistral."""


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

    def as_security(self) -> dict[str, Any]:
        """What is stored with an execution so that later work can be done in this caller's name."""
        return {
            "project_id": self.project_id, "project_name": self.project_name, "user_id": self.user_id,
            "user_name": self.user_name, "roles": list(self.roles), "is_admin": self.is_admin,
            "authenticated": self.authenticated, "expires_at": self.expires_at, "region": self.region,
            "trust_id": self.trust_id,
        }
