"""Use cases on members: a project lends a private workflow to another one, which accepts or rejects it (1.15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from maestrale.caller import Caller
from maestrale.catalog.lookup import Definitions, scope_of
from maestrale.errors import NotFoundError, RequestError
from maestrale.store import Connection, Database, definitions, members

Row = dict[str, Any]

PENDING = "pending"
STATUSES = (PENDING, "accepted", "rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """See the module. What a member may see changes with its answer, so ``definitions`` is told."""

    database: Database
    definitions: Definitions
    new_id: Callable[[], str]
    now: Callable[[], datetime]

    def share(self, caller: Caller, workflow_id: str, member_id: str) -> Row:
        """Offer a workflow. Raises NotFoundError unless the caller owns it, RequestError if it is public, DuplicateError."""
        row = {
            "id": self.new_id(), "resource_id": workflow_id, "resource_type": members.WORKFLOW, "project_id": caller.project_id,
            "member_id": member_id, "status": PENDING, "created_at": self.now(), "updated_at": None,
        }

        def work(conn: Connection) -> None:
            workflow = self._workflow(conn, caller, workflow_id)
            if workflow["project_id"] != caller.project_id:
                raise _missing(workflow_id)
            if workflow["scope"] != "private":
                raise RequestError("Only private resource could be shared.")
            members.add(conn, row)

        self.database.run_write(work)
        return row

    def members_of(self, caller: Caller, workflow_id: str) -> list[Row]:
        """All members for the owner, its own entry for a member. Raises NotFoundError for anyone else."""

        def work(conn: Connection) -> list[Row]:
            found = members.of_resource(conn, scope_of(caller), workflow_id)
            if not found:
                self._workflow(conn, caller, workflow_id)
            return found

        return self.database.run_read(work)

    def member(self, caller: Caller, workflow_id: str, member_id: str) -> Row:
        """One entry, for the owner and for that member. Raises NotFoundError."""
        return self.database.run_read(lambda conn: members.get(conn, scope_of(caller), workflow_id, member_id))

    def answer(self, caller: Caller, workflow_id: str, member_id: str, status: str) -> Row:
        """Accept or reject, by the member alone. Raises RequestError, NotFoundError (A292)."""
        if status not in STATUSES:
            raise RequestError(f"Status must be one of {list(STATUSES)}, not {status[:40]}.")

        def work(conn: Connection) -> Row:
            members.set_status(conn, scope_of(caller), workflow_id, member_id, status, self.now())
            definitions.raise_revision(conn)
            return members.get(conn, scope_of(caller), workflow_id, member_id)

        changed: Row = self._changed(work)
        return changed

    def withdraw(self, caller: Caller, workflow_id: str, member_id: str) -> None:
        """Take a share back, by the owner alone. Raises NotFoundError."""

        def work(conn: Connection) -> None:
            members.remove(conn, scope_of(caller), workflow_id, member_id)
            definitions.raise_revision(conn)

        self._changed(work)

    def _changed(self, work: Callable[[Connection], Any]) -> Any:
        try:
            return self.database.run_write(work)
        finally:
            self.definitions.expire()

    @staticmethod
    def _workflow(conn: Connection, caller: Caller, workflow_id: str) -> Row:
        row = definitions.find(conn, definitions.WORKFLOWS, scope_of(caller), workflow_id)
        if row is None or row["id"] != workflow_id:
            raise _missing(workflow_id)
        return row


def _missing(workflow_id: str) -> NotFoundError:
    return NotFoundError(f"Workflow not found [workflow_identifier={workflow_id}, namespace=]")
