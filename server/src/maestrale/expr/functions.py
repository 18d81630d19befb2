"""The functions of Mistral (2.6), once for both languages; everything about executions is asked of ``Lookup``.

YAQL knows them with camelCase parameters, Jinja with snake_case ones (L197); both come from the names here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from maestrale.errors import EvaluationError
from maestrale.expr import documents
from maestrale.expr.context import Lookup, Scope
from maestrale.expr.limits import Options


class Functions:
    """The functions as one evaluation sees them. Each raises EvaluationError where no lookup is at hand."""

    __slots__ = ("_options", "_scope")

    def __init__(self, scope: Scope, options: Options) -> None:
        self._scope = scope
        self._options = options

    def _lookup(self, name: str) -> Lookup:
        if self._scope.lookup is None:
            raise EvaluationError(f"{name}() can't be used here")
        return self._scope.lookup

    def env(self) -> Any:
        """The environment: that of the root as long as it has one, as in Mistral (L185)."""
        root = self._scope.root
        if isinstance(root, Mapping) and "__env" in root:
            return root["__env"]
        return self._lookup("env").env()

    def execution(self) -> Any:
        """The current execution (L186)."""
        return self._lookup("execution").execution()

    def executions(
        self,
        id: str | None = None,  # noqa: A002 - the name that authors write
        root_execution_id: str | None = None,
        state: str | None = None,
        from_time: str | datetime | None = None,
        to_time: str | datetime | None = None,
    ) -> Any:
        """The executions that match (L196)."""
        return self._lookup("executions").executions(
            id=id,
            root_execution_id=root_execution_id,
            state=state,
            from_time=_time_text(from_time),
            to_time=_time_text(to_time),
        )

    def task(self, task_name: str | None = None) -> Any:
        """A task, the current one without a name; null outside of a task (L187-L190)."""
        return self._lookup("task").task(task_name or None)

    def tasks(
        self,
        workflow_execution_id: str | None = None,
        recursive: bool = False,
        state: str | None = None,
        flat: bool = False,
    ) -> Any:
        """The tasks that match (L194, L195)."""
        return self._lookup("tasks").tasks(
            workflow_execution_id=workflow_execution_id, recursive=bool(recursive), state=state, flat=bool(flat)
        )

    def global_(self, var_name: str) -> Any:
        """A global variable, None if it doesn't exist (L201)."""
        return self._lookup("global").global_(var_name)

    def uuid(self) -> str:
        """A new UUID (L198)."""
        return self._lookup("uuid").uuid()

    def now(self) -> datetime:
        """The current time as a naive UTC datetime, for YAQL's ``now``."""
        return self._lookup("now").now()

    def json_dump(self, data: Any) -> str:
        """JSON text (L199)."""
        return documents.json_dump(data, self._options)

    def json_parse(self, data: Any) -> Any:
        """The value of a JSON text (L199)."""
        return documents.json_parse(data, self._options)

    def yaml_dump(self, data: Any) -> str:
        """YAML text (L200)."""
        return documents.yaml_dump(data, self._options)

    def yaml_parse(self, data: Any) -> Any:
        """The value of a YAML text (L200)."""
        return documents.yaml_parse(data, self._options)

    def named(self) -> dict[str, Callable[..., Any]]:
        """The functions by the names that authors write."""
        return {name: getattr(self, attribute) for name, attribute in NAMES.items()}


NAMES = {
    "env": "env",
    "execution": "execution",
    "executions": "executions",
    "task": "task",
    "tasks": "tasks",
    "global": "global_",
    "uuid": "uuid",
    "json_dump": "json_dump",
    "json_parse": "json_parse",
    "yaml_dump": "yaml_dump",
    "yaml_parse": "yaml_parse",
}
"""Name in the languages to attribute of ``Functions``."""


def _time_text(value: str | datetime | None) -> str | None:
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return value.isoformat(" ")
    return value
