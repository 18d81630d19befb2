"""Other executions than the one being decided, for ``tasks()`` and ``executions()`` in expressions (2.6).

What is listed is read when asked for; what a task came to, which may be large, only when an expression reads it.
Everything stays within the project of the execution that asks. Used by the deciding thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from maestrale.core.lookup import LazyMapping, result_of, timestamp
from maestrale.core.snapshot import Snapshot
from maestrale.engine.shelf import Shelf
from maestrale.errors import EvaluationError, MaestraleError, NotFoundError
from maestrale.store import Connection, Database, queries, reports
from maestrale.store.encoding import loads
from maestrale.store.filters import Where
from maestrale.store.scope import Scope

JSON_FIELDS = ("input", "output", "params")
SHOWN = (
    "id", "workflow_name", "workflow_id", "workflow_namespace", "description", "state", "state_info", "input", "output", "params",
    "project_id", "root_execution_id", "task_execution_id", "created_at", "updated_at",
)
TASK_FIELDS = (
    "id", "name", "type", "state", "state_info", "published", "workflow_execution_id", "created_at", "updated_at",
)


class StoredRecords:
    """See the module. Implements ``core.ports.Records``."""

    def __init__(self, database: Database, shelf: Shelf) -> None:
        self._database = database
        self._shelf = shelf

    def executions(
        self, project_id: str, *, id: str | None, root_execution_id: str | None, state: str | None,  # noqa: A002 - the language's name
        from_time: str | None, to_time: str | None,
    ) -> list[dict[str, Any]]:
        """Matching executions of the project, oldest first."""
        filters = [Where("project_id", "eq", project_id)]
        equal = {"id": id, "root_execution_id": root_execution_id, "state": state}
        filters += [Where(name, "eq", value) for name, value in equal.items() if value is not None]
        filters += [Where("created_at", "gte", from_time)] if from_time else []
        filters += [Where("created_at", "lt", to_time)] if to_time else []
        return [_execution(row) for row in self._list("executions", project_id, filters, SHOWN)]

    def tasks(
        self, project_id: str, *, workflow_execution_id: str | None, recursive: bool, state: str | None, flat: bool,
    ) -> list[dict[str, Any]]:
        """Matching tasks, oldest first; read-only, each value computed when it is read."""
        filters = [Where("state", "eq", state)] if state is not None else []
        if workflow_execution_id is not None:
            filters.append(Where("workflow_execution_id", "in", self._tree(project_id, workflow_execution_id, recursive=recursive)))
        rows = self._list("tasks", project_id, [Where("project_id", "eq", project_id), *filters], TASK_FIELDS)
        known: dict[str, Snapshot] = {}
        found = [self._task(row, known) for row in rows if not flat or self._is_flat(project_id, row)]
        return cast("list[dict[str, Any]]", found)

    def _list(self, resource: str, project_id: str, filters: list[Where], fields: tuple[str, ...]) -> list[dict[str, Any]]:
        scope = Scope(project_id)

        def read(conn: Connection) -> list[dict[str, Any]]:
            return queries.list_(conn, resource, scope, filters=filters, fields=fields)

        try:
            return self._database.run_look(read)
        except MaestraleError as error:
            raise EvaluationError(str(error)) from error

    def _tree(self, project_id: str, execution_id: str, *, recursive: bool) -> list[str]:
        if not recursive:
            return [execution_id]

        def read(conn: Connection) -> list[str]:
            return reports.sub_executions(conn, Scope(project_id), execution_id=execution_id)

        try:
            return self._database.run_read(read)
        except NotFoundError:
            return []

    def _is_flat(self, project_id: str, row: Mapping[str, Any]) -> bool:
        """Only tasks with actions, and workflow tasks whose state differs from that of every child (2.6)."""
        if row["type"] == "ACTION":
            return bool(self._list("action_executions", project_id, [Where("task_execution_id", "eq", row["id"])], ("id",)))
        children = self._list("executions", project_id, [Where("task_execution_id", "eq", row["id"])], ("state",))
        return all(child["state"] != row["state"] for child in children)

    def _task(self, row: Mapping[str, Any], known: dict[str, Snapshot]) -> Mapping[str, Any]:
        def snapshot() -> Snapshot:
            execution_id = row["workflow_execution_id"]
            if execution_id not in known:
                known.update(self._shelf.get([execution_id]))
            if execution_id not in known:
                raise EvaluationError(f"The execution of the task is gone [id={execution_id}]")
            return known[execution_id]

        def result() -> Any:
            found = snapshot()
            return result_of(found, found.tasks[row["id"]]) if row["id"] in found.tasks else None

        return LazyMapping({
            "id": lambda: row["id"],
            "name": lambda: row["name"],
            "spec": lambda: snapshot().spec.tasks[row["name"]].raw,
            "state": lambda: row["state"],
            "state_info": lambda: row["state_info"],
            "result": result,
            "published": lambda: _value(row["published"]),
            "type": lambda: row["type"],
            "workflow_execution_id": lambda: row["workflow_execution_id"],
            "created_at": lambda: _time(row["created_at"]),
            "updated_at": lambda: _time(row["updated_at"]),
        })


def _execution(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(row)
    for name in JSON_FIELDS:
        shown[name] = _value(row[name])
    shown["name"] = row["workflow_name"]
    shown["created_at"], shown["updated_at"] = _time(row["created_at"]), _time(row["updated_at"])
    return shown


def _value(text: str | None) -> Any:
    return None if text is None else loads(text)


def _time(moment: datetime | None) -> str | None:
    return timestamp(moment)
