"""Secrets of environments: texts that actions may be given by name, and that nobody is ever shown.

They are sealed with a key of the operator before they are stored, each together with its place, so that one can't be put in
another's. Only the project that owns the environment works with them, and administrators; that others see a public
environment doesn't let them use its secrets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from maestrale.caller import Caller
from maestrale.catalog.lookup import scope_of
from maestrale.errors import ActionError, NotAllowedError, NotFoundError, RequestError
from maestrale.store import Connection, Database, Scope, definitions, environment_secrets

Row = dict[str, Any]

NO_KEY = "Secrets can't be kept here, since no key for them is configured (option secrets.keys)."
LONGEST_NAME = 200


class Sealer:
    """Seals texts with the first of the keys; opens what any of them has sealed."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises ValueError for what is no key: 32 bytes in URL-safe base64."""
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    def seal(self, environment_id: str, name: str, value: str) -> str:
        """Raises RequestError without a key."""
        if self._fernet is None:
            raise RequestError(NO_KEY)
        return self._fernet.encrypt(json.dumps([environment_id, name, value]).encode()).decode()

    def open(self, environment_id: str, name: str, sealed: str) -> str:
        """Raises ActionError where the key is missing or another one, or the text was sealed for another place."""
        try:
            if self._fernet is not None:
                *place, value = json.loads(self._fernet.decrypt(sealed))
                if place == [environment_id, name]:
                    return str(value)
        except InvalidToken:
            pass
        raise ActionError(f"The secret '{name}' can't be opened: none of the configured keys fits (option secrets.keys).")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSecrets:
    """See the module."""

    database: Database
    sealer: Sealer
    now: Callable[[], datetime]

    def names(self, caller: Caller, environment: str) -> list[Row]:
        """The secrets without their values. Raises NotFoundError, NotAllowedError."""

        def work(conn: Connection) -> list[Row]:
            return environment_secrets.names(conn, _environment(conn, caller, environment))

        return self.database.run_read(work)

    def put(self, caller: Caller, environment: str, name: str, value: str) -> tuple[Row, bool]:
        """Store a secret; without its value, and whether it is another than before. Raises NotFoundError, NotAllowedError, RequestError."""

        def work(conn: Connection) -> tuple[Row, bool]:
            environment_id = _environment(conn, caller, environment)
            if not name or len(name) > LONGEST_NAME or not value:
                raise RequestError(f"A secret must have a name of at most {LONGEST_NAME} characters and a value.")
            before = environment_secrets.get(conn, environment_id, name)
            is_changed = before is None or not self._holds(environment_id, name, before["sealed"], value)
            if is_changed:
                environment_secrets.put(conn, environment_id, name, self.sealer.seal(environment_id, name, value), self.now())
            after = environment_secrets.get(conn, environment_id, name)
            assert after is not None
            del after["sealed"]
            return after, is_changed

        return self.database.run_write(work)

    def _holds(self, environment_id: str, name: str, sealed: str, value: str) -> bool:
        try:
            return self.sealer.open(environment_id, name, sealed) == value
        except ActionError:
            return False

    def delete(self, caller: Caller, environment: str, name: str) -> None:
        """Forget a secret. Raises NotFoundError, NotAllowedError."""

        def work(conn: Connection) -> None:
            if not environment_secrets.delete(conn, _environment(conn, caller, environment), name):
                raise NotFoundError(f"Secret not found [environment={environment}, name={name}]")

        self.database.run_write(work)

    def get(self, project_id: str, name: str) -> str:
        """A secret's value for an action of the project, by ``ENVIRONMENT/NAME``. Raises NotFoundError, ActionError."""
        environment, _, secret = name.rpartition("/")
        if not environment or not secret:
            raise ActionError(f"The secret '{name}' must be named as ENVIRONMENT/NAME.")

        def work(conn: Connection) -> tuple[str, str]:
            owned = definitions.find(conn, definitions.ENVIRONMENTS, Scope(project_id), environment)
            found = None if owned is None or owned["project_id"] != project_id else environment_secrets.get(conn, owned["id"], secret)
            if owned is None or found is None:
                raise NotFoundError(f"Secret not found [environment={environment}, name={secret}]")
            return owned["id"], found["sealed"]

        environment_id, sealed = self.database.run_read(work)
        return self.sealer.open(environment_id, secret, sealed)


def _environment(conn: Connection, caller: Caller, name: str) -> str:
    """The id of an environment whose secrets are the caller's business."""
    scope = scope_of(caller)
    row = definitions.find(conn, definitions.ENVIRONMENTS, scope, name)
    if row is None:
        # administrators find those of all projects, where the name says which is meant
        others = definitions.select(conn, definitions.ENVIRONMENTS, scope, name=name) if scope.is_admin else []
        if len(others) != 1:
            raise definitions.ENVIRONMENTS.missing(name, "")
        row = others[0]
    if not scope.may_change(row):
        raise NotAllowedError(f"The secrets of an environment are its own project's only. [name={name}]")
    return str(row["id"])
