"""Use cases on project sources: git repositories that playbooks come from, under a name, pinned to a commit.

Nothing here speaks git: the first run that needs a source resolves its ref, and ``pin`` keeps what it found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maestrale.actions import ProjectSource
from maestrale.actions.project_url import address_of, check_ref, is_among, is_commit
from maestrale.caller import Caller
from maestrale.catalog.lookup import scope_of
from maestrale.errors import InputError, NotAllowedError, RequestError
from maestrale.store import Connection, Database, definitions
from maestrale.store.definitions import PROJECT_SOURCES
from maestrale.store.scope import Scope

Row = dict[str, Any]
LONGEST_PATTERN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSources:
    """See the module. ``urls``: the addresses allowed to all; None leaves it to ``open``, which lets everybody name any one."""

    database: Database
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    urls: tuple[str, ...] | None = None
    open: bool = False

    def create(self, caller: Caller, name: str, values: Mapping[str, Any]) -> Row:
        """Store a source. Raises RequestError, NotAllowedError for its address, DuplicateError."""
        row = {
            "description": None, "ref": None, "revision": None, "playbooks": None, "credential": None, "scope": "private", **values,
            "id": self.new_id(), "name": name, "project_id": caller.project_id, "created_at": self.now(), "updated_at": None,
        }
        if not row.get("url"):
            raise RequestError("The url of the project source must be provided.")
        _check_values(row)
        self._check_allowed(caller, row["url"])
        self.database.run_write(lambda conn: definitions.create(conn, PROJECT_SOURCES, [row]))
        return row

    def update(self, caller: Caller, identifier: str, values: Mapping[str, Any]) -> Row:
        """Change what is given; another url or ref undoes the pin. Raises RequestError, NotFoundError, NotAllowedError."""
        if "url" in values and not values["url"]:
            raise RequestError("The url of the project source must be provided.")
        _check_values(values)

        def work(conn: Connection) -> Row:
            scope = scope_of(caller)
            row = definitions.get(conn, PROJECT_SOURCES, scope, identifier)
            if not scope.may_change(row):
                raise NotAllowedError(f"The project source belongs to another project. [id={row['id']}]")
            self._check_allowed(caller, values.get("url") or row["url"])
            changes: Row = {**values, "updated_at": self.now()}
            if "revision" not in values and any(name in values and values[name] != row[name] for name in ("url", "ref")):
                changes["revision"] = None
            definitions.update(conn, PROJECT_SOURCES, scope, row["id"], changes)
            return {**row, **changes}

        return self.database.run_write(work)

    def delete(self, caller: Caller, identifier: str) -> None:
        """Delete a source. Raises NotFoundError, NotAllowedError."""

        def work(conn: Connection) -> None:
            row = definitions.get(conn, PROJECT_SOURCES, scope_of(caller), identifier)
            definitions.delete(conn, PROJECT_SOURCES, scope_of(caller), row["id"])

        self.database.run_write(work)

    # ---- for actions

    def find(self, project_id: str, name: str) -> ProjectSource | None:
        """The source of that name that a tenant project sees: its own, else a public one."""
        scope = Scope(project_id)
        row = self.database.run_read(lambda conn: definitions.find(conn, PROJECT_SOURCES, scope, name))
        if row is None:
            return None
        patterns = row["playbooks"]
        return ProjectSource(
            id=row["id"], project_id=row["project_id"], name=row["name"], url=row["url"], ref=row["ref"], revision=row["revision"],
            credential=row["credential"], playbooks=None if patterns is None else tuple(patterns))

    def pin(self, source: ProjectSource, revision: str) -> str:
        """Keep the commit that the source's ref was resolved to, if the source is still what it was; the commit that holds now."""

        def work(conn: Connection) -> str:
            scope = Scope(source.project_id, is_admin=True)
            row = definitions.find(conn, PROJECT_SOURCES, scope, source.id)
            if row is None or (row["url"], row["ref"]) != (source.url, source.ref):
                return revision
            if row["revision"] != source.revision:
                return str(row["revision"] or revision)
            definitions.update(conn, PROJECT_SOURCES, scope, source.id, {"revision": revision, "updated_at": self.now()})
            return revision

        return self.database.run_write(work)

    def _check_allowed(self, caller: Caller, url: str) -> None:
        allowed = is_among(url, self.urls) if self.urls is not None else self.open or caller.is_admin
        if not allowed:
            raise NotAllowedError(f"Projects may not come from '{url}' (setting playbooks.git_urls).")


def _check_values(values: Mapping[str, Any]) -> None:
    """Raises RequestError for a value that makes no sense."""
    try:
        if values.get("url") is not None:
            address_of(values["url"])
        if values.get("ref") is not None:
            check_ref(values["ref"])
    except InputError as error:
        raise RequestError(error.message) from None
    if values.get("revision") is not None and not is_commit(values["revision"]):
        raise RequestError("The revision of a project source must be a whole commit id: 40 or 64 lower-case hexadecimal digits.")
    for pattern in values.get("playbooks") or ():
        if not pattern or len(pattern) > LONGEST_PATTERN or pattern.startswith("/") or ".." in pattern.split("/"):
            raise RequestError("playbooks must be patterns of paths inside the repository, such as 'playbooks/*.yml'.")
