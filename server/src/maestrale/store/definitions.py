"""Everything that has a name and an owner: definitions, environments, triggers, members, sources.

One set of statements for all of them; ``Kind`` says what differs. Rows come and go as mappings of columns with
plain values: JSON columns are encoded and decoded here. Visibility comes from ``scope.py``, and who may change
a row is asked for in the statement itself. Each write to a definition raises ``revision``, so that caches of
other processes can be seen to be outdated with one cheap read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping, Table
from sqlalchemy.exc import DataError, IntegrityError

from maestrale.errors import DuplicateError, NotAllowedError, NotFoundError, RequestError
from maestrale.store import tables
from maestrale.store.dialects import insert_if_absent
from maestrale.store.encoding import clean_text, dumps, loads
from maestrale.store.scope import Scope, nearness, visible

JSON_COLUMNS = frozenset({"spec", "tags", "interface", "variables", "workflow_input", "workflow_params", "security", "playbooks"})

REVISION_NAME = "definitions"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is particular about one kind. ``noun`` and ``identifier`` are those of Mistral's messages.

    ``by``: which columns an identifier may match. ``within_project``: administrators too find only their own
    and public rows by it. ``uniques``: constraint to the columns named in the message of a duplicate.
    """

    name: str
    table: Table
    noun: str
    model: str
    identifier: str
    uniques: Mapping[str, tuple[str, ...]]
    by: tuple[str, ...] = ("id", "name")
    shared: str | None = None
    within_project: bool = False

    @property
    def namespaced(self) -> bool:
        """Whether names are unique in a namespace."""
        return "namespace" in self.table.c

    def missing(self, identifier: str, namespace: str) -> NotFoundError:
        """The error for a row that isn't there or isn't visible."""
        place = f", namespace={namespace}" if self.namespaced else ""
        return NotFoundError(f"{self.noun} not found [{self.identifier}={identifier}{place}]")


_NAME = ("name", "namespace", "project_id")

WORKFLOWS = Kind(
    "workflows", tables.workflow_definitions, "Workflow", "WorkflowDefinition", "workflow_identifier",
    {"uq_workflow_definitions_name": _NAME}, shared="workflow",
)
WORKBOOKS = Kind(
    "workbooks", tables.workbooks, "Workbook", "WorkbookDefinition", "name", {"uq_workbooks_name": _NAME}, by=("name",),
    within_project=True,
)
ACTIONS = Kind(
    "actions", tables.action_definitions, "Action definition", "Action", "action_name", {"uq_action_definitions_name": _NAME},
)
ENVIRONMENTS = Kind(
    "environments", tables.environments, "Environment", "Environment", "name", {"uq_environments_name": ("name", "project_id")},
    by=("name",), within_project=True,
)
CRON_TRIGGERS = Kind(
    "cron_triggers", tables.cron_triggers, "Cron trigger", "cron trigger", "identifier",
    {
        "uq_cron_triggers_name": ("name", "project_id"),
        "uq_cron_triggers_identity": (
            "workflow_input", "workflow_name", "pattern", "project_id", "workflow_params", "remaining_executions", "first_execution_time",
        ),
    },
)
EVENT_TRIGGERS = Kind(
    "event_triggers", tables.event_triggers, "Event trigger", "event trigger", "id",
    {"uq_event_triggers_event": ("exchange", "topic", "event", "workflow_id", "project_id")}, by=("id",),
)
MEMBERS = Kind(
    "members", tables.resource_members, "Resource member", "ResourceMember", "id",
    {"uq_resource_members_member": ("resource_id", "resource_type", "member_id")}, by=("id",),
)
CODE_SOURCES = Kind("code_sources", tables.code_sources, "Code source", "CodeSource", "identifier", {"uq_code_sources_name": _NAME})
DYNAMIC_ACTIONS = Kind(
    "dynamic_actions", tables.dynamic_actions, "Dynamic action", "DynamicActionDefinition", "identifier",
    {"uq_dynamic_actions_name": _NAME},
)
PROJECT_SOURCES = Kind(
    "project_sources", tables.project_sources, "Project source", "ProjectSource", "identifier",
    {"uq_project_sources_name": ("name", "project_id")},
)

KINDS = {
    kind.name: kind
    for kind in (
        WORKFLOWS, WORKBOOKS, ACTIONS, ENVIRONMENTS, CRON_TRIGGERS, EVENT_TRIGGERS, MEMBERS, CODE_SOURCES, DYNAMIC_ACTIONS,
        PROJECT_SOURCES,
    )
}


def create(conn: Connection, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all or none: the transaction has to end with the error.

    Raises DuplicateError with Mistral's text, RequestError for a value that is too long, NotFoundError for a
    reference to something that is gone.
    """
    for row in rows:
        values = _encoded(kind, row)
        try:
            conn.execute(kind.table.insert(), values)
        except IntegrityError as error:
            raise _broken(kind, row, error) from error
        except DataError as error:
            raise RequestError(f"A value of the {kind.noun.lower()} is too long or can't be stored.") from error
    raise_revision(conn)


def find(conn: Connection, kind: Kind, scope: Scope, identifier: str, namespace: str = "") -> dict[str, Any] | None:
    """The visible row of that id or name, exactly in the namespace; the nearest one if several projects have it."""
    table = kind.table
    matches = []
    if "id" in kind.by:
        matches.append(table.c.id == identifier)
    if "name" in kind.by:
        named = table.c.name == identifier
        matches.append(sa.and_(named, table.c.namespace == namespace) if kind.namespaced else named)
    statement = (
        sa.select(table)
        .where(sa.or_(*matches), visible(table, scope, shared=kind.shared, within_project=kind.within_project))
        .order_by(nearness(table, scope), table.c.created_at, table.c.id)
        .limit(1)
    )
    row = conn.execute(statement).mappings().first()
    return None if row is None else decoded(row)


def get(conn: Connection, kind: Kind, scope: Scope, identifier: str, namespace: str = "") -> dict[str, Any]:
    """As ``find``. Raises NotFoundError."""
    row = find(conn, kind, scope, identifier, namespace)
    if row is None:
        raise kind.missing(identifier, namespace)
    return row


def select(conn: Connection, kind: Kind, scope: Scope, **equal: Any) -> list[dict[str, Any]]:
    """All visible rows with these values (None is null), oldest first."""
    table = kind.table
    conditions = [table.c[name].is_(None) if value is None else table.c[name] == value for name, value in equal.items()]
    statement = (
        sa.select(table)
        .where(visible(table, scope, shared=kind.shared), *conditions)
        .order_by(table.c.created_at, table.c.id)
    )
    return [decoded(row) for row in conn.execute(statement).mappings()]


def update(conn: Connection, kind: Kind, scope: Scope, row_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a row that the project owns, or any row for an administrator.

    Raises NotAllowedError if it is another's, NotFoundError if it is gone, DuplicateError, RequestError.
    """
    table = kind.table
    statement = table.update().where(table.c.id == row_id, _owned(kind, scope)).values(_encoded(kind, values))
    try:
        changed = conn.execute(statement).rowcount
    except IntegrityError as error:
        raise _broken(kind, {"project_id": scope.project_id, **values}, error) from error
    except DataError as error:
        raise RequestError(f"A value of the {kind.noun.lower()} is too long or can't be stored.") from error
    if not changed:
        _refuse(conn, kind, row_id)
    raise_revision(conn)


def delete(conn: Connection, kind: Kind, scope: Scope, row_id: str) -> None:
    """Delete a row that the project owns, or any row for an administrator, with its members.

    Raises NotAllowedError if it is another's, NotFoundError if it is gone, RequestError while something refers to it.
    """
    table = kind.table
    if kind.shared is not None:
        members = tables.resource_members
        owned = sa.select(table.c.id).where(table.c.id == row_id, _owned(kind, scope))
        conn.execute(members.delete().where(members.c.resource_id.in_(owned), members.c.resource_type == kind.shared))
    try:
        gone = conn.execute(table.delete().where(table.c.id == row_id, _owned(kind, scope))).rowcount
    except IntegrityError as error:
        raise RequestError(f"The {kind.noun.lower()} is in use. [id={row_id}]") from error
    if not gone:
        _refuse(conn, kind, row_id)
    raise_revision(conn)


def revision(conn: Connection) -> int:
    """A number that every write to a definition raises."""
    table = tables.settings
    value = conn.execute(sa.select(table.c.value).where(table.c.name == REVISION_NAME)).scalar()
    return int(value or 0)


def raise_revision(conn: Connection) -> None:
    """Raise ``revision`` with this transaction."""
    table = tables.settings
    raised = sa.cast(sa.cast(table.c.value, sa.Integer) + 1, sa.String(20))
    if conn.execute(table.update().where(table.c.name == REVISION_NAME).values(value=raised)).rowcount == 0:
        conn.execute(insert_if_absent(conn, table), {"name": REVISION_NAME, "value": "1"})


def _owned(kind: Kind, scope: Scope) -> sa.ColumnElement[bool]:
    return sa.true() if scope.is_admin else kind.table.c.project_id == scope.project_id


def _refuse(conn: Connection, kind: Kind, row_id: str) -> None:
    """Say why no row was changed."""
    exists = conn.execute(sa.select(kind.table.c.id).where(kind.table.c.id == row_id)).first()
    if exists is None:
        raise kind.missing(row_id, "")
    raise NotAllowedError(f"The {kind.noun.lower()} belongs to another project. [id={row_id}]")


def _broken(kind: Kind, row: Mapping[str, Any], error: IntegrityError) -> Exception:
    """What a broken constraint means."""
    text = str(error.orig)
    if "foreign key" in text.lower():
        return NotFoundError(f"What the {kind.noun.lower()} refers to doesn't exist any more.")
    columns = next((found for name, found in kind.uniques.items() if name in text), None)
    if columns is None:
        # SQLite names the columns, not the constraint
        named = [found for found in kind.uniques.values() if all(f".{column}" in text for column in found)]
        columns = named[0] if named else next(iter(kind.uniques.values()))
    values = ", ".join(str(row.get(column)) for column in columns)
    return DuplicateError(f"Duplicate entry for {kind.model} {list(columns)}: {values}")


def _encoded(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """The values to store. Raises RequestError for a text longer than its column, which SQLite would take."""
    values: dict[str, Any] = {}
    for name, value in row.items():
        longest = getattr(kind.table.c[name].type, "length", None)
        if longest is not None and isinstance(value, str) and len(value) > longest:
            raise RequestError(
                f"The {name} of the {kind.noun.lower()} has {len(value)} characters, at most {longest} are allowed.")
        if value is not None and name in JSON_COLUMNS:
            values[name] = dumps(value)
        else:
            values[name] = clean_text(value) if isinstance(value, str) else value
    return values


def decoded(row: RowMapping) -> dict[str, Any]:
    """A row with its JSON columns as values."""
    return {name: loads(value) if value is not None and name in JSON_COLUMNS else value for name, value in row.items()}
