"""The resources of the API as tables: their fields in wire order, and what each can be used for.

Read by the list parameters, by the serialisation and by the OpenAPI description, so that the three agree.
Numbers as 1.6 are sections of the compatibility reference. Holds no behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property


class Kind(Enum):
    """How a field's values compare and look on the wire."""

    TEXT = "text"
    UUID = "uuid"
    PROJECT = "project"
    TIME = "time"
    FLAG = "flag"
    NUMBER = "number"
    JSON = "json"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Column:
    """One field. ``listed``: part of list replies without ``fields``; ``filters``/``sorts``: may be used so.

    ``stored`` is False for a field that is worked out or left empty: its value is never asked of the store.
    """

    name: str
    kind: Kind = Kind.TEXT
    listed: bool = True
    filters: bool = True
    sorts: bool = True
    stored: bool = True
    example: object = None


@dataclass(frozen=True)
class Resource:
    """A collection: ``name`` as messages say it, ``collection`` as paths and wrappers do."""

    name: str
    collection: str
    columns: tuple[Column, ...]
    flags: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()
    default_sort: str = "created_at"
    unlimited: bool = False

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        """The names of all fields, in wire order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def sort_names(self) -> tuple[str, ...]:
        """The names of the fields that lists can be sorted by."""
        return tuple(column.name for column in self.columns if column.sorts)

    @cached_property
    def _kinds(self) -> dict[str, Kind]:
        return {column.name: column.kind for column in self.columns}

    def kind(self, name: str) -> Kind:
        """The kind of the field of that name. Raises KeyError."""
        return self._kinds[name]

    def column(self, name: str) -> Column | None:
        """The field of that name, or None."""
        return self._by_name.get(name)


_ID = "7eb79ffe-6b1e-4ac7-9d1b-1f8f9ad4c0de"
_OTHER_ID = "c178e8ca-0f3d-4a6e-8a53-8f60bbf3a2a1"
_PROJECT = "8b7e2f6d9c5a4e1f8d3c2b1a0f9e8d7c"
_TIME = "2026-11-23 15:29:08"
_SCOPE = Column("scope", example="private")
_NAME = Column("name", example="demo")
_NAMESPACE = Column("namespace", example="")
_KEY = Column("id", Kind.UUID, example=_ID)
_TAGS = Column("tags", Kind.TAGS, sorts=False, example=["nightly"])
_OWNER = Column("project_id", Kind.PROJECT, example=_PROJECT)
_CREATED = Column("created_at", Kind.TIME, example=_TIME)
_UPDATED = Column("updated_at", Kind.TIME, example=_TIME)
_STATE = Column("state", example="SUCCESS")
_STATE_INFO = Column("state_info")
_DESCRIPTION = Column("description", example="")


def _json(name: str, example: str = "{}", *, listed: bool = True) -> Column:
    """A field that is a text holding JSON."""
    return Column(name, Kind.JSON, listed=listed, sorts=False, example=example)


def _unstored(name: str, kind: Kind = Kind.TEXT, *, listed: bool = False, example: object = None) -> Column:
    """A field without a column: it can be shown, not compared."""
    return Column(name, kind, listed=listed, filters=False, sorts=False, stored=False, example=example)


DEFINITION_EXAMPLE = "version: '2.0'\ndemo:\n  input: [who, {times: 2}]\n  tasks:\n    say:\n      action: std.echo output=<% $.who %>\n"

WORKFLOWS = Resource(
    "Workflow", "workflows",
    (
        _KEY, _NAME, _NAMESPACE,
        Column("input", example='who, times="2"'),
        Column("interface", Kind.JSON, filters=False, sorts=False, example='{"input": ["who"], "output": []}'),
        Column("definition", sorts=False, example=DEFINITION_EXAMPLE),
        Column("checksum", filters=False, sorts=False, example="dd1031fb335a449a7f1a02532e360bfb"),
        _TAGS, _SCOPE, _OWNER, _CREATED, _UPDATED,
    ),
    flags=("all_projects",),
)

WORKBOOKS = Resource(
    "Workbook", "workbooks",
    (_KEY, _NAME, _NAMESPACE, Column("definition", sorts=False, example=DEFINITION_EXAMPLE), _TAGS, _SCOPE, _OWNER, _CREATED, _UPDATED),
)

ACTIONS = Resource(
    "Action", "actions",
    (
        Column("id", example="std.echo"), Column("name", example="std.echo"), Column("is_system", Kind.FLAG, example=False),
        Column("input", example="output, delay=0"), _DESCRIPTION, _TAGS, Column("definition", example=""), _SCOPE, _OWNER,
        _CREATED, _UPDATED, _NAMESPACE,
    ),
    default_sort="name",
    unlimited=True,
)

EXECUTIONS = Resource(
    "Execution", "executions",
    (
        _KEY, Column("workflow_id", Kind.UUID, example=_OTHER_ID), Column("workflow_name", example="demo"),
        Column("workflow_namespace", filters=False, example=""), _DESCRIPTION, _TAGS, _json("params", '{"namespace": "", "env": {}}'),
        Column("task_execution_id", Kind.UUID), Column("root_execution_id", Kind.UUID), _unstored("source_execution_id"),
        _STATE, _STATE_INFO, _json("input", '{"who": "ann"}'), _json("output", '{"said": "ann"}', listed=False),
        _CREATED, _UPDATED, _OWNER, _unstored("published_global", Kind.JSON, example="{}"),
    ),
    flags=("include_output", "all_projects"),
    nullable=(
        "workflow_id", "description", "task_execution_id", "root_execution_id", "state_info", "updated_at",
    ),
)

TASKS = Resource(
    "Task", "tasks",
    (
        _KEY, Column("name", example="say"), Column("type", filters=False, sorts=False, example="ACTION"),
        Column("workflow_name", example="demo"), Column("workflow_namespace", filters=False, example=""),
        Column("workflow_id", Kind.UUID, example=_OTHER_ID), Column("workflow_execution_id", Kind.UUID, example=_OTHER_ID),
        _TAGS, _STATE, _STATE_INFO, Column("project_id", Kind.PROJECT, filters=False, example=_PROJECT),
        Column("runtime_context", Kind.JSON, filters=False, sorts=False, example="{}"),
        _unstored("result", Kind.JSON, example='"ann"'), _json("published", '{"said": "ann"}'),
        _unstored("published_global", Kind.JSON, example="{}"), Column("processed", Kind.FLAG, example=True),
        _CREATED, _UPDATED, Column("started_at", Kind.TIME, filters=False, example=_TIME),
        Column("finished_at", Kind.TIME, filters=False, example=_TIME), _unstored("reset", Kind.FLAG), _unstored("env", Kind.JSON),
    ),
)

ACTION_EXECUTIONS = Resource(
    "ActionExecution", "action_executions",
    (
        _KEY, Column("workflow_name", example="demo"), Column("workflow_namespace", filters=False, sorts=False, example=""),
        _unstored("task_name"), Column("task_execution_id", Kind.UUID, example=_OTHER_ID), _STATE, _STATE_INFO,
        Column("tags", Kind.TAGS, sorts=False), Column("name", example="std.echo"), _DESCRIPTION,
        Column("project_id", Kind.PROJECT, filters=False, example=_PROJECT), Column("accepted", Kind.FLAG, example=True),
        _json("input", '{"output": "ann"}'), _json("output", '{"result": "ann"}', listed=False), _CREATED, _UPDATED,
        _unstored("params", Kind.JSON),
    ),
    flags=("include_output",),
)

ENVIRONMENTS = Resource(
    "Environment", "environments",
    (
        _KEY, Column("name", example="production"), _DESCRIPTION, _json("variables", '{"region": "north"}'), _SCOPE,
        Column("project_id", Kind.PROJECT, filters=False, example=_PROJECT), _CREATED, _UPDATED,
    ),
)

SECRETS = Resource(
    "Secret", "secrets", (Column("name", example="database"), _CREATED, _UPDATED),
)

CRON_TRIGGERS = Resource(
    "CronTrigger", "cron_triggers",
    (
        _KEY, Column("name", example="nightly"), Column("workflow_name", example="demo"),
        Column("workflow_id", Kind.UUID, example=_OTHER_ID), _json("workflow_input"), _json("workflow_params"), _OWNER, _SCOPE,
        Column("pattern", example="0 3 * * *"), Column("remaining_executions", Kind.NUMBER, example=None),
        Column("first_execution_time", Kind.TIME), Column("next_execution_time", Kind.TIME, example=_TIME), _CREATED, _UPDATED,
    ),
    flags=("all_projects",),
)

EVENT_TRIGGERS = Resource(
    "EventTrigger", "event_triggers",
    (
        _KEY, _CREATED, _UPDATED, _OWNER, Column("name", example="on-boot"), Column("workflow_id", Kind.UUID, example=_OTHER_ID),
        _json("workflow_input"), _json("workflow_params"), Column("exchange", example="nova"), Column("topic", example="notifications"),
        Column("event", example="compute.instance.create.end"), _SCOPE,
    ),
    flags=("all_projects",),
)

MEMBERS = Resource(
    "Member", "members",
    (
        _KEY, Column("resource_id", Kind.UUID, example=_OTHER_ID), Column("resource_type", example="workflow"), _OWNER,
        Column("member_id", Kind.PROJECT, example=_PROJECT), Column("status", example="pending"), _CREATED, _UPDATED,
    ),
)

CODE_SOURCES = Resource(
    "CodeSource", "code_sources",
    (
        _KEY, Column("name", example="mine"), _NAMESPACE, Column("content", listed=False, filters=False, sorts=False),
        Column("version", Kind.NUMBER, example=1), _OWNER, _SCOPE, _CREATED, _UPDATED,
        Column("tags", Kind.TAGS, listed=False, sorts=False),
    ),
    flags=("all_projects",),
)

DYNAMIC_ACTIONS = Resource(
    "DynamicAction", "dynamic_actions",
    (
        _KEY, Column("name", example="mine.hello"), _NAMESPACE, Column("class_name", example="Hello"),
        Column("code_source_id", Kind.UUID, example=_OTHER_ID), Column("code_source_name", example="mine"), _OWNER, _SCOPE,
        _CREATED, _UPDATED,
    ),
    flags=("all_projects",),
)

PROJECT_SOURCES = Resource(
    "ProjectSource", "project_sources",
    (
        _KEY, Column("name", example="site"), Column("url", example="https://git.example.org/ops/site.git"),
        Column("ref", example="main"), Column("revision", example="6dcb09b5b57875f334f61aebed695e2e4193db5e"),
        Column("playbooks", Kind.TAGS, filters=False, sorts=False, example=["playbooks/*.yml"]), Column("credential"), _DESCRIPTION, _SCOPE,
        _OWNER, _CREATED, _UPDATED,
    ),
    flags=("all_projects",),
)

ALL: tuple[Resource, ...] = (
    WORKFLOWS, WORKBOOKS, ACTIONS, EXECUTIONS, TASKS, ACTION_EXECUTIONS, ENVIRONMENTS, CRON_TRIGGERS, EVENT_TRIGGERS, MEMBERS,
    CODE_SOURCES, DYNAMIC_ACTIONS, PROJECT_SOURCES,
)
