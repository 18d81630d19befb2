"""The records that a decision reads and changes: an execution, its tasks, their attempts.

An *attempt* is one try at a task's work: an action execution or a sub-workflow execution, seen from the
task. Records are plain mutable values owned by one snapshot; ``set`` notes which columns changed, so that
the store writes those alone. Times are naive UTC datetimes. Values (inputs, outputs, variables) are shared
between records and never changed in place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self


@dataclass(slots=True, kw_only=True)
class Record:
    """Common part: identity, and which columns differ from the stored row."""

    id: str
    created_at: datetime
    updated_at: datetime
    stored: bool = False
    dirty: set[str] = field(default_factory=set)

    def set(self, **values: Any) -> Self:
        """Assign columns and remember them as changed."""
        for name, value in values.items():
            setattr(self, name, value)
        self.dirty.update(values)
        return self


@dataclass(slots=True, kw_only=True)
class Execution(Record):
    """A workflow execution (3.2). ``version`` counts the commits that changed it or anything below it.

    ``params`` as in Mistral: start parameters, ``namespace``, evaluated ``env``; for children
    ``root_execution_id``, ``task_execution_id``, ``index``. ``context`` holds ``__execution``, ``vars`` and
    globals. ``runtime`` is the engine's own: ``index``, ``wb_name``, ``backlog``, ``ordinal`` (last number given
    to a task or attempt), ``revived``. ``security`` is the caller (user, project, roles, trust), never a token.
    """

    version: int = 0
    project_id: str
    workflow_id: str | None = None
    workflow_name: str
    workflow_namespace: str = ""
    spec_digest: str
    description: str | None = None
    tags: list[str] = field(default_factory=list)
    state: str
    state_info: str | None = None
    input: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    accepted: bool = False
    task_execution_id: str | None = None
    parent_execution_id: str | None = None
    root_execution_id: str | None = None
    runtime: dict[str, Any] = field(default_factory=dict)
    security: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Task(Record):
    """A task execution (3.2). ``ordinal`` orders tasks and attempts of one execution by creation."""

    execution_id: str
    ordinal: int
    project_id: str
    name: str
    type: Literal["ACTION", "WORKFLOW"]
    state: str
    state_info: str | None = None
    unique_key: str | None = None
    tags: list[str] = field(default_factory=list)
    published: dict[str, Any] | None = None
    published_global: dict[str, Any] | None = None
    processed: bool = False
    next_tasks: list[list[Any]] | None = None
    has_next_tasks: bool = False
    error_handled: bool = False
    runtime_context: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Attempt(Record):
    """An action execution, or (``kind`` workflow) a child whose execution has the same id.

    ``output`` is ``{'result': value}`` once an action is complete, the child's output mapping for a child,
    else ``{}``. ``execution_id`` and ``task_id`` are None for an action that was run on its own. ``owner`` is the
    process that runs it; ``runtime_context`` holds ``index`` and ``safe_rerun``, and what running it needs
    (``target``, ``timeout``, ``base`` of an ad-hoc action).
    """

    kind: Literal["action", "workflow"] = "action"
    execution_id: str | None
    task_id: str | None
    ordinal: int = 0
    index: int = 0
    project_id: str
    name: str
    namespace: str = ""
    description: str = ""
    state: str
    state_info: str | None = None
    input: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    accepted: bool = False
    is_sync: bool = True
    idempotent: bool = False
    tags: list[str] = field(default_factory=list)
    runtime_context: dict[str, Any] = field(default_factory=dict)
    owner: str | None = None
    dispatched_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Job:
    """A durable effect that waits: a message for an execution, now or at a time, or a notification.

    ``kind`` is ``message`` (``execution_id`` is decided with ``payload``) or ``notify`` (``payload`` is sent out).
    """

    id: str
    kind: Literal["message", "notify"]
    execution_id: str | None
    due_at: datetime
    payload: dict[str, Any]
    created_at: datetime
    owner: str | None = None
    attempts: int = 0
