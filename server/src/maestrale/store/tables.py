"""The tables: one schema for SQLite, PostgreSQL and MariaDB/MySQL.

Text compares by code point everywhere. JSON is kept as text, since it is written and read whole. Times are
naive UTC with microseconds. Rows of an execution bear no foreign keys: they are written and deleted by the
engine in sets, and checking them would be paid for with every row. Every constraint and index has a name.
Changing something here needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, Table, UniqueConstraint
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

metadata = sa.MetaData()

MYSQL_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_row_format": "DYNAMIC",
    "mariadb_engine": "InnoDB", "mariadb_charset": "utf8mb4", "mariadb_row_format": "DYNAMIC",
}

FILL = {"fillfactor": 80}
"""Room in PostgreSQL's pages for the next version of a row that will be updated soon."""


def string(length: int) -> TypeEngine[Any]:
    """Text of bounded length that can be indexed."""
    return sa.String(length).with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")


def text() -> TypeEngine[Any]:
    """Text of any length."""
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql").with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def time() -> TypeEngine[Any]:
    """A point in time with microseconds."""
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _table(name: str, *parts: Any, key: tuple[str, ...] = ("id",), filled: bool = True) -> Table:
    options = MYSQL_OPTIONS if filled else {**MYSQL_OPTIONS, "postgresql_with": FILL}
    return Table(name, metadata, *parts, sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"), **options)


def _id(name: str = "id", *, nullable: bool = False) -> Column[Any]:
    return Column(name, string(64), nullable=nullable)


def _stamps() -> tuple[Column[Any], Column[Any]]:
    return Column("created_at", time(), nullable=False), Column("updated_at", time(), nullable=True)


def _owned() -> tuple[Column[Any], ...]:
    return Column("project_id", string(80), nullable=False), Column("scope", string(80), nullable=False)


executions = _table(
    "executions",
    _id(),
    Column("version", sa.BigInteger, nullable=False),
    Column("created_at", time(), nullable=False),
    Column("updated_at", time(), nullable=False),
    Column("project_id", string(80), nullable=False),
    _id("workflow_id", nullable=True),
    Column("workflow_name", string(255), nullable=False),
    Column("workflow_namespace", string(255), nullable=False),
    Column("spec_digest", string(64), nullable=False),
    Column("description", text(), nullable=True),
    Column("tags", text(), nullable=False),
    Column("state", string(20), nullable=False),
    Column("state_info", text(), nullable=True),
    Column("input", text(), nullable=False),
    Column("params", text(), nullable=False),
    Column("context", text(), nullable=False),
    Column("output", text(), nullable=False),
    Column("accepted", Boolean, nullable=False),
    _id("task_execution_id", nullable=True),
    _id("parent_execution_id", nullable=True),
    _id("root_execution_id", nullable=True),
    Column("runtime", text(), nullable=False),
    Column("security", text(), nullable=False),
    Column("started_at", time(), nullable=True),
    Column("finished_at", time(), nullable=True),
    Index("ix_executions_project", "project_id", "created_at", "id"),
    Index("ix_executions_created", "created_at", "id"),
    Index("ix_executions_state", "state", "created_at", "id"),
    Index("ix_executions_workflow", "workflow_name", "created_at", "id"),
    Index("ix_executions_workflow_id", "workflow_id", "created_at", "id"),
    Index("ix_executions_root", "root_execution_id", "created_at", "id"),
    Index("ix_executions_task", "task_execution_id"),
    Index("ix_executions_parent", "parent_execution_id"),
    filled=False,
)

task_executions = _table(
    "task_executions",
    _id(),
    Column("version", sa.BigInteger, nullable=False),
    Column("created_at", time(), nullable=False),
    Column("updated_at", time(), nullable=False),
    _id("execution_id"),
    Column("ordinal", Integer, nullable=False),
    Column("project_id", string(80), nullable=False),
    Column("name", string(255), nullable=False),
    Column("type", string(10), nullable=False),
    Column("state", string(20), nullable=False),
    Column("state_info", text(), nullable=True),
    Column("unique_key", string(400), nullable=True),
    Column("tags", text(), nullable=False),
    Column("published", text(), nullable=True),
    Column("published_global", text(), nullable=True),
    Column("processed", Boolean, nullable=False),
    Column("next_tasks", text(), nullable=True),
    Column("has_next_tasks", Boolean, nullable=False),
    Column("error_handled", Boolean, nullable=False),
    Column("runtime_context", text(), nullable=False),
    Column("started_at", time(), nullable=True),
    Column("finished_at", time(), nullable=True),
    UniqueConstraint("execution_id", "unique_key", name="uq_task_executions_key"),
    Index("ix_task_executions_execution", "execution_id", "version"),
    Index("ix_task_executions_project", "project_id", "created_at", "id"),
    Index("ix_task_executions_created", "created_at", "id"),
    Index("ix_task_executions_state", "state", "created_at", "id"),
    filled=False,
)

action_executions = _table(
    "action_executions",
    _id(),
    Column("version", sa.BigInteger, nullable=False),
    Column("created_at", time(), nullable=False),
    Column("updated_at", time(), nullable=False),
    Column("kind", string(10), nullable=False),
    _id("execution_id", nullable=True),
    _id("task_id", nullable=True),
    Column("ordinal", Integer, nullable=False),
    Column("item_index", Integer, nullable=False),
    Column("project_id", string(80), nullable=False),
    Column("name", string(255), nullable=False),
    Column("namespace", string(255), nullable=False),
    Column("description", text(), nullable=False),
    Column("state", string(20), nullable=False),
    Column("state_info", text(), nullable=True),
    Column("input", text(), nullable=False),
    Column("output", text(), nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("is_sync", Boolean, nullable=False),
    Column("idempotent", Boolean, nullable=False),
    Column("tags", text(), nullable=False),
    Column("runtime_context", text(), nullable=False),
    _id("owner", nullable=True),
    Column("dispatched_at", time(), nullable=True),
    Index("ix_action_executions_execution", "execution_id", "version"),
    Index("ix_action_executions_task", "task_id"),
    Index("ix_action_executions_project", "project_id", "created_at", "id"),
    Index("ix_action_executions_created", "created_at", "id"),
    Index("ix_action_executions_owner", "kind", "state", "owner", "dispatched_at"),
    filled=False,
)

trusts = _table(
    "trusts",
    _id(),
    _id("execution_id"),
    _id("trigger_id", nullable=True),
    Column("created_at", time(), nullable=False),
    Index("ix_trusts_created", "created_at"),
)

action_events = _table(
    "action_events",
    _id("attempt_id"),
    Column("counter", Integer, nullable=False, autoincrement=False),
    Column("created_at", time(), nullable=False),
    Column("body", text(), nullable=False),
    Index("ix_action_events_created", "created_at"),
    key=("attempt_id", "counter"),
)

action_artifacts = _table(
    "action_artifacts",
    _id("attempt_id"),
    Column("name", string(80), nullable=False),
    Column("part", Integer, nullable=False, autoincrement=False),
    Column("size", sa.BigInteger, nullable=False),
    Column("created_at", time(), nullable=False),
    Column("body", text(), nullable=False),
    Index("ix_action_artifacts_created", "created_at"),
    key=("attempt_id", "name", "part"),
)

specs = _table(
    "specs",
    Column("digest", string(64), nullable=False),
    Column("body", text(), nullable=False),
    key=("digest",),
)

payloads = _table(
    "payloads",
    _id("scope_id"),
    Column("digest", string(64), nullable=False),
    Column("part", Integer, nullable=False, autoincrement=False),
    Column("body", text(), nullable=False),
    key=("scope_id", "digest", "part"),
)

jobs = _table(
    "jobs",
    _id(),
    Column("kind", string(20), nullable=False),
    _id("execution_id", nullable=True),
    Column("due_at", time(), nullable=False),
    Column("payload", text(), nullable=False),
    Column("created_at", time(), nullable=False),
    _id("owner", nullable=True),
    Column("attempts", Integer, nullable=False),
    Index("ix_jobs_owner", "owner", "due_at"),
    Index("ix_jobs_execution", "execution_id"),
)

nodes = _table(
    "nodes",
    _id(),
    Column("host", string(255), nullable=False),
    Column("pid", sa.BigInteger, nullable=False),
    Column("process_started", string(255), nullable=False),
    Column("started_at", time(), nullable=False),
    Column("heartbeat_at", time(), nullable=False),
)

leases = _table(
    "leases",
    Column("name", string(255), nullable=False),
    _id("owner"),
    Column("expires_at", time(), nullable=False),
    key=("name",),
)

execution_leases = _table(
    "execution_leases",
    _id("execution_id"),
    Column("seconds", sa.Double, nullable=False),
    Column("on_lost", string(10), nullable=False),
    Column("expires_at", time(), nullable=False),
    Index("ix_execution_leases_expires", "expires_at"),
    key=("execution_id",),
)

execution_troubles = _table(
    "execution_troubles",
    _id("execution_id"),
    _id("owner"),
    Column("since", time(), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("reason", text(), nullable=False),
    key=("execution_id",),
)

action_places = _table(
    "action_places",
    _id("attempt_id"),
    Column("name", string(255), nullable=False),
    _id("owner"),
    Column("since", time(), nullable=False),
    Column("place", Integer, nullable=True),
    UniqueConstraint("name", "place", name="uq_action_places_place"),
    key=("attempt_id", "name"),
)

settings = _table(
    "settings",
    Column("name", string(255), nullable=False),
    Column("value", text(), nullable=False),
    key=("name",),
)

workflow_definitions = _table(
    "workflow_definitions",
    _id(),
    Column("name", string(255), nullable=False),
    Column("namespace", string(255), nullable=False),
    *_owned(),
    Column("definition", text(), nullable=False),
    Column("spec", text(), nullable=False),
    Column("spec_digest", string(64), nullable=False),
    Column("input", text(), nullable=False),
    Column("interface", text(), nullable=False),
    Column("tags", text(), nullable=False),
    Column("checksum", string(64), nullable=True),
    Column("is_system", Boolean, nullable=False),
    Column("workbook_name", string(255), nullable=True),
    *_stamps(),
    UniqueConstraint("name", "namespace", "project_id", name="uq_workflow_definitions_name"),
    Index("ix_workflow_definitions_project", "project_id", "created_at", "id"),
    Index("ix_workflow_definitions_scope", "scope"),
)

workbooks = _table(
    "workbooks",
    _id(),
    Column("name", string(255), nullable=False),
    Column("namespace", string(255), nullable=False),
    *_owned(),
    Column("definition", text(), nullable=False),
    Column("spec", text(), nullable=False),
    Column("tags", text(), nullable=False),
    *_stamps(),
    UniqueConstraint("name", "namespace", "project_id", name="uq_workbooks_name"),
    Index("ix_workbooks_project", "project_id", "created_at", "id"),
    Index("ix_workbooks_scope", "scope"),
)

action_definitions = _table(
    "action_definitions",
    _id(),
    Column("name", string(255), nullable=False),
    Column("namespace", string(255), nullable=False),
    *_owned(),
    Column("definition", text(), nullable=False),
    Column("spec", text(), nullable=False),
    Column("input", text(), nullable=False),
    Column("description", text(), nullable=True),
    Column("tags", text(), nullable=False),
    Column("is_system", Boolean, nullable=False),
    Column("workbook_name", string(255), nullable=True),
    *_stamps(),
    UniqueConstraint("name", "namespace", "project_id", name="uq_action_definitions_name"),
    Index("ix_action_definitions_project", "project_id", "created_at", "id"),
    Index("ix_action_definitions_scope", "scope"),
)

environments = _table(
    "environments",
    _id(),
    Column("name", string(255), nullable=False),
    *_owned(),
    Column("description", text(), nullable=True),
    Column("variables", text(), nullable=True),
    *_stamps(),
    UniqueConstraint("name", "project_id", name="uq_environments_name"),
    Index("ix_environments_project", "project_id", "created_at", "id"),
    Index("ix_environments_scope", "scope"),
)

environment_secrets = _table(
    "environment_secrets",
    _id("environment_id"),
    Column("name", string(255), nullable=False),
    Column("sealed", text(), nullable=False),
    *_stamps(),
    key=("environment_id", "name"),
)

cron_triggers = _table(
    "cron_triggers",
    _id(),
    Column("name", string(255), nullable=False),
    *_owned(),
    _id("workflow_id"),
    Column("workflow_name", string(255), nullable=False),
    Column("workflow_input", text(), nullable=True),
    Column("workflow_params", text(), nullable=True),
    Column("pattern", string(255), nullable=True),
    Column("timezone", string(80), nullable=True),
    Column("catch_up", string(20), nullable=True),
    Column("remaining_executions", Integer, nullable=True),
    Column("first_execution_time", time(), nullable=True),
    Column("next_execution_time", time(), nullable=False),
    Column("identity", string(64), nullable=True),
    Column("security", text(), nullable=True),
    Column("trust_id", string(80), nullable=True),
    *_stamps(),
    UniqueConstraint("name", "project_id", name="uq_cron_triggers_name"),
    UniqueConstraint("project_id", "identity", name="uq_cron_triggers_identity"),
    ForeignKeyConstraint(["workflow_id"], ["workflow_definitions.id"], name="fk_cron_triggers_workflow"),
    Index("ix_cron_triggers_next", "next_execution_time"),
    Index("ix_cron_triggers_workflow", "workflow_id"),
)

event_triggers = _table(
    "event_triggers",
    _id(),
    Column("name", string(255), nullable=True),
    *_owned(),
    _id("workflow_id"),
    Column("workflow_input", text(), nullable=True),
    Column("workflow_params", text(), nullable=True),
    Column("exchange", string(80), nullable=False),
    Column("topic", string(80), nullable=False),
    Column("event", string(80), nullable=False),
    Column("security", text(), nullable=True),
    Column("trust_id", string(80), nullable=True),
    *_stamps(),
    UniqueConstraint("exchange", "topic", "event", "workflow_id", "project_id", name="uq_event_triggers_event"),
    ForeignKeyConstraint(["workflow_id"], ["workflow_definitions.id"], name="fk_event_triggers_workflow"),
    Index("ix_event_triggers_workflow", "workflow_id"),
)

resource_members = _table(
    "resource_members",
    _id(),
    _id("resource_id"),
    Column("resource_type", string(50), nullable=False),
    Column("project_id", string(80), nullable=False),
    Column("member_id", string(80), nullable=False),
    Column("status", string(20), nullable=False),
    *_stamps(),
    UniqueConstraint("resource_id", "resource_type", "member_id", name="uq_resource_members_member"),
    Index("ix_resource_members_member", "member_id", "resource_type", "status"),
)

code_sources = _table(
    "code_sources",
    _id(),
    Column("name", string(255), nullable=False),
    Column("namespace", string(255), nullable=False),
    *_owned(),
    Column("content", text(), nullable=False),
    Column("version", Integer, nullable=False),
    Column("tags", text(), nullable=False),
    *_stamps(),
    UniqueConstraint("name", "namespace", "project_id", name="uq_code_sources_name"),
)

dynamic_actions = _table(
    "dynamic_actions",
    _id(),
    Column("name", string(255), nullable=False),
    Column("namespace", string(255), nullable=False),
    *_owned(),
    Column("class_name", string(255), nullable=False),
    _id("code_source_id"),
    Column("code_source_name", string(255), nullable=False),
    Column("tags", text(), nullable=False),
    *_stamps(),
    UniqueConstraint("name", "namespace", "project_id", name="uq_dynamic_actions_name"),
    ForeignKeyConstraint(["code_source_id"], ["code_sources.id"], name="fk_dynamic_actions_source", ondelete="CASCADE"),
    Index("ix_dynamic_actions_source", "code_source_id"),
)

project_sources = _table(
    "project_sources",
    _id(),
    Column("name", string(255), nullable=False),
    *_owned(),
    Column("description", text(), nullable=True),
    Column("url", text(), nullable=False),
    Column("ref", string(255), nullable=True),
    Column("revision", string(64), nullable=True),
    Column("playbooks", text(), nullable=True),
    Column("credential", string(255), nullable=True),
    *_stamps(),
    UniqueConstraint("name", "project_id", name="uq_project_sources_name"),
    Index("ix_project_sources_project", "project_id", "created_at", "id"),
    Index("ix_project_sources_scope", "scope"),
)

tokens = _table(
    "tokens",
    _id(),
    Column("digest", string(64), nullable=False),
    Column("name", string(255), nullable=False),
    Column("project_id", string(80), nullable=False),
    Column("project_name", string(255), nullable=True),
    Column("user_id", string(255), nullable=True),
    Column("user_name", string(255), nullable=True),
    Column("roles", text(), nullable=False),
    Column("expires_at", time(), nullable=True),
    Column("created_at", time(), nullable=False),
    UniqueConstraint("digest", name="uq_tokens_digest"),
    UniqueConstraint("name", name="uq_tokens_name"),
)
