"""What expression functions see: the execution being decided first, other executions through a port (2.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

from maestrale.core import identity
from maestrale.core.model import Task
from maestrale.core.ports import Records
from maestrale.core.snapshot import Snapshot
from maestrale.errors import EvaluationError


def timestamp(moment: datetime | None) -> str | None:
    """A time as Mistral writes it: UTC, whole seconds, no zone."""
    return None if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def result_of(snapshot: Snapshot, task: Task) -> Any:
    """The value of ``task().result`` (table in 2.6; L191-L193, L231)."""
    accepted = snapshot.accepted(task)
    values = [_value(attempt.kind, attempt.output) for attempt in accepted]
    if snapshot.spec.tasks[task.name].with_items:
        return values
    if not values:
        return []
    return values[0] if len(values) == 1 else values


def _value(kind: str, output: Mapping[str, Any]) -> Any:
    return output if kind == "workflow" else output.get("result")


class LazyMapping(Mapping[str, Any]):
    """A mapping whose values are computed when read, so that asking for one costs nothing of the others."""

    __slots__ = ("_cache", "_getters")

    def __init__(self, getters: Mapping[str, Callable[[], Any]]) -> None:
        self._getters = getters
        self._cache: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._cache:
            self._cache[key] = self._getters[key]()
        return self._cache[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._getters)

    def __len__(self) -> int:
        return len(self._getters)

    def __contains__(self, key: object) -> bool:
        return key in self._getters


def task_mapping(snapshot: Snapshot, task: Task) -> LazyMapping:
    """The eleven keys of ``task()`` (L187)."""
    return LazyMapping({
        "id": lambda: task.id,
        "name": lambda: task.name,
        "spec": lambda: snapshot.spec.tasks[task.name].raw,
        "state": lambda: task.state,
        "state_info": lambda: task.state_info,
        "result": lambda: result_of(snapshot, task),
        "published": lambda: task.published,
        "type": lambda: task.type,
        "workflow_execution_id": lambda: task.execution_id,
        "created_at": lambda: timestamp(task.created_at),
        "updated_at": lambda: timestamp(task.updated_at),
    })


class SnapshotLookup:
    """Answers ``expr.Lookup`` for one place of one execution; ``current`` is the task being processed.

    ``bare``: a place that has no environment (2.4).
    """

    __slots__ = ("_bare", "_current", "_now", "_records", "_snapshot")

    def __init__(
        self, snapshot: Snapshot, records: Records, now: datetime, current: Task | None = None, *, bare: bool = False,
    ) -> None:
        self._bare = bare
        self._snapshot = snapshot
        self._records = records
        self._now = now
        self._current = current

    def env(self) -> Mapping[str, Any]:
        """The environment of the root execution. Raises EvaluationError where there is none to be seen (H68)."""
        if self._bare:
            raise EvaluationError("'__env'")
        return self._snapshot.env()

    def execution(self) -> Mapping[str, Any]:
        """The eight keys of ``execution()`` (L186)."""
        execution = self._snapshot.execution
        return LazyMapping({
            "id": lambda: execution.id,
            "name": lambda: execution.workflow_name,
            "spec": lambda: self._snapshot.spec.raw,
            "input": lambda: execution.input,
            "params": lambda: execution.params,
            "created_at": lambda: timestamp(execution.created_at),
            "updated_at": lambda: timestamp(execution.updated_at),
            "root_execution_id": lambda: execution.root_execution_id,
        })

    def task(self, name: str | None) -> Mapping[str, Any] | None:
        """The current task, or the last one of a name; None where it hasn't started or there is none (L188-L190)."""
        if self._current is not None and name in (None, self._current.name):
            return task_mapping(self._snapshot, self._current)
        found = None if name is None else self._snapshot.latest(name)
        return None if found is None else task_mapping(self._snapshot, found)

    def tasks(
        self, *, workflow_execution_id: str | None, recursive: bool, state: str | None, flat: bool,
    ) -> list[Mapping[str, Any]]:
        """Tasks of this execution from memory, others as they are stored (L194, L195)."""
        own_id = self._snapshot.execution.id
        mine: list[Mapping[str, Any]] = []
        if workflow_execution_id in (None, own_id):
            mine = [task_mapping(self._snapshot, t) for t in self._snapshot.tasks.values()
                    if (state is None or t.state == state) and (not flat or self._is_flat(t))]
        if workflow_execution_id == own_id and not recursive:
            return mine
        others = self._records.tasks(
            self._snapshot.execution.project_id, workflow_execution_id=workflow_execution_id,
            recursive=recursive, state=state, flat=flat)
        return mine + [t for t in others if t["workflow_execution_id"] != own_id]

    def _is_flat(self, task: Task) -> bool:
        if task.type == "ACTION":
            return bool(self._snapshot.attempts_of[task.id])
        return all(a.state != task.state for a in self._snapshot.attempts_of[task.id])

    def executions(
        self, *, id: str | None, root_execution_id: str | None, state: str | None,  # noqa: A002 - the language's name
        from_time: str | None, to_time: str | None,
    ) -> list[Mapping[str, Any]]:
        """Executions of the project, as stored (L196)."""
        return list(self._records.executions(
            self._snapshot.execution.project_id, id=id, root_execution_id=root_execution_id, state=state,
            from_time=from_time, to_time=to_time))

    def global_(self, name: str) -> Any:
        """A global variable or a var, null if absent (L107, L201)."""
        return self._snapshot.execution.context.get(name)

    def uuid(self) -> str:
        """A new identity; deciding the same again gives the same."""
        return identity.derive(self._snapshot.execution.id, "uuid", self._snapshot.next_ordinal())

    def now(self) -> datetime:
        """The time of this decision."""
        return self._now


class EnvironmentLookup:
    """While an environment is evaluated there is nothing but its raw self (L157); no execution exists yet."""

    __slots__ = ("_count", "_env", "_now", "_owner")

    def __init__(self, env: Mapping[str, Any], owner: str, now: datetime) -> None:
        self._env = env
        self._owner = owner
        self._now = now
        self._count = 0

    def env(self) -> Mapping[str, Any]:
        """The raw environment."""
        return self._env

    def _refuse(self, function: str) -> NoReturn:
        raise EvaluationError(f"{function}() can't be used in an environment")

    def execution(self) -> Mapping[str, Any]:
        """Refused: there is no execution yet."""
        self._refuse("execution")

    def task(self, name: str | None) -> Mapping[str, Any] | None:  # noqa: ARG002 - the port's signature
        """Refused: there is no task yet."""
        self._refuse("task")

    def tasks(self, **_filters: Any) -> list[Any]:
        """Refused: there is no execution yet."""
        self._refuse("tasks")

    def executions(self, **_filters: Any) -> list[Any]:
        """Refused: there is no execution yet."""
        self._refuse("executions")

    def global_(self, name: str) -> Any:  # noqa: ARG002 - the port's signature
        """Refused: there is no execution yet."""
        self._refuse("global")

    def uuid(self) -> str:
        """A new identity; starting the same again gives the same."""
        self._count += 1
        return identity.derive(self._owner, "env-uuid", self._count)

    def now(self) -> datetime:
        """The time of the start."""
        return self._now
