"""What can be listed, and by which fields: the API's names for the tables' columns (1.5 to 1.15).

A ``Resource`` holds for each field the column that it comes from and how its values compare. Reading it is all
that ``queries.py`` and ``filters.py`` need to know of a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, FromClause, Table

from maestrale.store import definitions as kinds
from maestrale.store.tables import action_executions, executions, resource_members, task_executions

TEXT, TIME, FLAG, NUMBER, JSON, TAGS = "text", "time", "flag", "number", "json", "tags"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``payload``: a JSON column whose big values are stored apart. ``nullable`` as far as sorting goes."""

    column: ColumnElement[Any]
    kind: str = TEXT
    payload: bool = False
    nullable: bool = False

    @property
    def sorts(self) -> bool:
        """JSON and tags have no order that means anything."""
        return self.kind not in {JSON, TAGS}

    @property
    def indexed(self) -> bool:
        """Whether rows can be found by a value of it."""
        table = getattr(self.column, "table", None)
        if not isinstance(table, Table):
            return False
        return bool(self.column.primary_key) or any(self.column is index.columns.values()[0] for index in table.indexes)


@dataclass(frozen=True, slots=True)
class Resource:
    """One collection. ``source`` is the table with what is joined to it; ``heavy`` fields are given only when asked for.

    ``scope_id`` is where the big values of a row are stored. ``missing`` makes the message for an unknown id.
    """

    name: str
    table: Table
    source: FromClause
    fields: Mapping[str, Field]
    missing: str
    heavy: frozenset[str] = frozenset()
    condition: ColumnElement[bool] = field(default_factory=sa.true)
    scope_id: ColumnElement[Any] | None = None
    shared: str | None = None


def _columns(table: Table, *, renamed: Mapping[str, str] = {}, json: str = "", payload: str = "", left_out: str = "") -> dict[str, Field]:
    """The fields of a table: its columns under the API's names."""
    fields = {}
    for column in table.c:
        if column.name in left_out.split():
            continue
        kind = TEXT
        if column.name == "tags":
            kind = TAGS
        elif column.name in json.split() or column.name in payload.split():
            kind = JSON
        elif isinstance(column.type, sa.DateTime):
            kind = TIME
        elif isinstance(column.type, sa.Boolean):
            kind = FLAG
        elif isinstance(column.type, sa.Integer):
            kind = NUMBER
        name = renamed.get(column.name, column.name)
        fields[name] = Field(column, kind, column.name in payload.split(), bool(column.nullable))
    return fields


def _of_execution(**names: str) -> dict[str, Field]:
    """Fields that a task or an action shows of its execution."""
    return {name: Field(executions.c[column], nullable=True) for name, column in names.items()}


EXECUTIONS = Resource(
    "executions", executions, executions,
    _columns(executions, payload="input params context output runtime", json="security"),
    "WorkflowExecution not found [id={id}]",
    heavy=frozenset({"output", "context", "runtime", "security"}),
    scope_id=sa.func.coalesce(executions.c.root_execution_id, executions.c.id),
)

TASKS = Resource(
    "tasks", task_executions,
    task_executions.outerjoin(executions, executions.c.id == task_executions.c.execution_id),
    {
        **_columns(
            task_executions, renamed={"execution_id": "workflow_execution_id"}, payload="published published_global runtime_context",
            json="next_tasks",
        ),
        **_of_execution(
            workflow_name="workflow_name", workflow_namespace="workflow_namespace", workflow_id="workflow_id",
            root_execution_id="root_execution_id",
        ),
    },
    "Task execution not found [id={id}]",
    scope_id=sa.func.coalesce(executions.c.root_execution_id, executions.c.id),
)

ACTION_EXECUTIONS = Resource(
    "action_executions", action_executions,
    action_executions.outerjoin(executions, executions.c.id == action_executions.c.execution_id).outerjoin(
        task_executions, task_executions.c.id == action_executions.c.task_id,
    ),
    {
        **_columns(
            action_executions,
            renamed={"execution_id": "workflow_execution_id", "task_id": "task_execution_id", "item_index": "index"},
            payload="input output runtime_context",
        ),
        **_of_execution(
            workflow_name="workflow_name", workflow_namespace="workflow_namespace", workflow_id="workflow_id",
            root_execution_id="root_execution_id",
        ),
        "task_name": Field(task_executions.c.name, nullable=True),
    },
    "ActionExecution not found [id={id}]",
    heavy=frozenset({"output"}),
    condition=action_executions.c.kind == "action",
    scope_id=sa.func.coalesce(executions.c.root_execution_id, executions.c.id, action_executions.c.id),
)


ATTEMPTS = replace(ACTION_EXECUTIONS, name="attempts", condition=sa.true())
"""The same with sub-workflows among them: what a task's result is put together from."""


def _defined(kind: kinds.Kind, json: str = "", left_out: str = "", heavy: str = "") -> Resource:
    place = ", namespace={namespace}" if kind.namespaced else ""
    return Resource(
        kind.name, kind.table, kind.table, _columns(kind.table, json=json, left_out=left_out),
        f"{kind.noun} not found [{kind.identifier}={{id}}{place}]", heavy=frozenset(heavy.split()), shared=kind.shared,
    )


RESOURCES: Mapping[str, Resource] = {
    resource.name: resource
    for resource in (
        EXECUTIONS,
        TASKS,
        ACTION_EXECUTIONS,
        ATTEMPTS,
        _defined(kinds.WORKFLOWS, json="interface spec", heavy="spec spec_digest"),
        _defined(kinds.WORKBOOKS, json="spec", heavy="spec"),
        _defined(kinds.ACTIONS, json="spec", heavy="spec"),
        _defined(kinds.ENVIRONMENTS, json="variables"),
        _defined(kinds.CRON_TRIGGERS, json="workflow_input workflow_params security", left_out="identity", heavy="security trust_id"),
        _defined(kinds.EVENT_TRIGGERS, json="workflow_input workflow_params security", heavy="security trust_id"),
        _defined(kinds.CODE_SOURCES),
        _defined(kinds.DYNAMIC_ACTIONS),
        _defined(kinds.PROJECT_SOURCES, json="playbooks"),
        Resource(
            "members", resource_members, resource_members, _columns(resource_members), "Resource member not found [id={id}]",
        ),
    )
}
