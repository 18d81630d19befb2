"""Tokens that an operator issues for people and programs where there is no identity service (``auth: token``).

The text of a token leaves this module once, as the answer of ``issue``; only its digest is stored.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from maestrale.api.auth import digest
from maestrale.caller import Caller
from maestrale.errors import NotFoundError, RequestError
from maestrale.store import Database, tokens

PREFIX = "mae_"
"""So that scanners of repositories know one, and no command line takes it for an option."""

SECRET_BYTES = 32
LONGEST_NAME = 255
LONGEST_PROJECT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token as asked for. ``name`` is what it is revoked by; ``lasts`` None: until then."""

    name: str
    project_id: str
    project_name: str | None = None
    user_name: str | None = None
    roles: Sequence[str] = ()
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """See the module. All methods may be called from any thread."""

    database: Database
    now: Callable[[], datetime]

    def issue(self, request: TokenRequest) -> str:
        """Store a new token; its text. Raises RequestError, DuplicateError."""
        _check(request)
        secret, created_at = PREFIX + secrets.token_urlsafe(SECRET_BYTES), self.now()
        row = {
            "id": str(uuid.uuid4()), "digest": digest(secret), "name": request.name, "project_id": request.project_id,
            "project_name": request.project_name, "user_id": request.user_name, "user_name": request.user_name, "roles": request.roles,
            "created_at": created_at, "expires_at": None if request.lasts is None else _end(created_at, request.lasts),
        }
        self.database.run_write(lambda conn: tokens.add(conn, row))
        return secret

    def all(self) -> list[dict[str, Any]]:
        """The tokens by name, without what they are known by; ``is_expired`` says whether they still count."""
        now = self.now()
        rows = self.database.run_read(tokens.all_tokens)
        return [{**row, "is_expired": row["expires_at"] is not None and row["expires_at"] <= now} for row in rows]

    def revoke(self, name: str) -> None:
        """Delete a token. Servers that have just seen it refuse it within seconds. Raises NotFoundError."""
        if not self.database.run_write(lambda conn: tokens.remove(conn, name)):
            raise NotFoundError(f"There is no token of the name '{name}'.")

    def caller_of(self, key: str) -> Caller | None:
        """Who the token with that digest stands for, None if there is none or it has expired."""
        return self.database.run_read(lambda conn: tokens.caller_of(conn, key, self.now()))


def _check(request: TokenRequest) -> None:
    """Raises RequestError for what the columns can't hold, or what would name nothing."""
    bounds = {"name": LONGEST_NAME, "project_id": LONGEST_PROJECT, "project_name": LONGEST_NAME, "user_name": LONGEST_NAME}
    for field, longest in bounds.items():
        value = getattr(request, field)
        if value is not None and not 0 < len(value) <= longest:
            raise RequestError(f"The {field} of a token must have 1 to {longest} characters.")
    if any(not role.strip() for role in request.roles):
        raise RequestError("A role of a token must not be empty.")


def _end(begin: datetime, lasts: timedelta) -> datetime:
    """Raises RequestError for a time beyond the calendar, or none at all."""
    try:
        end = begin + lasts
    except OverflowError:
        raise RequestError("The token would last longer than the calendar.") from None
    if end <= begin:
        raise RequestError("The token would have expired already.")
    return end
