"""The report of an execution (1.9.4): how its tasks stand, and the tree with the reason of each failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from maestrale.api.call import Call
from maestrale.api.reads import scope_of
from maestrale.api.wire import Row, timestamp
from maestrale.store import Connection, reports
from maestrale.store.encoding import loads

NO_HISTORY = -1
OVERDUE = 1

REPORT_EXAMPLE: Mapping[str, Any] = {
    "statistics": {
        "total_tasks_count": 2, "running_tasks_count": 0, "success_tasks_count": 1, "error_tasks_count": 1, "idle_tasks_count": 0,
        "paused_tasks_count": 0, "estimated_time": 0,
    },
    "root_workflow_execution": {
        "id": "c178e8ca-0f3d-4a6e-8a53-8f60bbf3a2a1", "name": "demo", "created_at": "2026-11-23 15:29:08",
        "updated_at": "2026-11-23 15:29:09", "state": "ERROR", "state_info": "Failure caused by error in tasks: boom",
        "task_executions": [],
    },
}


def build_report(call: Call, identifier: str, *, errors_only: bool, max_depth: int, statistics_only: bool) -> dict[str, Any]:
    """The reply. Raises NotFoundError."""
    scope = scope_of(call.caller)

    def read(conn: Connection) -> tuple[reports.ReportData, float | None]:
        data = reports.report(conn, scope, identifier, max_depth)
        root = data.executions[0]
        running = root["state"] == "RUNNING"
        mean = reports.mean_duration(
            conn, root["workflow_name"], root["workflow_namespace"], call.caller.project_id) if running else None
        return data, mean

    data, mean = call.parts.database.run_read(read)
    body: dict[str, Any] = {"statistics": _statistics(data, mean, call.parts.now())}
    if not statistics_only:
        body["root_workflow_execution"] = _Tree(data, errors_only=errors_only).execution(data.executions[0])
    return body


def _statistics(data: reports.ReportData, mean: float | None, now: datetime) -> dict[str, int]:
    counts = Counter(task["state"] for task in data.tasks)
    named = {f"{state.lower()}_tasks_count": counts[state] for state in ("RUNNING", "SUCCESS", "ERROR", "IDLE", "PAUSED")}
    return {"total_tasks_count": len(data.tasks), **named, "estimated_time": _estimate(data.executions[0], mean, now)}


def _estimate(root: Row, mean: float | None, now: datetime) -> int:
    """Seconds left from the mean of earlier runs: -1 without history, 1 when overdue, 0 when it doesn't run (A186)."""
    if root["state"] != "RUNNING":
        return 0
    if mean is None:
        return NO_HISTORY
    left = round(mean - (now - root["created_at"]).total_seconds())
    return left if left > 0 else OVERDUE


class _Tree:
    """The nested part, put together from flat rows."""

    def __init__(self, data: reports.ReportData, *, errors_only: bool) -> None:
        self._errors_only = errors_only
        self._tasks = _grouped(data.tasks, "workflow_execution_id")
        self._actions = _grouped(data.actions, "task_execution_id")
        self._children = _grouped(data.executions, "task_execution_id")

    def execution(self, row: Row) -> dict[str, Any]:
        """An execution with its tasks, only the failed ones where errors alone are wanted (A182)."""
        tasks = self._tasks.get(row["id"], ())
        shown = [task for task in tasks if not self._errors_only or task["state"] == "ERROR"]
        return {**_entry(row, row["workflow_name"]), "task_executions": [self._task(task) for task in shown]}

    def _task(self, row: Row) -> dict[str, Any]:
        entry = {
            **_entry(row, row["name"]),
            "action_executions": [_action(one) for one in self._actions.get(row["id"], ())],
            "workflow_executions": [self.execution(one) for one in self._children.get(row["id"], ())],
        }
        context = row["runtime_context"]
        retry = loads(context).get("retry_task_policy") if context and "retry_task_policy" in context else None
        if retry:
            entry["retry_count"] = retry.get("retry_no", 0)
        return entry


def _entry(row: Row, name: str) -> dict[str, Any]:
    return {
        "id": row["id"], "name": name, "created_at": timestamp(row["created_at"]), "updated_at": timestamp(row["updated_at"]),
        "state": row["state"], "state_info": row["state_info"],
    }


def _action(row: Row) -> dict[str, Any]:
    return {**_entry(row, row["name"]), "accepted": row["accepted"], "last_heartbeat": timestamp(row["dispatched_at"])}


def _grouped(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row[name] is not None:
            groups.setdefault(row[name], []).append(row)
    return groups
