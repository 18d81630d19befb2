"""Use cases on code sources and dynamic actions: Python text kept for actions, and names for its classes (1.15).

The text is kept and versioned here; nothing here runs it. ``text_of`` is for the process that does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maestrale.caller import Caller
from maestrale.catalog.lookup import scope_of
from maestrale.errors import NotAllowedError, RequestError
from maestrale.store import Connection, Database, definitions
from maestrale.store.definitions import Kind
from maestrale.store.scope import EVERYTHING

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """See the module."""

    database: Database
    new_id: Callable[[], str]
    now: Callable[[], datetime]

    # ---- code sources

    def create_source(self, caller: Caller, *, name: str, content: str, namespace: str = "", scope: str = "private") -> Row:
        """Store a source as version 1. Raises RequestError, DuplicateError."""
        _check_content(content)
        row = {
            **self._new(caller, name, namespace, scope), "content": content, "version": 1, "tags": [],
        }
        self.database.run_write(lambda conn: definitions.create(conn, definitions.CODE_SOURCES, [row]))
        return row

    def update_source(self, caller: Caller, identifier: str, content: str, *, namespace: str = "", scope: str | None = None) -> Row:
        """Replace the text and raise the version. Raises RequestError, NotFoundError, NotAllowedError."""
        _check_content(content)

        def work(conn: Connection) -> Row:
            row = _changeable(conn, definitions.CODE_SOURCES, caller, identifier, namespace)
            changes: Row = {"content": content, "version": row["version"] + 1, "updated_at": self.now()}
            if scope is not None:
                changes["scope"] = scope
            definitions.update(conn, definitions.CODE_SOURCES, scope_of(caller), row["id"], changes)
            return {**row, **changes}

        return self.database.run_write(work)

    def delete_source(self, caller: Caller, identifier: str, *, namespace: str = "") -> None:
        """Delete a source with its dynamic actions (A282)."""
        self._delete(definitions.CODE_SOURCES, caller, identifier, namespace)

    def text_of(self, source_id: str) -> tuple[str, str]:
        """Name and newest text of a source, whoever's it is. Raises NotFoundError."""
        row = self.database.run_read(lambda conn: definitions.get(conn, definitions.CODE_SOURCES, EVERYTHING, source_id))
        return row["name"], row["content"]

    # ---- dynamic actions

    def create_action(
        self, caller: Caller, *, name: str, class_name: str, source: str, namespace: str = "", scope: str = "private",
    ) -> Row:
        """Name a class of a source, given by id or name. Raises NotFoundError, DuplicateError."""

        def work(conn: Connection) -> Row:
            found = definitions.get(conn, definitions.CODE_SOURCES, scope_of(caller), source, namespace)
            row = {
                **self._new(caller, name, namespace, scope), "class_name": class_name, "code_source_id": found["id"],
                "code_source_name": found["name"], "tags": [],
            }
            definitions.create(conn, definitions.DYNAMIC_ACTIONS, [row])
            return row

        return self.database.run_write(work)

    def update_action(
        self, caller: Caller, identifier: str, changes: Mapping[str, Any], *, source: str | None = None, namespace: str = "",
    ) -> Row:
        """Change class, source or scope; what isn't given stays (A285). Raises NotFoundError, NotAllowedError."""

        def work(conn: Connection) -> Row:
            row = _changeable(conn, definitions.DYNAMIC_ACTIONS, caller, identifier, namespace)
            changed = {**changes, "updated_at": self.now()}
            if source is not None:
                found = definitions.get(conn, definitions.CODE_SOURCES, scope_of(caller), source, namespace)
                changed |= {"code_source_id": found["id"], "code_source_name": found["name"]}
            definitions.update(conn, definitions.DYNAMIC_ACTIONS, scope_of(caller), row["id"], changed)
            return {**row, **changed}

        return self.database.run_write(work)

    def delete_action(self, caller: Caller, identifier: str, *, namespace: str = "") -> None:
        """Delete a dynamic action."""
        self._delete(definitions.DYNAMIC_ACTIONS, caller, identifier, namespace)

    # ---- what both have in common

    def _new(self, caller: Caller, name: str, namespace: str, scope: str) -> Row:
        return {
            "id": self.new_id(), "name": name, "namespace": namespace, "project_id": caller.project_id, "scope": scope,
            "created_at": self.now(), "updated_at": None,
        }

    def _delete(self, kind: Kind, caller: Caller, identifier: str, namespace: str) -> None:
        def work(conn: Connection) -> None:
            row = _changeable(conn, kind, caller, identifier, namespace)
            definitions.delete(conn, kind, scope_of(caller), row["id"])

        self.database.run_write(work)


def _changeable(conn: Connection, kind: Kind, caller: Caller, identifier: str, namespace: str) -> Row:
    scope = scope_of(caller)
    row = definitions.get(conn, kind, scope, identifier, namespace)
    if not scope.may_change(row):
        raise NotAllowedError(f"Can't modify a {kind.noun.lower()} of another project. [id={row['id']}, project_id={row['project_id']}]")
    return row


def _check_content(content: str) -> None:
    if not content.strip():
        raise RequestError("The text of a code source must not be empty.")
