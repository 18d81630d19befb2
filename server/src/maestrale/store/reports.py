"""Trees of executions, and figures over many: sub-executions, reports, durations, counts (1.9.4 to 1.9.6).

Everything is read level by level through indexes; no query grows with what lies outside the tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from maestrale.core.dataflow import merge_deep
from maestrale.store.encoding import dumps, loads
from maestrale.store.filters import Where
from maestrale.store.queries import IDS_AT_ONCE, by_ids, get_, list_
from maestrale.store.scope import Scope
from maestrale.store.tables import action_executions, executions, jobs, task_executions

UNFINISHED = ("RUNNING", "PAUSED", "IDLE", "DELAYED")
FINISHED = ("SUCCESS", "ERROR", "CANCELLED")
OPEN_ACTIONS = ("RUNNING", "PAUSED", "IDLE", "DELAYED")

EXECUTION_FIELDS = (
    "workflow_name", "workflow_namespace", "created_at", "updated_at", "started_at", "finished_at", "state", "state_info",
    "task_execution_id", "parent_execution_id", "root_execution_id",
)
TASK_FIELDS = ("name", "type", "created_at", "updated_at", "state", "state_info", "workflow_execution_id", "runtime_context")
ACTION_FIELDS = ("name", "created_at", "updated_at", "state", "state_info", "accepted", "task_execution_id", "dispatched_at")

RUNS_AVERAGED = 20


@dataclass(frozen=True, slots=True)
class ReportData:
    """The rows that a report is put together from: executions with their ``depth``, their tasks and actions."""

    executions: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    actions: list[dict[str, Any]]


def sub_executions(
    conn: Connection, scope: Scope, *, execution_id: str | None = None, task_id: str | None = None, max_depth: int = -1,
    errors_only: bool = False,
) -> list[str]:
    """The ids of an execution and its descendants, or of the descendants of a task, nearest first.

    ``max_depth`` -1 is unlimited, 0 the execution alone. Raises NotFoundError if the start isn't visible.
    """
    ids = list(_depths(conn, scope, execution_id, task_id, max_depth))
    if errors_only:
        states = states_of(conn, ids)
        ids = [one for one in ids if states.get(one) == "ERROR"]
    return ids


def report(conn: Connection, scope: Scope, execution_id: str, max_depth: int = -1) -> ReportData:
    """What a report shows of a tree, without data. Raises NotFoundError if the execution isn't visible."""
    depths = _depths(conn, scope, execution_id, None, max_depth)
    ids = list(depths)
    found = by_ids(conn, "executions", scope, ids, fields=EXECUTION_FIELDS)
    tasks = by_ids(conn, "tasks", scope, _below(conn, task_executions, task_executions.c.execution_id, ids), fields=TASK_FIELDS)
    action_ids = _below(conn, action_executions, action_executions.c.execution_id, ids)
    actions = by_ids(conn, "action_executions", scope, action_ids, fields=ACTION_FIELDS)
    return ReportData([{**row, "depth": depths[row["id"]]} for row in found], tasks, actions)


def _depths(conn: Connection, scope: Scope, execution_id: str | None, task_id: str | None, max_depth: int) -> dict[str, int]:
    """The ids of a tree with their depth, nearest first."""
    column = executions.c.parent_execution_id
    if execution_id is not None:
        level = [get_(conn, "executions", scope, execution_id, fields=())["id"]]
    else:
        assert task_id is not None
        get_(conn, "tasks", scope, task_id, fields=())
        level = _below(conn, executions, executions.c.task_execution_id, [task_id])
    depths: dict[str, int] = {}
    depth = 0
    while level:
        depths.update(dict.fromkeys(level, depth))
        if depth == max_depth:
            break
        depth += 1
        level = [one for one in _below(conn, executions, column, level) if one not in depths]
    return depths


def _below(conn: Connection, table: sa.Table, column: sa.ColumnElement[Any], ids: Sequence[str]) -> list[str]:
    """The ids of rows whose ``column`` is one of ``ids``, in order of creation."""
    found: list[Any] = []
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = list(ids[start:start + IDS_AT_ONCE])
        found += conn.execute(sa.select(table.c.created_at, table.c.id).where(column.in_(some)))
    return [row[1] for row in sorted(found, key=tuple)]


def states_of(conn: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The states of those executions that exist."""
    states: dict[str, str] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = list(ids[start:start + IDS_AT_ONCE])
        rows = conn.execute(sa.select(executions.c.id, executions.c.state).where(executions.c.id.in_(some)))
        states.update({row[0]: row[1] for row in rows})
    return states


def published_global(conn: Connection, scope: Scope, execution_id: str) -> str:
    """What the tasks of an execution have published globally, later ones over earlier ones, mappings merged, as JSON text (L114)."""
    rows = list_(
        conn, "tasks", scope, filters=[Where("workflow_execution_id", "eq", execution_id), Where("published_global", "neq", None)],
        sort=[("finished_at", False), ("ordinal", False)], fields=["published_global"],
    )
    merged: dict[str, Any] = {}
    for row in rows:
        merged = merge_deep(merged, loads(row["published_global"]))
    return dumps(merged)


def mean_duration(conn: Connection, workflow_name: str, workflow_namespace: str, project_id: str) -> float | None:
    """Seconds that the last successful runs of a workflow took on average, None without any."""
    table = executions.c
    statement = (
        sa.select(table.created_at, sa.func.coalesce(table.finished_at, table.updated_at))
        .where(
            table.workflow_name == workflow_name, table.workflow_namespace == workflow_namespace, table.project_id == project_id,
            table.state == "SUCCESS",
        )
        .order_by(table.created_at.desc(), table.id.desc())
        .limit(RUNS_AVERAGED)
    )
    spans = [(ended - began).total_seconds() for began, ended in conn.execute(statement)]
    return sum(spans) / len(spans) if spans else None


def state_counts(conn: Connection) -> Mapping[str, dict[str, int]]:
    """How many executions, tasks and actions of all projects are in which state; reads whole indexes."""
    counts: dict[str, dict[str, int]] = {}
    for name, table in (("executions", executions), ("tasks", task_executions)):
        rows = conn.execute(sa.select(table.c.state, sa.func.count()).group_by(table.c.state))
        counts[name] = {row[0]: row[1] for row in rows}
    of_action = action_executions.c
    rows = conn.execute(sa.select(of_action.state, sa.func.count()).where(of_action.kind == "action").group_by(of_action.state))
    counts["actions"] = {row[0]: row[1] for row in rows}
    return counts


def count_in_states(conn: Connection, table: str, states: Sequence[str]) -> int:
    """How many ``executions`` or ``tasks`` of all projects are in one of these states."""
    source = executions if table == "executions" else task_executions
    return conn.execute(sa.select(sa.func.count()).where(source.c.state.in_(states))).scalar_one()


def executions_in_states(conn: Connection, states: Sequence[str], *, after_id: str = "", limit: int = 1000) -> list[str]:
    """Ids of executions of all projects in these states, by id, those after ``after_id``."""
    statement = sa.select(executions.c.id).where(executions.c.state.in_(states), executions.c.id > after_id)
    return list(conn.execute(statement.order_by(executions.c.id).limit(limit)).scalars())


def idle_executions(conn: Connection, unchanged_since: datetime, limit: int = 1000) -> list[str]:
    """RUNNING executions that nothing will ever wake: no job, no open action or child, untouched for a while.

    There are none unless something went wrong; the ids are what a check looks at and a repair continues.
    """
    table, action = executions.c, action_executions.c
    statement = sa.select(table.id).where(
        table.state == "RUNNING", table.updated_at < unchanged_since,
        ~sa.exists().where(jobs.c.execution_id == table.id),
        ~sa.exists().where(action.execution_id == table.id, action.state.in_(OPEN_ACTIONS)),
    )
    return list(conn.execute(statement.order_by(table.created_at).limit(limit)).scalars())


def expired_executions(conn: Connection, before: datetime, states: Sequence[str], limit: int) -> list[str]:
    """Root executions in final ``states`` that nothing has touched since ``before``, oldest first."""
    table = executions.c
    statement = sa.select(table.id).where(
        table.root_execution_id.is_(None), table.state.in_(states), table.created_at < before, table.updated_at < before,
    )
    return list(conn.execute(statement.order_by(table.created_at, table.id).limit(limit)).scalars())


def surplus_executions(conn: Connection, keep: int, states: Sequence[str], limit: int) -> list[str]:
    """The oldest root executions in final ``states`` beyond the ``keep`` newest, at most ``limit``."""
    table = executions.c
    roots = (table.root_execution_id.is_(None), table.state.in_(states))
    surplus = conn.execute(sa.select(sa.func.count()).where(*roots)).scalar_one() - keep
    if surplus <= 0:
        return []
    statement = sa.select(table.id).where(*roots).order_by(table.created_at, table.id).limit(min(surplus, limit))
    return list(conn.execute(statement).scalars())
