"""Names and bodies of notifications (3.22)."""

from __future__ import annotations

from typing import Any

from maestrale.core import states
from maestrale.core.lookup import timestamp
from maestrale.core.model import Execution, Task

_ENDS = {states.SUCCESS: "SUCCEEDED", states.ERROR: "FAILED", states.CANCELLED: "CANCELLED", states.PAUSED: "PAUSED"}
_BACK = {states.PAUSED: "RESUMED", states.ERROR: "RERUN"}


def task_event(old: str, new: str, *, first: bool) -> str | None:
    """The event of a task's move, None where there is none: moves to IDLE, WAITING and DELAYED."""
    if new == states.SKIPPED:
        return "TASK_SKIPPED"
    if new == states.RUNNING:
        if old in (states.IDLE, states.WAITING):
            return "TASK_LAUNCHED" if first and old == states.IDLE else "TASK_RESUMED"
        return f"TASK_{_BACK.get(old, 'LAUNCHED')}"
    end = _ENDS.get(new)
    return f"TASK_{end}" if end else None


def execution_event(old: str, new: str) -> str | None:
    """The event of an execution's move."""
    if new == states.RUNNING:
        return f"WORKFLOW_{_BACK.get(old, 'LAUNCHED')}"
    end = _ENDS.get(new)
    return f"WORKFLOW_{end}" if end else None


def _common(event: str | None, execution: Execution) -> dict[str, Any]:
    return {
        "event": event, "workflow_name": execution.workflow_name,
        "workflow_namespace": execution.workflow_namespace, "workflow_id": execution.workflow_id,
        "project_id": execution.project_id,
    }


def execution_notice(event: str | None, execution: Execution) -> dict[str, Any]:
    """What is posted for an execution."""
    return _common(event, execution) | {
        "id": execution.id, "name": execution.workflow_name, "state": execution.state,
        "state_info": execution.state_info, "created_at": timestamp(execution.created_at),
        "updated_at": timestamp(execution.updated_at), "task_execution_id": execution.task_execution_id,
        "root_execution_id": execution.root_execution_id,
    }


def task_notice(event: str | None, task: Task, execution: Execution) -> dict[str, Any]:
    """What is posted for a task."""
    return _common(event, execution) | {
        "id": task.id, "name": task.name, "state": task.state, "state_info": task.state_info,
        "created_at": timestamp(task.created_at), "updated_at": timestamp(task.updated_at),
        "workflow_execution_id": task.execution_id, "type": task.type,
        "started_at": timestamp(task.started_at), "finished_at": timestamp(task.finished_at),
    }
