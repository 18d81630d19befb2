"""Use cases on cron and event triggers: what may be stored, for which workflow, in whose name (1.13, 1.14, 2.6).

Firing them is not done here. Rows go out as mappings of their columns. All methods may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from maestrale.caller import Caller
from maestrale.catalog.lookup import scope_of
from maestrale.catalog.schedule import CATCH_UP, plan
from maestrale.core.adhoc import check_input
from maestrale.errors import NotAllowedError, RequestError
from maestrale.lang import workflow_from_raw
from maestrale.store import Connection, Database, definitions, triggers
from maestrale.store.definitions import Kind

Row = dict[str, Any]

UNCHANGEABLE = ("exchange", "topic", "event")


class Trusts(Protocol):
    """Delegations of a caller's rights to the service, for what runs later."""

    def create(self, caller: Caller) -> str:
        """The id of a new trust. Raises UnauthorizedError, IdentityUnavailableError."""

    def delete(self, trust_id: str) -> None:
        """Delete a trust; one that is gone is no error. Raises IdentityUnavailableError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronRequest:
    """A cron trigger as asked for. ``timezone`` and ``catch_up`` are additions to Mistral's."""

    name: str
    workflow_name: str | None = None
    workflow_id: str | None = None
    workflow_input: Mapping[str, Any] | None = None
    workflow_params: Mapping[str, Any] | None = None
    pattern: str | None = None
    first_execution_time: str | None = None
    remaining_executions: int | str | None = None
    timezone: str | None = None
    catch_up: str | None = None
    scope: str = "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRequest:
    """An event trigger as asked for."""

    exchange: str
    topic: str
    event: str
    workflow_id: str
    name: str | None = None
    workflow_input: Mapping[str, Any] | None = None
    workflow_params: Mapping[str, Any] | None = None
    scope: str = "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """See the module. ``trusts`` is None where there is no identity service."""

    database: Database
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    trusts: Trusts | None = None

    # ---- cron triggers

    def create_cron(self, caller: Caller, request: CronRequest) -> Row:
        """Store a cron trigger. Raises RequestError before NotFoundError for the workflow (A241), InputError, DuplicateError."""
        now = self.now()
        schedule = plan(
            pattern=request.pattern, first_time=request.first_execution_time, remaining=request.remaining_executions, now=now,
            timezone=request.timezone,
        )
        if request.catch_up is not None and request.catch_up not in CATCH_UP:
            raise RequestError(f"catch_up must be one of {list(CATCH_UP)}.")
        if not (request.workflow_id or request.workflow_name):
            raise RequestError("Workflow ID or workflow name must be provided. Workflow ID is recommended.")
        workflow = self.database.run_read(
            lambda conn: self._workflow(conn, caller, request.workflow_id or request.workflow_name or "", request.workflow_input))
        row = {
            "id": self.new_id(), "name": request.name, "scope": request.scope, "project_id": caller.project_id,
            "workflow_id": workflow["id"], "workflow_name": workflow["name"], "workflow_input": dict(request.workflow_input or {}),
            "workflow_params": dict(request.workflow_params or {}), "pattern": schedule.pattern, "timezone": schedule.timezone,
            "catch_up": request.catch_up, "remaining_executions": schedule.remaining, "first_execution_time": schedule.first_time,
            "next_execution_time": schedule.next_time, "created_at": now, "updated_at": None,
        }
        return self._with_trust(caller, row, triggers.create_cron)

    def delete_cron(self, caller: Caller, identifier: str) -> None:
        """Delete a cron trigger and its trust. Raises NotFoundError, NotAllowedError."""
        self._delete(definitions.CRON_TRIGGERS, caller, identifier)

    # ---- event triggers

    def create_event(self, caller: Caller, request: EventRequest) -> Row:
        """Store an event trigger. Raises NotFoundError for the workflow, InputError, DuplicateError."""
        workflow = self.database.run_read(lambda conn: self._workflow(conn, caller, request.workflow_id, request.workflow_input))
        row = {
            "id": self.new_id(), "name": request.name, "scope": request.scope, "project_id": caller.project_id,
            "workflow_id": workflow["id"], "workflow_input": dict(request.workflow_input or {}),
            "workflow_params": dict(request.workflow_params or {}), "exchange": request.exchange, "topic": request.topic,
            "event": request.event, "created_at": self.now(), "updated_at": None,
        }
        return self._with_trust(caller, row, lambda conn, new: definitions.create(conn, definitions.EVENT_TRIGGERS, [new]))

    def update_event(self, caller: Caller, identifier: str, changes: Mapping[str, Any]) -> Row:
        """Change name, workflow, input, params or scope. Raises RequestError, NotFoundError, NotAllowedError (A255, A256)."""

        def work(conn: Connection) -> Row:
            row = _changeable(conn, definitions.EVENT_TRIGGERS, caller, identifier)
            for name in UNCHANGEABLE:
                if name in changes and changes[name] != row[name]:
                    raise RequestError(f"Can not update {', '.join(UNCHANGEABLE)} of an event trigger.")
            wanted = {name: value for name, value in changes.items() if name not in UNCHANGEABLE}
            merged = {**row, **wanted}
            if "workflow_id" in wanted or "workflow_input" in wanted:
                self._workflow(conn, caller, merged["workflow_id"], merged["workflow_input"])
            changed = {**wanted, "updated_at": self.now()}
            definitions.update(conn, definitions.EVENT_TRIGGERS, scope_of(caller), row["id"], changed)
            return {**row, **changed}

        return self.database.run_write(work)

    def delete_event(self, caller: Caller, identifier: str) -> None:
        """Delete an event trigger and its trust. Raises NotFoundError, NotAllowedError."""
        self._delete(definitions.EVENT_TRIGGERS, caller, identifier)

    # ---- what both have in common

    @staticmethod
    def _workflow(conn: Connection, caller: Caller, identifier: str, given: Mapping[str, Any] | None) -> Row:
        """The workflow, if it takes that input. A name is looked up in the default namespace. Raises NotFoundError, InputError."""
        row = definitions.get(conn, definitions.WORKFLOWS, scope_of(caller), identifier, "")
        spec = workflow_from_raw(row["spec"])
        check_input(row["name"], spec.class_name, spec.input, given or {}, open_input=False)
        return row

    def _with_trust(self, caller: Caller, row: Row, insert: Callable[[Connection, Row], None]) -> Row:
        """Insert with a trust of the caller, which is deleted again if the row can't be stored (A309)."""
        trust_id = self.trusts.create(caller) if self.trusts is not None and caller.authenticated else None
        stored = {**row, "trust_id": trust_id, "security": {**caller.as_security(), "trust_id": trust_id}}
        try:
            self.database.run_write(lambda conn: insert(conn, stored))
        except BaseException:
            self._forget_trust(trust_id)
            raise
        return row

    def _delete(self, kind: Kind, caller: Caller, identifier: str) -> None:
        def work(conn: Connection) -> Row:
            row = _changeable(conn, kind, caller, identifier)
            definitions.delete(conn, kind, scope_of(caller), row["id"])
            return row

        self._forget_trust(self.database.run_write(work)["trust_id"])

    def _forget_trust(self, trust_id: str | None) -> None:
        if trust_id is not None and self.trusts is not None:
            self.trusts.delete(trust_id)


def _changeable(conn: Connection, kind: Kind, caller: Caller, identifier: str) -> Row:
    """The row, if the caller may change it. Raises NotFoundError, NotAllowedError."""
    scope = scope_of(caller)
    row = definitions.get(conn, kind, scope, identifier)
    if not scope.may_change(row):
        raise NotAllowedError(f"Can't modify a {kind.noun.lower()} of another project. [id={row['id']}, project_id={row['project_id']}]")
    return row
